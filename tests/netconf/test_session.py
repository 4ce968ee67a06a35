"""Sessions: everything that can go wrong has its name, and nothing is left behind."""

from __future__ import annotations

import gc
import re
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from ncclient import manager
from ncclient.operations import RaiseMode

import agent
from agent.model.device import Device as Target
from agent.netconf import operations
from agent.netconf.payload import parse, template
from agent.netconf.session import Session
from agent.simulator import Device, Fault, FaultKind, Simulator, server
from agent.simulator.errors import rpc_error
from tests.support import Clock, Lab, all_of, eventually


def read(session: Session, timeout: float | None = None) -> str:
    """One get of the licensing state."""
    body = template("get")
    body[-1].append(template("filter-licensing"))
    reply = session.call(body, operation="get", timeout=timeout)
    assert reply.data is not None
    return str(reply.data[0].tag).rpartition("}")[2]


def answering(raw: bytes, times: int = 1) -> Fault:
    return Fault("get", FaultKind.RAW, raw, times=times)


def reply(content: str) -> bytes:
    return (f'<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1">{content}</rpc-reply>').encode()


@contextmanager
def speaking(words: bytes) -> Iterator[int]:
    """A TCP port that speaks another protocol: says *words* and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_session_reads_and_closes_without_leaving_a_thread(lab: Lab) -> None:
    device = lab.add()
    before = set(threading.enumerate())
    with lab.connect(device) as session:
        assert read(session) == "smart-agent"
        assert session.session_id == "1"
        assert session.capabilities.candidate
    with pytest.raises(agent.SessionLost):
        read(session)
    session.close()
    # The simulator's own event loop may have started a worker thread by now.
    ours = {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}
    assert ours <= before


def test_a_closed_session_leaves_nothing_to_the_garbage_collector(lab: Lab) -> None:
    device = lab.add(terminal_rpc="installs")
    gc.collect()
    gc.disable()
    try:
        session = lab.connect(device)
        held = [weakref.ref(part) for part in (session, session._transport, session._transport._transport)]
        assert agent.remediate(session).result is agent.Result.REMEDIED
        session.close()
        del session
        assert [part() for part in held] == [None, None, None]
    finally:
        gc.enable()


def test_a_cipher_that_authenticates_by_itself_is_preferred(lab: Lab) -> None:
    with lab.connect(lab.add()) as session:
        ssh = session._transport._transport
        # paramiko has them from 3.5 on.
        known = [cipher for cipher in ssh.get_security_options().ciphers if cipher.endswith("-gcm@openssh.com")]
        assert ssh.remote_cipher == (known[0] if known else "aes128-ctr")


def test_a_peer_that_stops_in_the_middle_of_the_handshake_is_given_up_at_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(b"SSH-2.0-Hangs\r\n")
                while peer.recv(4096):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        target = Target("127.0.0.1", port=listener.getsockname()[1], open_timeout=0.3)
        with pytest.raises(agent.ConnectError) as caught:
            agent.connect(target)
        thread.join()
    assert caught.value.message.endswith("the SSH handshake did not end within 0.3 s")
    assert not caught.value.rate_limited


def test_a_script_without_logging_gets_an_error_by_its_name_and_nothing_else_on_stderr() -> None:
    script = """
import sys, agent
try:
    agent.connect(agent.Device("127.0.0.1", port=int(sys.argv[1])))
except agent.ConnectError as error:
    print(error.message)
