"""What a verdict needs besides, read through the models that have it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

import pytest
from ncclient import NCClientError, manager

import agent
from agent.fleet.results.objects import show_object
from agent.model.errors import SchemaError
from agent.model.state import Reading, TransportType
from agent.netconf import payload
from agent.netconf.payload import parse
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema
from agent.simulator import Device, Fault, FaultKind, Persona, rpc_error
from agent.xr import destination as transport
from agent.xr import httpclient, licensing, software
from agent.xr.httpclient import HttpClient
from agent.xr.licensing import Answer
from tests.support import Clock, Lab, all_of

HTTP = "http://cisco.com/ns/yang/Cisco-IOS-XR-um-http-client-cfg"
CRYPTO = "http://cisco.com/ns/yang/Cisco-IOS-XR-um-crypto-cfg"
URL = "https://tools.cisco.com/its/service/oddce/services/DDCEService"


def full(lab: Lab, clock: Clock, **settings: Any) -> agent.State:
    device = lab.add(**settings)
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        return agent.observe(session, policy=clock.policy(), ssh=ssh, full=True)


@pytest.mark.parametrize("release", ["6.6.3", "7.3.2", "7.8.1", "24.2.1"])
def test_the_configured_transport_is_found_in_every_line_of_releases(lab: Lab, clock: Clock, release: str) -> None:
    state = full(lab, clock, release=release, transport_configured=True)
    urls = state.transport.value.destinations() if state.transport.value else ()
    assert URL in (*urls, state.licensing.value.url if state.licensing.value else "")


def test_all_models_together_say_where_licensing_goes() -> None:
    one = agent.model.state.LicensingTransport(urls=("https://a",))
    other = agent.model.state.LicensingTransport(kind=TransportType.SMART, urls=("https://b", "https://a"))
    merged = transport.merged([Reading(one, "x"), Reading(missing="no y"), Reading(other, "z")])
    assert merged.value == replace(other, urls=("https://a", "https://b"))
    assert merged.source == "x, z"
    home = agent.model.state.LicensingTransport(call_home=("https://c",))
    assert transport.merged([Reading(one, "x"), Reading(home, "y")]).value == replace(home, urls=("https://a",))
    assert transport.merged([Reading(missing="no y"), Reading(missing="no z")]).missing == "no y; no z"
    assert transport.merged([Reading(None, "x"), Reading(missing="no z")]).answered


@pytest.mark.parametrize("release", ["7.5.2", "7.8.1", "24.2.1", "26.2.1"])
def test_peer_and_host_verification_are_on_unless_they_are_configured_off(lab: Lab, clock: Clock, release: str) -> None:
    def verified(**settings: Any) -> tuple[bool | None, bool | None]:
        state = full(lab, clock, release=release, **settings)
        return state.peer_verification.value, state.host_verification.value

    host_off = f'<http xmlns="{HTTP}"><client><secure-verify-host><disable/></secure-verify-host></client></http>'
    assert verified() == (True, True)
    assert verified(verify_peer_off=True) == (False, True)
    assert verified(config=(host_off,)) == (True, False)


@pytest.mark.parametrize("release", ["6.6.3", "7.4.1", "7.5.1"])
def test_where_no_model_shows_peer_verification_it_is_not_known(lab: Lab, clock: Clock, release: str) -> None:
    state = full(lab, clock, release=release, verify_peer_off=True)
    assert (state.peer_verification.value, state.host_verification.value) == (None, None)
    assert "hides below 7.5.2" in str(state.peer_verification.missing)


@pytest.mark.parametrize("forbidden, known", [((), True), (("show running-config http",), False)])
def test_an_empty_answer_about_peer_verification_counts_where_the_cli_seconds_it(
    lab: Lab, clock: Clock, forbidden: tuple[str, ...], known: bool
) -> None:
    state = full(lab, clock, release="7.8.1", forbidden=forbidden)
    told = state.peer_verification, state.host_verification
    assert [(one.value, one.empty) for one in told] == [(True, not known)] * 2
    for name in ("peer_verification", "host_verification"):
        assert getattr(show_object(state, address=None), name).on is (True if known else None)


@pytest.mark.parametrize("release", ["7.4.1", "7.8.1"])
def test_what_the_cli_shows_switched_off_counts_where_no_model_tells(
    lab: Lab, clock: Clock, monkeypatch: pytest.MonkeyPatch, release: str
) -> None:
    shown = "http client secure-verify-peer disable\nhttp client secure-verify-host disable\n"
    monkeypatch.setattr("agent.simulator.datastores.licensingtransport.http_client", lambda persona, models: shown)
    state = full(lab, clock, release=release)
    assert (state.peer_verification.value, state.host_verification.value) == (False, False)
    assert state.peer_verification.source == "console"


@pytest.mark.parametrize(
    "text, peer, host",
    [
        ("http client\n secure-verify-peer disable\n!\n", False, None),
        ("http client vrf management\nhttp client secure-verify-host disable", None, False),
    ],
)
def test_one_line_says_nothing_of_the_other(text: str, peer: bool | None, host: bool | None) -> None:
    assert httpclient.of_text(text) == HttpClient(peer, host)


@pytest.mark.parametrize("text", ["", "% No such configuration item(s)", "no http client secure-verify-peer disable"])
def test_a_configuration_that_switches_nothing_off_proves_nothing(text: str) -> None:
    assert httpclient.of_text(text) is None


def later(module: str, revision: str) -> Schema:
    """A device of 26.3.1, which no persona is of."""
    return Schema(Capabilities.from_uris([f"http://cisco.com/ns/yang/{module}?module={module}&revision={revision}"]))


def test_name_validation_is_read_where_a_release_can_switch_it_off() -> None:
    query = httpclient.names_query(later("Cisco-IOS-XR-um-crypto-cfg", "2026-08-25"))
    off = f'<crypto xmlns="{CRYPTO}"><disable><tls><peer><name-validation/></peer></tls></disable></crypto>'
    other = f'<crypto xmlns="{CRYPTO}"><ca><trustpool><policy/></trustpool></ca></crypto>'
    assert query.decode is not None
    assert [query.decode(parse(f"<data>{body}</data>".encode())) for body in (off, other, "")] == [False, True, True]
    assert httpclient.names_query(later("Cisco-IOS-XR-um-crypto-cfg", "2025-11-13")).missing


def test_the_http_client_of_26_3_1_has_its_switches_as_leaves() -> None:
    query = httpclient.query(later("Cisco-IOS-XR-um-http-client-cfg", "2026-04-22"))
    off = "<secure-verify-{}><disable/></secure-verify-{}>"
    assert query.decode is not None
    for which, expected in (("peer", HttpClient(False, True)), ("host", HttpClient(True, False))):
        body = f'<http xmlns="{HTTP}"><client><version>1.1</version>{off.format(which, which)}</client></http>'
        assert query.decode(parse(f"<data>{body}</data>".encode())) == expected


@pytest.mark.parametrize("label, release", [("7.5.2", "7.5.2"), ("7.5.2.10I", "7.5.2.10I"), ("golden-7.5.2", "7.5.2")])
def test_an_engineering_build_is_not_taken_for_the_release(label: str, release: str) -> None:
    query = software.release_query(Schema(Capabilities.from_uris(Persona(release="7.5.2").capabilities())))
    body = (
        f'<install xmlns="http://cisco.com/ns/yang/{software.OPER}"><version><label>{label}</label></version></install>'
    )
    assert query.decode is not None
    assert query.decode(parse(f"<data>{body}</data>".encode())) == release


def test_the_devices_own_log_tells_of_the_lost_server(lab: Lab, clock: Clock) -> None:
    found = full(lab, clock, release="7.4.1").syslog.value
    assert found is not None
    assert "SMART_LIC-3-COMM_FAILED" in {one.mnemonic for one in found}
    assert full(lab, clock, release="7.4.1", certificate=agent.TrustAnchor.bundled().pem).syslog.value == ()


@pytest.mark.parametrize("ahead", [0.0, 7200.0, -86400.0])
def test_the_devices_clock_is_compared_with_ours(lab: Lab, clock: Clock, ahead: float) -> None:
    offset = full(lab, clock, release="7.4.1", clock_offset=ahead).clock_offset.value
    assert offset is not None
    assert abs(offset.total_seconds() - ahead) <= 2


def test_policy_based_licensing_shows_its_reports(lab: Lab, clock: Clock) -> None:
    state = full(lab, clock, release="24.2.1", policy=True)
    assert state.licensing.value is not None
    assert state.licensing.value.policy_based
    assert state.reporting.value is not None


@pytest.mark.parametrize("token", ["secret-é" * 200, "secret\x01token"])
def test_a_token_that_the_model_refuses_is_not_quoted(lab: Lab, token: str) -> None:
    device = lab.add(release="7.8.1")
    with lab.connect(device) as session, pytest.raises(SchemaError) as raised:
        licensing.register(session, session.schema, agent.Secret(token))
    assert "secret" not in str(raised.value) + repr(raised.value.__context__)
    assert not device.counters["register-id-token"]


TOKEN = "MDEw&<simulated>'token"


def unregistered(lab: Lab) -> Device:
    return lab.add(release="7.8.1", certificate=agent.TrustAnchor.bundled().pem, registration="not-registered")


@contextmanager
def borrowed(lab: Lab, device: Device) -> Iterator[agent.Session]:
    """A session over a Manager that somebody else owns."""
    owned = manager.connect(
        host="127.0.0.1",
        port=device.port,
        username=lab.simulator.username,
        password=lab.simulator.password,
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=2,
    )
    try:
        yield agent.Session.over(owned, timeout=2)
    finally:
        with suppress(NCClientError):  # the device may have hung up
            owned.close_session()


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_a_token_is_in_no_log_of_a_borrowed_session_either(
    lab: Lab, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    device = unregistered(lab)
    with caplog.at_level(level), borrowed(lab, device) as session:
        kept = payload.rendered_once.cache_info().misses
        answer, _ = licensing.register(session, session.schema, agent.Secret(TOKEN))
        assert payload.rendered_once.cache_info().misses == kept
    assert answer is Answer.SUCCESS
    assert device.state.tokens == [TOKEN]
    assert "MDEw" not in caplog.text
    assert "Sending:" in caplog.text


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("register-id-token", FaultKind.ERROR, rpc_error("invalid-value", f"Invalid token: {TOKEN}")),
        Fault(
            "register-id-token",
            FaultKind.ERROR,
            rpc_error("access-denied", info=f"<bad-value>{escape(TOKEN)}</bad-value>", path=f"/x[t='{TOKEN}']"),
        ),
        Fault(
            "register-id-token",
            FaultKind.ERROR,
            b'<response xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-smart-license-act"><operation-status>failed'
            b"</operation-status><return-code>%b</return-code></response>" % escape(TOKEN).encode(),
        ),
        Fault("register-id-token", FaultKind.RAW, escape(TOKEN).encode()),
        Fault("register-id-token", FaultKind.DROP_BEFORE),
        Fault("register-id-token", FaultKind.HALF),
        Fault("register-id-token", FaultKind.GARBAGE, TOKEN.encode()),
    ],
    ids=[
        "said in the message",
        "said in info and path",
        "as return-code",
        "as a message",
        "dropped",
        "half",
        "garbage",
    ],
)
def test_a_token_that_the_device_says_again_shows_nowhere(
    lab: Lab, caplog: pytest.LogCaptureFixture, fault: Fault, owned: bool
) -> None:
    device = unregistered(lab)
    device.faults.append(replace(fault))
    said: object = None
    with (
        caplog.at_level(logging.DEBUG),
        lab.connect(device) if owned else borrowed(lab, device) as session,
    ):
        try:
            said = licensing.register(session, session.schema, agent.Secret(TOKEN))
        except agent.AgentError as error:
            said = error
    text = all_of(said) if isinstance(said, Exception) else repr(said)
    assert device.counters["register-id-token"] == 1
    assert "MDEw" not in text
    assert "MDEw" not in caplog.text
