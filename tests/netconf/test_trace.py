"""A trace tells all that passed and no secret, in a file for one pair of eyes; and it never gets in the way."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import agent
from agent.model.telemetry.direction import Direction
from agent.netconf.payload import template
from agent.netconf.trace import Channel, Message, TraceFile
from agent.simulator import Fault, FaultKind, rpc_error
from tests.support import Lab, eventually

NOON = datetime(2026, 11, 24, 12, 0, 0, 5000, tzinfo=UTC)
PASSWORD = "pass&<word>'Zq7"


def message(text: str, *, device: str = "r1", session_id: str | None = "7", sent: bool = True) -> Message:
    return Message(device, Channel.NETCONF, Direction.SENT if sent else Direction.RECEIVED, session_id, text)


@pytest.fixture
def trace(tmp_path: Path) -> Iterator[TraceFile]:
    with TraceFile(tmp_path / "trace", [agent.Secret("t0ken&Zq9")], clock=lambda: NOON) as opened:
        yield opened


def test_each_message_has_time_device_session_and_direction(trace: TraceFile) -> None:
    trace(message("<rpc>\n</rpc>"))
    trace(message("<hello/>", session_id=None, sent=False))
    trace(Message("r1", Channel.CLI, Direction.SENT, None, "show version"))
    assert trace.path.read_text() == (
        "2026-11-24T12:00:00.005+00:00 r1 netconf 7 sent\n  <rpc>\n  </rpc>\n"
        "2026-11-24T12:00:00.005+00:00 r1 netconf - received\n  <hello/>\n"
        "2026-11-24T12:00:00.005+00:00 r1 cli - sent\n  show version\n"
    )


def test_the_secrets_it_was_given_are_masked_however_they_are_written(trace: TraceFile) -> None:
    trace(message("<error-message>t0ken&amp;Zq9</error-message> t0ken&Zq9"))
    assert trace.path.read_text().splitlines()[1] == "  <error-message>***</error-message> ***"


def test_no_message_can_act_on_a_terminal_or_pass_for_another(trace: TraceFile) -> None:
    forged = "2026-11-24T12:00:00.005+00:00 r1 netconf 7 sent"
    trace(message(f"a\x1b[2J\r\n{forged}\u2028b", device="r\n1", session_id="7\n8"))
    lines = trace.path.read_text().splitlines()
    assert lines == [
        "2026-11-24T12:00:00.005+00:00 r\\x0a1 netconf 7\\x0a8 sent",
        "  a\\x1b[2J\\x0d",
        f"  {forged}\\u2028b",
    ]


def test_only_its_owner_can_read_it_whatever_the_umask_and_the_mode_it_had(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        TraceFile(tmp_path / "new").close()
    finally:
        os.umask(before)
    old = tmp_path / "old"
    old.write_text("as it was\n")
    old.chmod(0o644)
    with TraceFile(old) as trace:
        trace(message("<rpc/>"))
    for file in (tmp_path / "new", old):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert old.read_text().startswith("as it was\n")
    assert "<rpc/>" in old.read_text()


def test_what_is_no_plain_file_of_ones_own_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("as it was")
    target.chmod(0o644)
    (tmp_path / "link").symlink_to(target)
    os.mkfifo(tmp_path / "fifo", 0o644)
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    for name, why in (
        ("link", "symbolic link"),
        ("fifo", "no plain file"),
        ("none/x", "No such file"),
        (".", "directory"),
    ):
        with pytest.raises(agent.InputError, match=why) as raised:
            TraceFile(tmp_path / name)
        assert raised.value.hint
    os.close(reader)
    assert target.read_text() == "as it was"
    for file in (target, tmp_path / "fifo"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_device_node_keeps_its_mode(tmp_path: Path) -> None:
    before = Path("/dev/null").stat().st_mode
    with pytest.raises(agent.InputError, match="no plain file"):
        TraceFile("/dev/null")
    assert Path("/dev/null").stat().st_mode == before


def test_another_users_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs").write_text("")
    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path / "theirs").stat().st_uid + 1)
    with pytest.raises(agent.InputError, match="another user's"):
        TraceFile(tmp_path / "theirs")


def test_a_closed_trace_takes_what_comes_late(trace: TraceFile) -> None:
    trace.close()
    trace(message("<rpc/>"))
    trace.close()
    assert trace.path.read_text() == ""


def test_messages_of_many_threads_never_mix(trace: TraceFile) -> None:
    def tell(number: int) -> None:
        for _ in range(20):
            trace(message("\n".join([str(number)] * 50)))

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = trace.path.read_text().split("2026-11-24T12:00:00.005+00:00 r1 netconf 7 sent\n")[1:]
    assert len(records) == 160
    assert all(len(set(record.split())) == 1 and len(record.split()) == 50 for record in records)


def test_a_trace_that_cannot_be_written_ends_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with TraceFile(tmp_path / "trace") as trace, caplog.at_level(logging.WARNING):
        trace(message("<first/>"))
        monkeypatch.setattr(os, "write", full)
        trace(message("<second/>"))
        monkeypatch.undo()
        trace(message("<third/>"))
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'trace'}: the trace ends here: No space left on device"
    ]
    assert "<third/>" not in (tmp_path / "trace").read_text()


@pytest.mark.parametrize("base_11", [True, False])
def test_a_session_tells_every_message_with_its_session_and_both_hellos(lab: Lab, base_11: bool) -> None:
    told: list[Message] = []
    device = lab.add(base_11=base_11)
    with agent.connect(lab.target(device), trace=told.append) as session:
        agent.observe(session)
        number = session.session_id
    assert eventually(lambda: not device.sessions)  # nobody waited for the last answer
    assert all(one.device == device.name and one.channel is Channel.NETCONF for one in told)
    assert [one.session_id for one in told if "hello" in one.text[:10]] == [None, None]
    rest = [one for one in told if one.session_id is not None]
    assert len(rest) == len(told) - 2
    assert {one.session_id for one in rest} == {number}
    sent = [one.text for one in rest if one.direction is Direction.SENT]
    assert len(sent) == len(device.log)
    assert all(f"<{operation}" in text for text, (_, operation) in zip(sent, device.log, strict=True))
    assert len([one for one in rest if one.direction is Direction.RECEIVED]) == len(sent)


def test_what_is_no_netconf_is_told_before_it_ends_the_session(lab: Lab) -> None:
    told: list[Message] = []
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.RAW, b"\xff no XML <"))
    with agent.connect(lab.target(device), trace=told.append) as session, pytest.raises(agent.ProtocolError):
        session.call(template("get"), operation="get")
    assert "\\xff no XML <" in [one.text for one in told]


def test_a_session_masks_the_devices_own_password_wherever_it_comes_back(lab: Lab) -> None:
    told: list[Message] = []
    lab.simulator.password = PASSWORD
    device = lab.add()
    device.faults.append(Fault("validate", FaultKind.ERROR, rpc_error("operation-failed", f"wrong: {PASSWORD}")))
    with agent.connect(lab.target(device), trace=told.append) as session, pytest.raises(agent.RPCError):
        session.call(template("validate"), operation="validate")
    assert "Zq7" not in repr(told)
    assert "wrong: ***</error-message>" in repr(told)


def test_the_cli_tells_what_is_typed_and_what_comes_back_whole(lab: Lab) -> None:
    told: list[Message] = []
    lab.simulator.password = PASSWORD
    device = lab.add(release="7.3.2", enrollment="terminal")
    with agent.Ssh(lab.target(device), trace=told.append) as ssh:
        ssh.console().show("show version")
        ssh.console().authenticate("Trustpool", agent.TrustAnchor.bundled())
    assert {one.channel for one in told} == {Channel.CLI}
    typed = [one.text for one in told if one.direction is Direction.SENT]
    assert typed[:3] == ["terminal length 0", "terminal width 0", "show version"]
    assert "-----BEGIN CERTIFICATE-----" in typed
    answer = told[[one.text for one in told].index("show version") + 1]
    assert answer.direction is Direction.RECEIVED
    assert answer.text.startswith("show version\n")
    assert answer.text.endswith(f"{device.name}#")
    assert sum("Do you accept this certificate?" in one.text for one in told) == 1
    assert "Zq7" not in repr(told)


def test_without_a_trace_nothing_is_kept(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    device = lab.add(release="7.3.2", enrollment="terminal")
    with caplog.at_level(logging.DEBUG), lab.connect(device) as session, lab.ssh(device) as ssh:
        agent.observe(session, ssh=ssh)
    ours = [record for record in caplog.records if record.name != "asyncssh"]
    assert "rpc-reply" not in "".join(record.getMessage() for record in ours)
    assert "trustpoint-name" not in "".join(record.getMessage() for record in ours)