"""
    with speaking(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        done = subprocess.run([sys.executable, "-c", script, str(port)], capture_output=True, text=True, check=True)
    assert "sent no SSH banner" in done.stdout
    assert done.stderr == ""


def test_both_framings_are_spoken(lab: Lab) -> None:
    for base_11 in (True, False):
        with lab.connect(lab.add(base_11=base_11)) as session:
            assert session.capabilities.base_11 is base_11
            assert [read(session) for _ in range(3)] == ["smart-agent"] * 3


def test_a_hello_of_real_size_is_read(lab: Lab) -> None:
    device = lab.add(pad_hello=1100)
    assert len(device.hello) > 100_000
    with lab.connect(device) as session:
        assert len(session.capabilities.uris) == 1100
        assert session.capabilities.module("Cisco-IOS-XR-crypto-act") is not None


def test_independent_rpcs_are_in_flight_together_and_each_gets_its_own_answer(lab: Lab) -> None:
    with lab.connect(lab.add()) as session:
        names = ("filter-licensing", "filter-install-version", "filter-install-fixes")
        flying = [(name, operations.send_get(session, template(name))) for name in names * 5]
        for name, pending in reversed(flying):
            data = pending.result().data
            assert data is not None
            shown = [str(child.tag).rpartition("}")[2] for child in data]
            assert shown == ({"filter-licensing": ["smart-agent"], "filter-install-version": ["install"]}).get(name, [])


def test_one_write_at_a_time(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("commit", FaultKind.DELAY, seconds=0.2))
    with lab.connect(device) as session:
        first = session.send(template("commit"), operation="commit", writes=True)
        with pytest.raises(RuntimeError, match="one write at a time"):
            session.send(template("commit"), operation="commit", writes=True)
        with pytest.raises(agent.RPCError):
            first.result()
    assert device.counters["commit"] == 1


@pytest.mark.parametrize(
    "errors, kind, said",
    [
        (rpc_error("in-use", severity="warning") + rpc_error("operation-failed", "No room"), agent.RPCError, "No room"),
        (rpc_error("lock-denied", info="<session-id>7</session-id>"), agent.LockDenied, "session 7"),
        (rpc_error("access-denied"), agent.AccessDenied, "task group"),
        (rpc_error("operation-failed", "This command is not authorized"), agent.AccessDenied, "task group"),
    ],
)
def test_all_errors_of_a_reply_are_judged(lab: Lab, errors: bytes, kind: type[agent.RPCError], said: str) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.ERROR, errors))
    with lab.connect(device) as session, pytest.raises(kind, match=said) as raised:
        read(session)
    assert len(raised.value.errors) == errors.count(b"<rpc-error>")
    assert str(raised.value).startswith(device.name)


def test_a_warning_alone_is_no_error(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.ERROR, rpc_error("in-use", "just so you know", severity="warning")))
    with lab.connect(device) as session:
        warned = operations.send_get(session, template("filter-licensing")).result()
    assert [warning.message for warning in warned.warnings] == ["just so you know"]


@pytest.mark.parametrize(
    "raw",
    [
        reply("<data>").replace(b"</data>", b""),
        reply("<data>\xff</data>").replace("ÿ".encode(), b"\xff"),
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + reply("<data>&a;</data>"),
        reply("<data>&undefined;</data>"),
        reply("<a>" * 300 + "</a>" * 300),
        b"garbage",
        reply("<data/>").replace(b"rpc-reply", b"something"),
        reply("<data/>").replace(b'message-id="1"', b'message-id="99"'),
        reply("<data/>").replace(b' message-id="1"', b""),
    ],
)
def test_what_is_no_netconf_ends_in_a_protocol_error_or_a_lost_session(lab: Lab, raw: bytes) -> None:
    device = lab.add()
    device.faults.append(answering(raw))
    with lab.connect(device) as session, pytest.raises((agent.ProtocolError, agent.SessionLost)) as raised:
        read(session, timeout=5)
    assert "\n" not in raised.value.message


def test_no_answer_to_a_read_is_a_timeout_and_to_a_write_an_unknown_outcome(lab: Lab) -> None:
    device = lab.add()
    device.faults += [Fault("get", FaultKind.SILENT), Fault("commit", FaultKind.SILENT)]
    with lab.connect(device) as session:
        with pytest.raises(agent.ReplyTimeout):
            read(session, timeout=0.05)
        with pytest.raises(agent.OutcomeUnknown, match="commit was sent"):
            session.call(template("commit"), operation="commit", writes=True, timeout=0.05)
        assert read(session) == "smart-agent"


def test_a_session_that_ends_is_lost_for_a_read_and_unknown_for_a_write(lab: Lab) -> None:
    for writes, kind in ((False, agent.SessionLost), (True, agent.OutcomeUnknown)):
        device = lab.add()
        device.faults.append(Fault("validate", FaultKind.DROP_BEFORE))
        with lab.connect(device) as session:
            with pytest.raises(kind):
                session.call(template("validate"), operation="validate", writes=writes)
            assert not session.connected
            with pytest.raises(agent.SessionLost):
                read(session)


def test_a_connection_that_ends_under_a_message_being_written_loses_the_session(lab: Lab) -> None:
    with lab.connect(lab.add()) as session:
        session._transport._transport.packetizer.close()  # paramiko's reader does so when the peer hangs up
        with pytest.raises(agent.SessionLost):
            session.call(template("discard-changes"), operation="discard-changes")
    with lab.connect(lab.add()) as session:
        session._transport._transport.packetizer.close()
        with pytest.raises(agent.OutcomeUnknown):
            session.call(template("commit"), operation="commit", writes=True)


def test_a_session_that_could_not_be_written_to_counts_as_ended_from_then_on(lab: Lab) -> None:
    with lab.connect(lab.add()) as session:
        session._transport._transport.packetizer.close()
        with pytest.raises(agent.SessionLost):
            read(session)
        assert not session.connected


def test_the_text_of_a_module_is_fetched_from_the_device(lab: Lab) -> None:
    with lab.connect(lab.add()) as session:
        text = session.fetch_schema("Cisco-IOS-XR-crypto-act", "2022-06-02")
    assert text.startswith("module Cisco-IOS-XR-crypto-act")


def test_an_unknown_host_key_is_refused_before_the_password_is_sent(lab: Lab) -> None:
    device = lab.add()
    lab.known_hosts.write_text("")
    with pytest.raises(agent.HostKeyError, match="is not in"):
        lab.connect(device)
    assert device.log == []


def test_a_changed_host_key_is_refused_even_where_new_ones_are_accepted(lab: Lab, tmp_path: Path) -> None:
    device = lab.add()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    other = (tmp_path / "key.pub").read_text()
    lab.known_hosts.write_text(f"[127.0.0.1]:{device.port} {other}")
    with pytest.raises(agent.HostKeyError, match="changed"):
        lab.connect(device, host_keys=agent.HostKeys(lab.known_hosts, accept_new=True))


def test_a_new_host_key_is_stored_on_request(lab: Lab, tmp_path: Path) -> None:
    device, store = lab.add(), tmp_path / "new" / "known_hosts"
    for accept in (True, False):
        with lab.connect(device, host_keys=agent.HostKeys(store, accept_new=accept)) as session:
            assert session.connected


def test_a_wrong_password_is_refused_by_name(lab: Lab) -> None:
    with pytest.raises(agent.SSHAuthenticationError, match="refused the login"):
        lab.connect(lab.add(), password=agent.Secret("wrong"))


def test_a_refused_password_is_not_in_the_frames_that_the_error_came_through(lab: Lab) -> None:
    with pytest.raises(agent.SSHAuthenticationError) as raised:
        lab.connect(lab.add(), password=agent.Secret("hunter2-Zq7"))
    assert "Zq7" not in all_of(raised.value)


def test_a_wrong_passphrase_is_not_in_the_frames_that_the_error_came_through(lab: Lab, tmp_path: Path) -> None:
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "right-Zq8", "-f", str(key)], check=True)
    with pytest.raises(agent.InputError, match="cannot be used") as raised:
        lab.connect(lab.add(), password=None, key_file=key, key_passphrase=agent.Secret("wrong-Zq7"))
    said = all_of(raised.value)
    assert "Zq7" not in said
    assert not [line for line in key.read_text().splitlines()[1:-1] if line in said]


def test_no_key_and_no_password_is_said(lab: Lab) -> None:
    with pytest.raises(agent.SSHAuthenticationError, match="no key and no password"):
        lab.connect(lab.add(), password=None, use_agent=False)


def test_a_key_file_logs_in_and_one_that_cannot_be_used_is_named(lab: Lab, tmp_path: Path) -> None:
    device, key = lab.add(), tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    lab.simulator.authorize((tmp_path / "id.pub").read_text())
    with lab.connect(device, password=None, key_file=key) as session:
        assert session.connected
    key.write_text("not a key")
    with pytest.raises(agent.InputError, match="the key cannot be used"):
        lab.connect(device, password=None, key_file=key)


def test_a_key_with_a_passphrase_logs_in(lab: Lab, tmp_path: Path) -> None:
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret words", "-f", str(key)], check=True)
    lab.simulator.authorize((tmp_path / "id.pub").read_text())
    with lab.connect(lab.add(), password=None, key_file=key, key_passphrase=agent.Secret("secret words")) as session:
        assert session.connected


def test_an_unreachable_port_says_what_to_check(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(agent.ConnectError, match=r"refused.*ssh server netconf"):
        agent.connect(Target("127.0.0.1", port, username="x", open_timeout=5))


def test_a_name_that_does_not_resolve_is_said() -> None:
    with pytest.raises(agent.ConnectError, match="cannot be resolved"):
        agent.connect(Target("no-such-router.invalid", username="x", open_timeout=5))


@pytest.mark.parametrize(
    "words, limited",
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False),
        (b"220 ftp ready\r\n", False),
        (b"\x15\x03\xff\xfe\r\n", False),
        (b"", True),
        (b"Exceeded MaxStartups\r\n", True),
    ],
)
def test_a_port_that_speaks_another_protocol_is_told_from_a_limit_of_new_sessions(words: bytes, limited: bool) -> None:
    with speaking(words) as port, pytest.raises(agent.ConnectError) as raised:
        agent.connect(Target("127.0.0.1", port, username="x", open_timeout=2))
    assert "\n" not in str(raised.value)
    assert raised.value.rate_limited is limited
    assert ("60 new SSH sessions" in str(raised.value)) is limited
    assert ("another protocol" in str(raised.value)) is not limited


def test_a_router_that_limits_new_sessions_is_waited_for(lab: Lab, clock: Clock) -> None:
    device = lab.add()
    device.config.clock = lambda: clock.now
    device.refuse_until = 50.0
    with pytest.raises(agent.ConnectError) as raised:
        lab.connect(device)
    assert raised.value.rate_limited
    with agent.connect(lab.target(device), policy=clock.policy()) as session:
        assert read(session) == "smart-agent"
    assert clock.slept == [60.0]


def test_a_router_that_keeps_refusing_is_given_up_at_the_deadline(lab: Lab, clock: Clock) -> None:
    device = lab.add()
    device.config.clock = lambda: clock.now
    device.refuse_until = 1e9
    with pytest.raises(agent.ConnectError, match="60 new SSH sessions"):
        agent.connect(lab.target(device), policy=clock.policy(random=lambda: 0.2))
    assert clock.slept == [63.0]


def test_the_limit_of_netconf_sessions_is_waited_for(lab: Lab, clock: Clock) -> None:
    device = lab.add(max_sessions=1)
    first = lab.connect(device)
    with pytest.raises(agent.ConnectError, match="session limit") as raised:
        lab.connect(device)
    assert raised.value.rate_limited

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        first.close()
        assert eventually(lambda: not device.sessions)

    with agent.connect(lab.target(device), policy=clock.policy(sleep=sleep)) as second:
        assert read(second) == "smart-agent"
    assert clock.slept == [60.0]


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.RESET])
def test_a_session_ended_before_its_hello_counts_as_the_limit_however_it_ends(lab: Lab, kind: FaultKind) -> None:
    device = lab.add()
    device.faults.append(Fault("hello", kind))
    with pytest.raises(agent.ConnectError, match="before its hello") as raised:
        lab.connect(device)
    assert raised.value.rate_limited


@pytest.mark.parametrize(
    "changes, error",
    [
        ({"password": agent.Secret("wrong")}, agent.SSHAuthenticationError),
        ({"host_keys": agent.HostKeys(pinned="SHA256:" + "A" * 43)}, agent.HostKeyError),
        ({"host": "no-such-router.invalid"}, agent.ConnectError),
        ({"port": 1}, agent.ConnectError),
    ],
    ids=["password", "host key", "name", "port"],
)
def test_what_waiting_does_not_cure_fails_at_once(
    lab: Lab, clock: Clock, changes: dict[str, Any], error: type[agent.AgentError]
) -> None:
    device = lab.add()
    with pytest.raises(error):
        agent.connect(lab.target(device, **changes), policy=clock.policy())
    assert clock.slept == []


def test_a_login_that_is_answered_by_a_reset_is_not_sent_again(
    lab: Lab, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins: list[str] = []

    def hang_up(self: Any, username: str, password: str) -> bool:
        logins.append(username)
        server._reset(self._connection)
        return False

    monkeypatch.setattr(server._Server, "validate_password", hang_up)
    with pytest.raises((agent.ConnectError, agent.SSHAuthenticationError)) as raised:
        agent.connect(lab.target(lab.add()), policy=clock.policy())
    assert not getattr(raised.value, "rate_limited", False)
    assert (logins, clock.slept) == (["admin"], [])


def test_the_manager_of_an_orchestrator_is_borrowed_and_left_as_it_was(lab: Lab) -> None:
    device = lab.add()
    with manager.connect(
        host="127.0.0.1",
        port=device.port,
        username=lab.simulator.username,
        hostkey_verify=False,
        password=lab.simulator.password,
        allow_agent=False,
        look_for_keys=False,
        timeout=17,
    ) as owner:
        owner.raise_mode = RaiseMode.ERRORS
        with Session.over(owner, device="r1") as session:
            assert not session.owned
            assert read(session) == "smart-agent"
            device.faults.append(Fault("get", FaultKind.ERROR, rpc_error("operation-failed")))
            with pytest.raises(agent.RPCError):
                read(session)
        assert (owner.connected, owner.timeout, owner.raise_mode) == (True, 17, RaiseMode.ERRORS)
        answer = owner.get(("subtree", '<install xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-install-oper"/>'))
        assert "7.8.1" in answer.xml


def test_a_push_runs_inside_a_session_that_somebody_else_owns(lab: Lab) -> None:
    device = lab.add(terminal_rpc="installs")
    with manager.connect(
        host="127.0.0.1",
        port=device.port,
        username=lab.simulator.username,
        hostkey_verify=False,
        password=lab.simulator.password,
        allow_agent=False,
        look_for_keys=False,
        timeout=17,
    ) as owner:
        outcome = agent.remediate(Session.over(owner, device="r1"))
        assert owner.connected
    assert outcome.result is agent.Result.REMEDIED
    assert outcome.evidence is agent.Evidence.FINGERPRINT


def test_an_ncclient_manager_works_over_our_session(lab: Lab) -> None:
    from ncclient.devices.default import DefaultDeviceHandler
    from ncclient.manager import Manager

    from agent.netconf.transport import DirectSession

    transport = DirectSession(lab.target(lab.add()))
    transport.open()
    with Manager(transport, DefaultDeviceHandler({"name": "default"}), timeout=10) as client:
        assert ":candidate" in client.server_capabilities
        assert (
            "7.8.1"
            in client.get(("subtree", '<install xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-install-oper"/>')).xml
        )
    transport.close()


def test_a_jump_host_is_gone_through(lab: Lab, tmp_path: Path, jump_host: Callable[[Device], int]) -> None:
    device = lab.add()
    port = jump_host(device)
    jump = Target(
        "127.0.0.1",
        port,
        username="jump",
        password=agent.Secret("jump"),
        host_keys=agent.HostKeys(tmp_path / "jump_hosts", accept_new=True),
    )
    with lab.connect(device, jump=jump) as session:
        assert read(session) == "smart-agent"


def test_messages_are_parsed_with_nothing_expanded() -> None:
    with pytest.raises(agent.ProtocolError, match="DOCTYPE"):
        parse('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>')


def test_an_ssh_rsa_entry_is_good_for_rsa_sha2(tmp_path: Path) -> None:
    with Simulator(host_key=asyncssh.generate_private_key("ssh-rsa")) as simulator:
        lab = Lab(simulator, tmp_path)
        device = lab.add()
        assert " ssh-rsa " in device.host_key
        with lab.connect(device) as session:
            assert read(session) == "smart-agent"


def test_the_ssh_configuration_gives_host_user_and_key(lab: Lab, tmp_path: Path) -> None:
    device, key = lab.add(), tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    lab.simulator.authorize((tmp_path / "id.pub").read_text())
    config = tmp_path / "config"
    config.write_text(
        f"Host core-1\n  HostName 127.0.0.1\n  User {lab.simulator.username}\n  IdentityFile {key}\n"
        f"  UserKnownHostsFile {lab.known_hosts}\n"
    )
    with agent.connect(Target("core-1", device.port, ssh_config=config, open_timeout=10)) as session:
        assert read(session) == "smart-agent"


def test_a_key_in_ssh_agent_logs_in(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device, key = lab.add(), tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    lab.simulator.authorize((tmp_path / "id.pub").read_text())
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"(SSH_\w+)=([^;]+);", started))
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    try:
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        with lab.connect(device, password=None) as session:
            assert read(session) == "smart-agent"
    finally:
        subprocess.run(["ssh-agent", "-k"], capture_output=True, check=True)
