"""Readings of answers with flaws: a leaf costs itself and is said; what is unreadable is never taken for absent."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self, cast

import pytest

from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Evidence
from agent.model.state import ConfigModel, EnrollmentKind, RegistrationState
from agent.netconf.payload import parse
from agent.netconf.pending import Pending, Reply
from agent.netconf.query import Query
from agent.netconf.session import Session
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema
from agent.remedy.notices.folder import bundled
from agent.simulator import Persona
from agent.xr import httpclient, licensing, syslog, trustpoint
from agent.xr.licensing import Answer

NS = "http://cisco.com/ns/yang/"
NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
ROOT = TrustAnchor.bundled()
# SYNTHETIC, after the nodes of Cisco-IOS-XR-crypto-cepki-oper; what the root shows there.
SHOWN = {
    "subject": str(ROOT.subject),
    "issuer": str(ROOT.issuer),
    "certificate-valid-from": str(int(ROOT.not_before.timestamp())),
    "certificate-expires-on": str(int(ROOT.not_after.timestamp())),
    "serial-num": ROOT.serial,
    "finger-print": ROOT.sha1,
}


def of_release(release: str) -> Schema:
    return Schema(Capabilities.from_uris(Persona(release=release).capabilities()))


class Answered:
    """A request that was answered."""

    def __init__(self, inner: str) -> None:
        self._root = parse(f'<rpc-reply xmlns="{NETCONF}"><data>{inner}</data></rpc-reply>')

    def result(self) -> Reply:
        return Reply(lambda: self._root)


def reading(query: Query[Any], inner: str) -> Any:
    return query.read(cast("Pending", Answered(inner)))


def licence(inner: str) -> Any:
    module = "Cisco-IOS-XR-infra-smartlicense-oper"
    data = f'<smart-agent xmlns="{NS}{module}"><licensing><state><state-info>{inner}</state-info></state></licensing>'
    return reading(licensing.query(of_release("7.4.1")), f"{data}</smart-agent>")


def certificate(leaves: str, release: str = "7.8.1", name: str = "<name>Trustpool</name>") -> Any:
    data = (
        f'<crypto-certificate-authority xmlns="{NS}{trustpoint.OPER}"><trustpoints><trustpoint>{name}'
        f"<certificate-authority-certificate>{leaves}</certificate-authority-certificate></trustpoint></trustpoints>"
        "</crypto-certificate-authority>"
    )
    return reading(trustpoint.certificate_query(of_release(release), "Trustpool"), data)


def shown(**changes: str | None) -> str:
    leaves = SHOWN | {name.replace("_", "-"): text for name, text in changes.items()}
    return "".join(f"<{name}>{text}</{name}>" for name, text in leaves.items() if text is not None)


def test_an_empty_fail_message_makes_nothing_else_unreadable() -> None:
    seen = licence(
        "<registration><registration-state>retry</registration-state><registration-retry><registration-info>"
        "<fail-time>Feb 22 2022 10:00:07 UTC</fail-time><fail-message/></registration-info></registration-retry>"
        "</registration>"
    )
    assert seen.missing is None
    assert seen.notes == ()
    assert seen.value.registration is RegistrationState.RETRY
    assert seen.value.fail_message is None
    assert seen.value.fail_time.text == "Feb 22 2022 10:00:07 UTC"


def test_a_word_that_the_model_does_not_know_is_said_and_the_rest_kept() -> None:
    seen = licence(
        "<registration><registration-state>pondering</registration-state></registration>"
        "<transport><transport-type>callhome</transport-type></transport>"
    )
    assert seen.value.registration is None
    assert seen.value.transport is not None
    (note,) = seen.notes
    assert note.endswith("registration/registration-state cannot be read: 'pondering' is no enumeration")


@pytest.mark.parametrize("leaf", [name for name in SHOWN if name != "finger-print"])
def test_an_empty_leaf_does_not_cost_the_proof_of_a_certificate(leaf: str) -> None:
    seen = certificate(shown(**{leaf: ""}))
    assert seen.value.proves(ROOT) is Evidence.FINGERPRINT
    assert len(seen.notes) == (leaf.startswith("certificate-"))


def test_a_time_that_cannot_be_read_costs_the_proof_only_where_it_is_needed() -> None:
    assert certificate(shown(certificate_valid_from="soon")).value.proves(ROOT) is Evidence.FINGERPRINT
    seen = certificate(shown(certificate_valid_from="soon", finger_print=None, serial_num=None))
    assert seen.value.proves(ROOT) is Evidence.NONE
    assert "'soon' is no uint64" in seen.notes[0]


@pytest.mark.parametrize("leaf", ["finger-print", "subject", "serial-num"])
def test_a_proof_that_is_shown_twice_differently_proves_nothing_and_is_not_absent(leaf: str) -> None:
    seen = certificate(shown() + f"<{leaf}>00</{leaf}>")
    assert seen.value is None
    assert seen.missing is not None
    assert f"its {leaf} cannot be read" in seen.missing
    assert "twice, and not the same" in seen.notes[0]


def test_a_trustpoint_whose_name_cannot_be_read_is_not_taken_for_absent() -> None:
    twice = "<name>Trustpool</name><name>Other</name>"
    assert "its name cannot be read" in str(certificate(shown(), name=twice).missing)


def config(entry: str) -> Any:
    module = "Cisco-IOS-XR-um-crypto-cfg"
    data = (
        f'<crypto xmlns="{NS}{module}"><ca><trustpoint><trustpoints><trustpoint>{entry}</trustpoint></trustpoints>'
        "</trustpoint></ca></crypto>"
    )
    query = trustpoint.config_query(of_release("7.4.1"), ConfigModel.UM_CRYPTO, "Trustpool")
    return reading(query, data)


def test_an_enrollment_that_cannot_be_read_is_not_taken_for_none() -> None:
    name = "<trustpoint-name>Trustpool</trustpoint-name>"
    assert config(f"{name}<description/>").value.enrollment.kind is EnrollmentKind.NONE
    assert config(f"{name}<enrollment><url/></enrollment>").value.enrollment.kind is EnrollmentKind.NONE
    seen = config(f"{name}<enrollment><url>http://a</url><url>http://b</url></enrollment>")
    assert seen.value is None
    assert "its url cannot be read" in str(seen.missing)
    twice = config("<trustpoint-name>Trustpool</trustpoint-name><trustpoint-name>T</trustpoint-name>")
    assert "its trustpoint-name cannot be read" in str(twice.missing)


def test_a_switch_that_cannot_be_read_is_not_taken_for_unset() -> None:
    query = httpclient.query(of_release("24.2.1"))
    assert query.missing is None
    inner = "<http xmlns='{}'><client><secure-verify-peer>{}</secure-verify-peer></client></http>"
    space = f"{NS}{httpclient.CFG}"
    off = httpclient.HttpClient(peer=False, host=True)
    assert reading(query, inner.format(space, "<disable/>")).value == off
    odd = reading(query, inner.format(space, "<disable>maybe</disable>"))
    assert odd.value == off
    assert "secure-verify-peer/disable has text" in odd.notes[0]


def test_an_answer_of_another_namespace_tells_as_little_as_an_empty_one() -> None:
    foreign = '<crypto-certificate-authority xmlns="urn:other"><trustpoints/></crypto-certificate-authority>'
    seen = reading(trustpoint.certificate_query(of_release("7.8.1"), "Trustpool"), foreign)
    assert (seen.value, seen.missing, seen.empty) == (None, None, True)
    assert reading(trustpoint.certificate_query(of_release("7.8.1"), "Trustpool"), "").empty
    assert not certificate(shown()).empty


def test_messages_beside_one_that_cannot_be_read_are_counted() -> None:
    module = "Cisco-IOS-XR-infra-syslog-oper"
    message = (
        "<message><message-id>{}</message-id><group>SMART_LIC</group><message-name>COMM_FAILED</message-name>"
        "<category>LICENSE</category><severity>{}</severity><time-stamp>{}</time-stamp></message>"
    )
    seen = reading(
        syslog.query(of_release("7.8.1"), bundled().signatures),
        f'<syslog xmlns="{NS}{module}"><messages>{message.format(1, "message-severity-error", 1)}'
        f"{message.format(2, 'message-severity-error', 'then')}{message.format('x', 'message-severity-error', 3)}"
        f"{message.format(4, 'loud', 4)}</messages></syslog>",
    )
    assert [(one.mnemonic, one.count) for one in seen.value] == [("SMART_LIC-3-COMM_FAILED", 3)]
    assert len(seen.notes) == 3


def test_a_variant_that_stands_in_is_said_in_every_reading() -> None:
    act = "Cisco-IOS-XR-infra-smartlicense-oper"
    schema = Schema(Capabilities.from_uris([f"{NS}{act}?module={act}&revision=2031-01-01"]))
    seen = reading(licensing.query(schema), f'<smart-agent xmlns="{NS}{act}"/>')
    assert seen.source == f"{act}@2031-01-01 (nearest)"
    assert seen.notes == (f"{act}@2031-01-01 is not known: the nearest older revision stands in",)


class _Session:
    """Answers any rpc by one response."""

    def __init__(self, response: str) -> None:
        self.device = "r1"
        self._root = parse(
            f'<rpc-reply xmlns="{NETCONF}"><response xmlns="{NS}{licensing.ACT}">{response}</response></rpc-reply>'
        )

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    def send(self, *given: object, **named: object) -> Self:
        return self

    def result(self) -> Reply:
        return Reply(lambda: self._root)


@pytest.mark.parametrize(
    "response, answer",
    [
        ("<operation-status>success</operation-status><return-code>success</return-code>", (Answer.SUCCESS, "success")),
        ("<operation-status>success</operation-status><return-code>hmm</return-code>", (Answer.OTHER, "hmm")),
        ("<operation-status>perhaps</operation-status>", (Answer.OTHER, "perhaps")),
        ("<return-code>hmm</return-code><return-code>success</return-code>", (Answer.OTHER, "success")),
        ("<operation-status>failed</operation-status><return-code>commsend</return-code>", (Answer.RETRY, "commsend")),
    ],
)
def test_an_answer_that_the_model_does_not_list_is_no_success(response: str, answer: tuple[Answer, str]) -> None:
    assert licensing.renew(cast("Session", _Session(response)), of_release("7.4.1")) == answer
