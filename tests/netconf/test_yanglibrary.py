"""A hello that leaves its modules to the yang-library is followed there; the library's text is SYNTHETIC."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

import pytest

import agent
from agent.model.state import ConfigModel
from agent.netconf.session import Session
from agent.netconf.yang.capability import Capabilities, Module
from agent.netconf.yang.yanglibrary import needed
from agent.remedy.access import access
from agent.simulator import Device, Fault, FaultKind, rpc_error
from tests.support import Lab

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
NS = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
RFC_8525 = "urn:ietf:params:netconf:capability:yang-library:1.1?revision=2019-01-04&content-id=15"
RFC_7895 = "urn:ietf:params:netconf:capability:yang-library:1.0?revision=2016-06-21&module-set-id=15"


def greet(device: Device, uris: Iterable[str]) -> None:
    """Let *device* announce just that."""
    listed = "".join(f"<capability>{escape(uri)}</capability>" for uri in uris)
    text = f'<hello xmlns="{BASE}"><capabilities>{listed}</capabilities><session-id>%b</session-id></hello>'
    device.hello = text.replace("%", "%%").replace("%%b", "%b").encode()


def of_protocol(device: Device) -> list[str]:
    """What a device announces besides modules."""
    return [uri for uri in device.persona.capabilities() if "module=" not in uri]


def modules(device: Device) -> list[Module]:
    return list(Capabilities.from_uris(device.persona.capabilities()).modules.values())


def entry(one: Module, *more: str) -> str:
    return (
        f"<module><name>{one.name}</name><revision>{one.revision}</revision><namespace>{one.namespace}</namespace>"
        f"{''.join(more)}</module>"
    )


def old(listed: Iterable[str]) -> str:
    """As of RFC 7895."""
    return f'<modules-state xmlns="{NS}"><module-set-id>15</module-set-id>{"".join(listed)}</modules-state>'


def new(listed: Iterable[str], further: str = "") -> str:
    """As of RFC 8525."""
    return (
        f'<yang-library xmlns="{NS}"><module-set><name>complete</name>{"".join(listed)}{further}</module-set>'
        "<content-id>15</content-id></yang-library>"
    )


def answering(device: Device, data: str, number: str = "1") -> None:
    """Let the first get bring *data*."""
    raw = f'<rpc-reply xmlns="{BASE}" message-id="{number}"><data>{data}</data></rpc-reply>'
    device.faults.append(Fault("get", FaultKind.RAW, raw.encode(), times=1))


@pytest.mark.parametrize("library", [RFC_8525, RFC_7895])
def test_a_router_whose_modules_are_in_its_yang_library_is_remedied(lab: Lab, library: str) -> None:
    device = lab.add(release="7.8.1", terminal_rpc="installs")
    greet(device, [*of_protocol(device), library])
    answering(device, (new if library == RFC_8525 else old)(entry(one) for one in modules(device)))
    with lab.connect(device) as session:
        assert session.capabilities.modules == Capabilities.from_uris(device.persona.capabilities()).modules
        assert session.capabilities.candidate
        assert access(session.capabilities, session.schema).config_model is ConfigModel.UM_CRYPTO
        assert agent.remediate(session).result is agent.Result.REMEDIED
    assert device.counters["get"] > 1


def test_a_hello_of_yang_1_modules_alone_is_completed(lab: Lab) -> None:
    device = lab.add(release="7.8.1", terminal_rpc="installs")
    listed = [uri for uri in device.persona.capabilities() if "module=" not in uri or "crypto-act" in uri]
    greet(device, [*listed, RFC_8525])
    answering(device, new(entry(one) for one in modules(device) if "crypto-act" not in one.name))
    with lab.connect(device) as session:
        assert session.capabilities.modules == Capabilities.from_uris(device.persona.capabilities()).modules


def test_a_router_that_lists_its_modules_is_not_asked(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    greet(device, [*device.persona.capabilities(), RFC_8525, RFC_7895])
    with lab.connect(device) as session:
        assert session.capabilities.module("Cisco-IOS-XR-um-crypto-cfg")
        assert not needed(session.capabilities)
    assert device.counters["get"] == 0


def followed(lab: Lab, data: str, library: str = RFC_8525) -> Capabilities:
    device = lab.add()
    greet(device, [*of_protocol(device), library])
    answering(device, data)
    with lab.connect(device) as session:
        return session.capabilities


FIRST = Module("first", "2020-01-01", "urn:first")


@pytest.mark.parametrize("of_7895", [False, True])
def test_features_deviations_and_submodules_come_along(lab: Lab, of_7895: bool) -> None:
    deviations = (
        "<deviation><name>a-dev</name><revision>2021-01-01</revision></deviation>"
        "<deviation><name>b-dev</name><revision/></deviation>"
        if of_7895
        else "<deviation>a-dev</deviation><deviation>b-dev</deviation>"
    )
    told = (
        "<feature>one</feature><feature>two</feature>",
        deviations,
        "<submodule><name>first-part</name><revision>2019-01-01</revision></submodule>",
    )
    found = followed(lab, (old if of_7895 else new)([entry(FIRST, *told)]), RFC_7895 if of_7895 else RFC_8525)
    assert found.module("first") == Module("first", "2020-01-01", "urn:first", ("a-dev", "b-dev"), ("one", "two"))
    assert found.module("first-part") == Module("first-part", "2019-01-01", "urn:first")


def test_what_is_only_imported_is_no_data_of_the_device(lab: Lab) -> None:
    act = Module("Cisco-IOS-XR-crypto-act", "2019-04-05", "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-act")
    imports = "<conformance-type>import</conformance-type>"
    listed = [entry(FIRST), entry(Module("first", "2010-01-01", "urn:first"), imports), entry(act, imports)]
    types = [entry(Module("types", day, "urn:types"), imports) for day in ("2013-07-15", "2010-09-24")]
    found = followed(lab, old([*listed, *types]), RFC_7895)
    assert found.module(act.name) is None
    assert found.module("first") == FIRST
    assert found.module("types") == Module("types", "2013-07-15", "urn:types")
    both = (act, Module("t", "2013-07-15", "urn:t"))
    only = "".join(entry(one).replace("module>", "import-only-module>") for one in both)
    assert set(followed(lab, new([entry(FIRST)], only)).modules) == {"first", "t"}


@pytest.mark.parametrize(
    "fault, said",
    [
        (Fault("get", FaultKind.ERROR, rpc_error("access-denied", "no"), times=9), "access-denied"),
        (Fault("get", FaultKind.SILENT, times=9), "got no answer within 1 s"),
        (Fault("get", FaultKind.HALF, times=9), "session"),
        (Fault("get", FaultKind.EMPTY, times=9), "it lists no module"),
    ],
)
def test_a_library_that_cannot_be_read_is_said_once_and_breaks_nothing(lab: Lab, fault: Fault, said: str) -> None:
    device = lab.add()
    greet(device, [*of_protocol(device), RFC_8525])
    device.faults.append(fault)
    with lab.connect(device, timeout=1.0) as session:
        found = access(session.capabilities, session.schema)
        assert found.methods == ()
        (reason,) = found.reasons
        assert "the device's yang-library, which could not be read: " in reason
        assert said in reason
        assert session.capabilities.empty
    assert device.counters["get"] == 1


@pytest.mark.parametrize(
    "data",
    [
        "<other xmlns='urn:x'/>",
        new([]),
        new(["<module/>", "<module><name/></module>", "<module><name>a b</name><namespace>urn:a</namespace></module>"]),
        new(["<module><name>a</name></module>", "<module><name>a</name><namespace>urn:a?b=c</namespace></module>"]),
    ],
)
def test_entries_that_are_no_modules_are_left_out(lab: Lab, data: str) -> None:
    found = followed(lab, data)
    assert found.empty
    assert found.notes


def test_a_module_without_a_revision_or_with_an_odd_one_has_none(lab: Lab) -> None:
    listed = [entry(Module(f"m{day}", day, "urn:m")) for day in ("", "9")]
    found = followed(lab, old(listed), RFC_7895)
    assert {one.revision for one in found.modules.values()} == {None}
    assert len(found.modules) == 2


def test_a_borrowed_session_follows_it_too(lab: Lab) -> None:
    device = lab.add(release="7.8.1")
    greet(device, [*of_protocol(device), RFC_8525])
    with lab.connect(device) as owner:
        borrowed = Session(owner._transport, device="r1", owned=False, timeout=10.0)
        answering(device, new([entry(FIRST)]), f"{borrowed._prefix}1")
        assert borrowed.capabilities.module("first") == FIRST
