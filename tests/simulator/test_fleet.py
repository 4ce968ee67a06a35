"""A fleet of simulated devices: what it is made of, what its devices share and what they do not, and from how far."""

from __future__ import annotations

import contextlib
import errno
import gc
import socket
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

import agent
from agent.netconf import operations, payload
from agent.simulator import Device, Member, Persona, Simulator, alike, kinds, mix, platforms
from agent.xr.cli.sshport import Ssh
from tests.simulator.peer import netconf, rpc
from tests.support import Lab, eventually

_OF_KIND = {
    "affected": ("affected", "remedied"),
    "remedied": ("remedied", "unchanged"),
    "shipped": ("remedied", "remedied"),
    "on-prem": ("not-affected", "remedied"),
    "policy": ("remedied", "remedied"),
    "dialog": ("affected", "remedied"),
    "console": ("affected", "remedied"),
    "wrong-root": ("affected", "failed"),
    "no-way": ("affected", "failed"),
    "unreachable": ("ConnectError", "ConnectError"),
}
"""By kind: what assess says of it, and how a push ends where the rpc installs."""


def test_a_hundred_devices_are_of_every_kind_and_each_does_what_its_kind_says(lab: Lab) -> None:
    members = mix(100, Persona(terminal_rpc="installs"))
    devices = lab.simulator.add_all((one.name, one.persona) for one in members)
    lab.known_hosts.write_text(lab.simulator.known_hosts())

    def judged(member: Member, device: Device) -> tuple[str, str]:
        target = lab.target(device, ssh_port=device.ssh_port or 1)
        try:
            with agent.connect(target) as session, Ssh(target) as ssh:
                state = agent.observe(session, ssh=ssh, full=True)
                verdict = agent.assess(state, agent.TrustAnchor.bundled(), now=datetime.now(UTC))
                return verdict.kind.value, agent.remediate(session, ssh=ssh).result.value
        except agent.AgentError as error:
            return type(error).__name__, type(error).__name__

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(judged, members, devices))
    assert [
        (member.name, member.kind, said)
        for member, said in zip(members, found, strict=True)
        if said != _OF_KIND[member.kind]
    ] == []
    assert Counter(one.kind for one in members) == {kind.name: kind.share for kind in kinds()}
    assert set(_OF_KIND) == {kind.name for kind in kinds()}


def test_the_same_number_is_the_same_fleet_and_a_larger_one_begins_like_it() -> None:
    small, large = mix(150, Persona()), mix(1000, Persona())
    assert small == mix(150, Persona()) == large[:150]
    assert len({one.name for one in large}) == 1000
    assert large[0].kind == "affected"
    assert len({one.kind for one in large[:10]}) >= 4


def test_every_platform_of_the_fleet_is_one_whose_hello_was_captured() -> None:
    assert {(one.persona.release, one.persona.platform) for one in mix(100, Persona())} <= set(platforms())


def test_what_a_kind_does_not_say_is_as_asked() -> None:
    asked = Persona(terminal_rpc="installs", hello_size=50_000, round_trip=0.05)
    assert all((one.persona.hello_size, one.persona.round_trip) == (50_000, 0.05) for one in mix(100, asked))
    assert {one.persona.terminal_rpc for one in mix(100, asked) if one.kind == "affected"} == {"installs"}
    assert alike(2, asked) == [Member("r0001", "alike", asked), Member("r0002", "alike", asked)]


def test_devices_of_one_make_share_what_is_equal_and_nothing_that_changes(lab: Lab) -> None:
    first, second = lab.simulator.add_all(
        (one.name, one.persona) for one in alike(2, Persona(hello_size=120_000, enrollment="terminal"))
    )
    assert first.hello is second.hello
    assert first.models is second.models
    first.configure("Mine", "terminal")
    first.state.install("Mine", first.persona.installs, "terminal")
    assert (first.trustpoints(), second.trustpoints()) == (["Trustpool", "Mine"], ["Trustpool"])
    assert (first.config.dirty, second.config.dirty) == (False, False)
    assert not second.state.certificates


