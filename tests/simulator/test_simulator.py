"""The simulator, judged by a client that was not written here: stock ncclient."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
import pytest
from lxml import etree
from ncclient import NCClientError, manager
from ncclient.operations import RPCError

from agent.model.pki.anchor import TrustAnchor
from agent.simulator import Device, Fault, FaultKind, Simulator, releases
from tests.support import Lab, eventually

NS = "http://cisco.com/ns/yang/Cisco-IOS-XR-"
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"


@contextmanager
def client(lab: Lab, device: Device) -> Iterator[Any]:
    """Stock ncclient."""
    with manager.connect(
        host="127.0.0.1",
        port=device.port,
        username=lab.simulator.username,
        password=lab.simulator.password,
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=60,
    ) as connected:
        yield connected


def trustpoint(inner: str, operation: str = "") -> str:
    """A ``<config>`` about trustpoint T."""
    return (
        f'<config xmlns="{BASE}" xmlns:nc="{BASE}"><crypto xmlns="{NS}um-crypto-cfg"><ca><trustpoint><trustpoints>'
        f"<trustpoint {operation}><trustpoint-name>T</trustpoint-name>{inner}</trustpoint></trustpoints></trustpoint>"
        "</ca></crypto></config>"
    )


def refused(connected: Any, config: str) -> str:
    """The error-tag by which an edit is refused."""
    with pytest.raises(RPCError) as error:
        connected.edit_config(target="candidate", config=config)
    return str(error.value.tag)


@pytest.mark.parametrize("base_11", [True, False])
def test_ncclient_reads_edits_and_commits_in_both_framings(lab: Lab, base_11: bool) -> None:
    device = lab.add(base_11=base_11)
    with client(lab, device) as connected:
        connected.edit_config(target="candidate", config=trustpoint("<enrollment><terminal/></enrollment>"))
        assert device.config.dirty
        connected.validate("candidate")
        connected.commit()
        assert "<terminal" in connected.get_config("running").data_xml
    assert device.enrollment("T") == "terminal"


def test_the_hello_announces_the_modules_of_the_release(lab: Lab) -> None:
    with client(lab, lab.add(release="7.3.2")) as connected:
        listed = " ".join(connected.server_capabilities)
    assert "module=Cisco-IOS-XR-crypto-cepki-cfg&revision=2021-05-13" in listed
    assert "um-crypto-cfg" not in listed


@pytest.mark.parametrize("release", releases()[1::9])
def test_every_release_answers(lab: Lab, release: str) -> None:
    with client(lab, lab.add(release=release)) as connected:
        assert connected.get_config("running").ok


def test_operations_of_an_edit_do_what_rfc_6241_says(lab: Lab) -> None:
    description = "<description>{}</description>"
    with client(lab, lab.add()) as connected:
        operation = 'nc:operation="{}"'
        assert refused(connected, trustpoint("", operation.format("delete"))) == "data-missing"
        connected.edit_config(target="candidate", config=trustpoint("", operation.format("remove")))
        connected.edit_config(
            target="candidate", config=trustpoint(description.format("a"), operation.format("create"))
        )
        assert refused(connected, trustpoint("", operation.format("create"))) == "data-exists"
        connected.edit_config(target="candidate", config=trustpoint("<vrf>v</vrf>"))
        assert "<vrf" in connected.get_config("candidate").data_xml
        connected.edit_config(
            target="candidate", config=trustpoint(description.format("b"), operation.format("replace"))
        )
        shown = connected.get_config("candidate").data_xml
        assert "<vrf" not in shown
        assert ">b<" in shown
        connected.discard_changes()
        assert "trustpoint-name" not in connected.get_config("candidate").data_xml


def test_what_the_model_refuses_is_refused(lab: Lab) -> None:
    device = lab.add()
    with client(lab, device) as connected:
        assert refused(connected, trustpoint("<nonsense/>")) == "unknown-element"
        other = trustpoint("").replace(f"{NS}um-crypto-cfg", "urn:other")
        assert refused(connected, other) == "unknown-namespace"
        connected.edit_config(target="candidate", config=trustpoint("<auto-enroll>900</auto-enroll>"))
        with pytest.raises(RPCError) as error:
            connected.validate("candidate")
        assert error.value.tag == "invalid-value"


def test_locks_keep_others_out_and_end_with_their_session(lab: Lab) -> None:
    device = lab.add()
    with client(lab, device) as second:
        with client(lab, device) as first:
            first.lock("candidate")
            with pytest.raises(RPCError) as error:
                second.lock("candidate")
            assert error.value.tag == "lock-denied"
            assert first.session_id in str(error.value.info)
            assert refused(second, trustpoint("")) == "in-use"
            first.edit_config(target="candidate", config=trustpoint(""))
        second.lock("candidate")
        assert not device.config.dirty


def test_a_candidate_left_changed_refuses_its_lock(lab: Lab) -> None:
    device = lab.add()
    device.dirty()
    with client(lab, device) as connected, pytest.raises(RPCError) as error:
        connected.lock("candidate")
    assert error.value.tag == "lock-denied"


def test_a_filter_selects_by_key_and_several_top_level_subtrees_return_nothing(lab: Lab) -> None:
    device = lab.add()
    device.configure("A", "terminal")
    device.configure("B", "http://ca.example/")
    inner = '<crypto xmlns="' + NS + 'um-crypto-cfg"><ca><trustpoint><trustpoints><trustpoint><trustpoint-name>{}'
    outer = "</trustpoint-name></trustpoint></trustpoints></trustpoint></ca></crypto>"
    with client(lab, device) as connected:
        shown = connected.get_config("running", ("subtree", inner.format("B") + outer)).data_xml
        assert "ca.example" in shown
        assert "terminal" not in shown
        none = connected.get_config("running", ("subtree", inner.format("C") + outer)).data
        assert len(none) == 0
        both = f'<install xmlns="{NS}install-oper"/><smart-agent xmlns="{NS}infra-smartlicense-oper"/>'
        answer = connected.dispatch(
            etree.fromstring(f'<get xmlns="{BASE}"><filter type="subtree">{both}</filter></get>')
        )
        assert "install" not in answer.xml.replace("install-oper", "")


@pytest.mark.parametrize("rpc, installed", [("ok-without-certificate", 0), ("installs", 1)])
def test_terminal_enrollment_does_what_the_setting_says(lab: Lab, rpc: str, installed: int) -> None:
    device = lab.add(enrollment="terminal", terminal_rpc=rpc)
    body = etree.fromstring(
        f'<ca-authenticate xmlns="{NS}crypto-act"><server-name>Trustpool</server-name></ca-authenticate>'
    )
    with client(lab, device) as connected:
        assert connected.dispatch(body).ok
    assert device.state.authenticates == installed
    assert ("Trustpool" in device.state.certificates) is bool(installed)


def test_licensing_regains_contact_once_the_root_is_there(lab: Lab) -> None:
    device = lab.add()
    with client(lab, device) as connected:
        assert "commsend" in connected.dispatch(etree.Element(f"{{{NS}smart-license-act}}renew-auth")).xml
        before = device.state.last_contact
        device.state.certificates["Trustpool"] = TrustAnchor.bundled().pem
        assert "success" in connected.dispatch(etree.Element(f"{{{NS}smart-license-act}}renew-auth")).xml
    assert device.state.last_success
    assert device.state.last_contact > before


def test_get_schema_serves_the_file_and_a_deviation_takes_it_away(lab: Lab) -> None:
    with client(lab, lab.add()) as connected:
        assert "module Cisco-IOS-XR-crypto-act" in connected.get_schema("Cisco-IOS-XR-crypto-act").xml
    with client(lab, lab.add(no_get_schema=True)) as connected, pytest.raises(RPCError):
        connected.get_schema("Cisco-IOS-XR-crypto-act")


def test_a_fault_strikes_as_often_as_it_was_told(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("get-config", FaultKind.EMPTY, times=1, skip=1))
    device.configure("A", "terminal")
    with client(lab, device) as connected:
        shown = ["trustpoint-name" in connected.get_config("running").data_xml for _ in range(3)]
    assert shown == [True, False, True]
    assert device.counters["get-config"] == 3


def test_a_device_refuses_new_sessions_until_its_clock_says_so(lab: Lab) -> None:
    device = lab.add()
    now = [0.0]
    device.config.clock = lambda: now[0]
    with client(lab, device) as before:
        device.refuse_until = 60.0
        for port in (device.port, device.ssh_port):
            with pytest.raises((OSError, EOFError, paramiko.SSHException)):
                paramiko.Transport(("127.0.0.1", port)).start_client(timeout=600)
        assert before.get_config("running").ok
        now[0] = 60.0
        with client(lab, device) as after:
            assert after.get_config("running").ok


def test_a_session_too_many_is_ended_before_its_hello(lab: Lab) -> None:
    device = lab.add(max_sessions=2)
    with client(lab, device) as first, client(lab, device):
        with pytest.raises((NCClientError, OSError)), client(lab, device):
            pass
        assert first.get_config("running").ok
    assert eventually(lambda: not device.sessions)
    with client(lab, device) as again:
        assert again.get_config("running").ok


def test_stopping_closes_what_clients_left_a_moment_before() -> None:
    unclosed: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", lambda found: unclosed.append(str(found.exc_value)))
        for _ in range(6):
            with Simulator() as simulator:
                device = simulator.add()
                for port in (device.port, device.ssh_port):
                    transport = paramiko.Transport(("127.0.0.1", port))
                    transport.start_client(timeout=600)
                    transport.auth_password(simulator.username, simulator.password)
                    transport.close()
            gc.collect()
    assert not unclosed