def test_where_one_device_finds_no_port_none_is_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as left:
        left.bind(("127.0.0.1", 0))
        free = left.getsockname()[1]
        left.close()
        with Simulator(ports=(taken.getsockname()[1], free)) as simulator:
            with pytest.raises(OSError, match="no port is free") as error:
                simulator.add_all((one.name, one.persona) for one in alike(1, Persona()))
            assert error.value.errno == errno.EADDRNOTAVAIL
            assert simulator.devices == {}
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", free))
            assert simulator.add().port


def test_many_devices_pass_over_ports_that_are_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Simulator(ports=range(port, 65536)) as simulator:
            first, second = simulator.add_all((one.name, one.persona) for one in alike(2, Persona()))
            ports = [first.port, first.ssh_port, second.port, second.ssh_port]
            assert ports == sorted(set(ports))
            assert ports[0] > port


def test_an_unreachable_device_refuses_connections_and_keeps_its_port(lab: Lab) -> None:
    device = lab.add(reachable=False, ssh=False)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", device.port))
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", device.port))


def test_the_ledger_tells_what_was_written_and_what_was_left(lab: Lab) -> None:
    device = lab.add(terminal_rpc="installs")
    with agent.connect(lab.target(device)) as session:
        assert agent.remediate(session).result is agent.Result.REMEDIED
    written = lab.simulator.ledgers()[device.name]
    assert {name: written[name] for name in ("commits", "authenticates", "imports", "renewals", "registrations")} == {
        "commits": 1,
        "authenticates": 1,
        "imports": 0,
        "renewals": 1,
        "registrations": 0,
    }
    assert (written["locked"], written["dirty"], written["files"], written["rollbacks"]) == ([], False, [], 0)
    device.hold_lock("running")
    device.dirty()
    device.files["/misc/disk1/x"] = b""
    device.state.tokens.append("x")
    written = lab.simulator.ledgers()[device.name]
    assert (written["locked"], written["dirty"], written["files"], written["registrations"]) == (
        ["running"],
        True,
        ["/misc/disk1/x"],
        1,
    )


def test_imports_are_counted_also_where_they_replace_each_other(lab: Lab) -> None:
    device = lab.add()
    device.files["/tmp/root.pem"] = device.persona.installs.encode()
    with netconf(lab, device) as connected:
        for operation in ("ca-trustpool-import-url", "ca-trustpool-import-url-clean"):
            connected.dispatch(rpc("crypto-act", operation, url="/tmp/root.pem"))
    assert len(device.state.trustpool) == 1
    assert lab.simulator.ledgers()[device.name]["imports"] == 2


def test_everything_a_client_sends_to_a_far_device_comes_late_and_in_order(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = lab.add(round_trip=0.02)
    lateness: list[float] = []
    call_later = lab.simulator.loop.call_later

    def recorded(delay: float, callback: Any, *args: Any, **more: Any) -> Any:
        lateness.append(delay)
        return call_later(delay, callback, *args, **more)

    monkeypatch.setattr(lab.simulator.loop, "call_later", recorded)
    with agent.connect(lab.target(device)) as session:
        licensing = payload.template("filter-licensing")
        pending = []
        for _ in range(15):
            pending += [operations.send_get(session, licensing), operations.send_get_config(session, licensing)]
        assert all(one.result().data is not None for one in pending)
    # The SSH handshake alone takes as many as six.
    assert lateness.count(0.02) > 6
    expected = ["get", "get-config"] * 15 + ["close-session"]  # which nobody waits for
    assert eventually(lambda: [operation for _, operation in device.log] == expected)


def test_a_far_device_notices_that_its_client_is_gone(lab: Lab) -> None:
    device = lab.add(round_trip=0.02)
    with lab.below(device) as (session, transport):
        operations.send_lock(session, "candidate").result()
        assert device.config.locks
        transport.connection.ssh.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        assert eventually(lambda: not device.sessions)
        assert not device.config.locks


@pytest.mark.parametrize("round_trip", [0.0, 30.0])
def test_a_simulator_that_ends_while_clients_connect_leaves_no_socket_open(round_trip: float) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        for _ in range(20):
            with contextlib.ExitStack() as clients, Simulator() as simulator:
                device = simulator.add(Persona(round_trip=round_trip))
                for _ in range(3):
                    client = clients.enter_context(socket.create_connection(("127.0.0.1", device.port)))
                    client.sendall(b"SSH-2.0\r\n")
            gc.collect()
    assert [str(one.message) for one in warned] == []
