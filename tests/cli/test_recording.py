"""xr-agent record, push --record and recording show: what is in the file, how it ends, and that it harms nothing."""

from __future__ import annotations

import gzip
import json
import re
import resource
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509

from agent.cli.main import program
from agent.model.pki.anchor import TrustAnchor
from agent.model.telemetry.direction import Direction
from agent.recording.events import Begin, Closed, End, Files, How, Message, Opened, Passed, Terminal, Way
from agent.recording.reading import Recording, read
from agent.recording.writing import Writer
from agent.simulator import Fault, FaultKind
from tests.cli.conftest import Lab
from tests.cli.schemas import check
from tests.cli.test_processes import started, until
from tests.model.test_anchor import make_pem
from tests.web import served

SHOWS = (
    *("show running-config crypto ca trustpoint Trustpool", "show crypto ca certificates Trustpool"),
    *("show crypto ca trustpool", "show license all", "show license status", "show version"),
    *("show install active summary", "show running-config call-home", "show running-config license"),
    *("show running-config http client", "show filesystem", "show clock"),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "r1.rec"


def shown(*words: str) -> Any:
    return CliRunner().invoke(program, ["recording", *words], catch_exceptions=False)


def typed(found: Recording) -> list[str]:
    sent = [event for event in found.events if isinstance(event, Terminal) and event.direction is Direction.SENT]
    return [event.data.decode().rstrip("\n") for event in sent]


def of(found: Recording, kind: type[Passed]) -> list[Any]:
    return [event for event in found.events if isinstance(event, kind)]


# --- record ----------------------------------------------------------------------------------------------------------


def test_all_that_is_read_by_every_way_is_in_the_file(lab: Lab, file: Path) -> None:
    device = lab.add()
    done = lab.run("record", device, "-o", str(file), "--format", "json")
    assert done.exit_code == 0, done.stderr
    found = read(file)
    assert found.cut_off is None
    assert found.end is not None
    assert (found.end.how, found.end.why, found.end.release) == (How.FINISHED, None, "7.4.1")
    assert [event.way for event in of(found, Opened)] == [Way.NETCONF, Way.CLI, Way.SFTP]
    for opened in of(found, Opened):
        assert opened.server.startswith("SSH-2.0-")
        assert opened.methods == ("publickey", "password", "keyboard-interactive")
        assert opened.host_key == "ssh-ed25519"
        assert opened.kex
        assert opened.ciphers
        assert opened.macs
        assert "ssh-ed25519" in opened.host_algorithms
    received = [event.text for event in of(found, Message) if event.direction is Direction.RECEIVED]
    assert "<hello" in received[0]
    sent = [event.text for event in of(found, Message) if event.direction is Direction.SENT]
    for tree in (
        "crypto-certificate-authority",
        "smart-agent",
        "<install ",
        "<syslog ",
        "<file-system ",
        "<call-home ",
        "<sessions/>",
    ):
        assert any(tree in text for text in sent), tree
    assert len(sent) == len(received)
    assert typed(found)[2:] == list(SHOWS)
    answers = [one for one in of(found, Terminal) if one.direction is Direction.RECEIVED]
    assert len(answers) == len(typed(found)) + 1
    assert all(sum(size for _, size in one.pieces) == len(one.data) for one in answers)
    assert any(b"\r\n" in one.data for one in answers)
    asked = [(one.request, one.path) for one in of(found, Files)]
    assert asked == [(request, path) for path in ("/misc/disk1", "/misc/scratch") for request in ("stat", "list")]
    assert [event.lost for event in of(found, Closed)] == [None] * 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    said = json.loads(done.stdout)
    check("record", said)
    assert said["sessions"] == 3
    assert said["commands"] == len(typed(found))
    assert said["messages"] == len(sent) + len(received)
    assert said["unread"] == []
    assert device.config.commits == 0
    assert device.typed
    assert not any(name in device.counters for name in ("lock", "edit-config", "commit"))


def test_without_ssh_only_netconf_is_recorded(lab: Lab, file: Path) -> None:
    device = lab.add()
    done = lab.run("record", device, "-o", str(file), "--no-ssh")
    assert done.exit_code == 0, done.stderr
    assert {event.way for event in of(read(file), Opened)} == {Way.NETCONF}
    assert device.typed == []


def test_where_one_read_fails_the_next_is_made_and_it_is_said(lab: Lab, file: Path) -> None:
    device = lab.add()
    device.faults += [
        Fault("get:smart-agent", FaultKind.ERROR, times=9),
        Fault("cli:show license", FaultKind.ERROR, times=9),
    ]
    done = lab.run("record", device, "-o", str(file), "--format", "json")
    assert done.exit_code == 0, done.stderr
    found = read(file)
    assert typed(found)[-1] == "show clock"
    unread = json.loads(done.stdout)["unread"]
    assert any(line.startswith("NETCONF: licensing: ") for line in unread), unread
    assert "not read: NETCONF: licensing: " in done.stderr


def test_a_router_without_netconf_is_recorded_by_its_cli(lab: Lab, file: Path) -> None:
    device = lab.add()
    device.faults.append(Fault("hello", FaultKind.RAW, b"<no-hello/>", times=9))
    done = lab.run("record", device, "-o", str(file))
    assert done.exit_code == 1
    found = read(file)
    assert found.end is not None
    assert found.end.how is How.FAILED
    assert found.end.why in done.stderr
    assert found.end.release == "7.4.1"
    assert typed(found)[-1] == "show clock"
    assert of(found, Closed)[0].lost == found.end.why
    assert file.with_name("r1.rec.part").exists() is False


def test_a_refused_login_is_recorded_and_not_tried_again_by_the_other_way(lab: Lab, file: Path) -> None:
    device = lab.add()
    done = lab.run("record", device, "-o", str(file), password="wrong-Zq7x")
    assert done.exit_code == 1
    found = read(file)
    (opened,) = found.events
    assert isinstance(opened, Opened)
    user = re.fullmatch("the device refused the login: the password of (.*) was not accepted", opened.failed or "")
    assert user
    assert found.end
    assert found.end.why == opened.failed
    assert found.end.standins["user"] == (user[1],)
    assert lab.simulator.username != user[1]
    assert opened.methods
    assert "Zq7x" not in repr(found)
    assert "CLI and SFTP: not tried, since the login was refused" in done.stderr


def test_where_the_host_key_is_unknown_the_reason_tells_neither_the_key_nor_who_works_here(
    lab: Lab, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "jsmith"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "known_hosts").touch()
    monkeypatch.setenv("HOME", str(home))
    words = lab.words(lab.add())
    at = words.index("--known-hosts")
    done = CliRunner().invoke(
        program,
        ["record", *words[:at], *words[at + 2 :], "-o", str(file)],
        env={"XR_TEST_PASSWORD": "x"},
        catch_exceptions=False,
    )
    assert done.exit_code == 1, done.stderr
    assert f"is not in {home}/.ssh/known_hosts" in done.stderr
    found = read(file)
    assert found.end
    for said in (found.end.why, of(found, Opened)[0].failed):
        assert "its host key ssh-ed25519 SHA256:*** is not in ~/.ssh/known_hosts" in (said or "")
    assert "jsmith" not in repr((found.begin, found.events, found.end))


def test_a_router_that_cannot_be_reached_is_a_recording_of_that(lab: Lab, file: Path) -> None:
    device = lab.add()
    words = ["record", "127.0.0.1", *lab.words(device)[1:], "-o", str(file), "--no-ssh"]
    words[words.index("--port") + 1] = "1"
    done = CliRunner().invoke(program, words, env={"XR_TEST_PASSWORD": "x"}, catch_exceptions=False)
    assert done.exit_code == 1
    (opened,) = read(file).events
    assert isinstance(opened, Opened)
    assert "refused" in (opened.failed or "")
    assert opened.server is None


@pytest.mark.parametrize("operation", ["get:smart-agent", "cli:show license all"])
def test_a_router_that_dies_while_recorded_leaves_what_was_recorded(lab: Lab, file: Path, operation: str) -> None:
    device = lab.add()
    connect = "connect-ssh" if operation.startswith("cli") else "connect"
    device.faults += [Fault(operation, FaultKind.DROP_BEFORE), Fault(connect, FaultKind.RESET, skip=1, times=99)]
    done = lab.run("record", device, "-o", str(file), "--connect-wait", "0")
    assert done.exit_code == 1, done.stderr
    found = read(file)
    assert found.end is not None
    assert found.end.how is How.FAILED
    assert found.end.why
    assert found.end.why in done.stderr
    assert of(found, Message)
    lost = [event for event in of(found, Closed) if event.lost is not None]
    assert lost


def test_a_file_that_is_there_is_wrong_use_before_any_connection(lab: Lab, file: Path) -> None:
    device = lab.add()
    file.write_text("mine")
    done = lab.run("record", device, "-o", str(file))
    assert done.exit_code == 2
    assert "it is there already" in done.stderr
    assert file.read_text() == "mine"
    assert device.last_session == 0


def test_what_is_wrong_before_any_connection_leaves_no_file(lab: Lab, file: Path, tmp_path: Path) -> None:
    device = lab.add()
    done = lab.run("record", device, "-o", str(file), "--known-hosts", str(tmp_path))
    assert done.exit_code == 2, done.stderr
    assert list(tmp_path.glob("*.rec*")) == []


def test_one_host_a_file(lab: Lab, file: Path) -> None:
    done = CliRunner().invoke(program, ["record", "-i", "x.csv", "-o", str(file)], catch_exceptions=False)
    assert done.exit_code == 2
    assert "record reads one HOST" in done.stderr


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
@pytest.mark.parametrize("operation", ["get:smart-agent", "cli:show license all"])
def test_broken_off_in_the_middle_what_was_recorded_is_readable(
    lab: Lab, file: Path, number: int, code: int, operation: str
) -> None:
    device = lab.add()
    device.faults.append(Fault(operation, FaultKind.HELD if operation.startswith("get") else FaultKind.SILENT))
    part = file.with_name("r1.rec.part")

    def asked() -> bool:
        command = b"show license all" if operation.startswith("cli") else b"smart-agent"
        written = part.exists() and part.stat().st_size > 0
        return written and any(command in said(event) for event in read(part).events)

    with started(lab, "record", *lab.words(device), "-o", str(file)) as process:
        until(asked)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == code, stderr
    device.release()
    found = read(part if code == -9 else file)
    assert of(found, Message)
    if code == -9:
        assert found.end is None
        assert found.cut_off
        assert not file.exists()
    else:
        assert found.end is not None
        assert found.end.how is How.INTERRUPTED
        assert f"interrupted; what was recorded until then is in {file}" in stderr
        assert not part.exists()


def said(event: Passed) -> bytes:
    match event:
        case Terminal():
            return event.data
        case Message():
            return event.text.encode()
    return b""


# --- push --record ---------------------------------------------------------------------------------------------------


def test_a_push_is_recorded_as_well(lab: Lab, file: Path) -> None:
    device = lab.add()
    done = lab.run("push", device, "--yes", "--record", str(file), "--format", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "remedied"
    found = read(file)
    assert found.begin.command == "push"
    assert found.end is not None
    assert (found.end.how, found.end.release) == (How.FINISHED, "7.4.1")
    sent = [event.text for event in of(found, Message) if event.direction is Direction.SENT]
    for operation in ("<lock>", "<edit-config>", "<commit>", "<ca-authenticate", "<unlock>", "<close-session/>"):
        assert any(operation in text for text in sent), operation
    assert str(file) in done.stderr
    (authenticate,) = [text for text in sent if "<ca-authenticate" in text]
    assert "<server-name>Trustpool</server-name>" in authenticate


@pytest.mark.parametrize("release", ["7.4.1", "6.5.3"])
def test_what_was_recorded_is_replayed_as_it_was(lab: Lab, file: Path, release: str) -> None:
    device, pushed = lab.add(release=release), file.with_name("push.rec")
    assert lab.run("record", device, "-o", str(file)).exit_code == 0
    read_live = {command: lab.json(command, device) for command in ("assess", "plan")}
    done = lab.run("push", device, "--yes", "--record", str(pushed), "--format", "json")
    live = json.loads(done.stdout)
    for command, before in read_live.items():
        words = [command, "--replay", str(file), "--format", "json"]
        after = json.loads(CliRunner().invoke(program, words, catch_exceptions=False).stdout)
        for name in ("device", "address"):
            before.pop(name, None)
            after.pop(name, None)
        assert after == before
    words = ["push", "--replay", str(pushed), "--yes", "--format", "json"]
    again = CliRunner().invoke(program, words, catch_exceptions=False)
    assert again.exit_code == 0, again.stderr
    replayed = json.loads(again.stdout)
    assert [(one["step"], one["status"]) for one in replayed["steps"]] == [
        (one["step"], one["status"]) for one in live["steps"]
    ]
    assert replayed["outcome"] == live["outcome"] == "remedied"


def test_a_push_whose_file_the_router_copies_is_recorded_and_replayed(lab: Lab, file: Path) -> None:
    device = lab.add(release="25.2.1", vrfs=("MGMT",))
    with served(TrustAnchor.bundled().pem.encode()) as url:
        wanted = ["--method", "file", "--no-renew", "--yes", "--format", "json", "--pem-url", url, "--fetch-vrf"]
        done = lab.run("push", device, *wanted, "MGMT", "--record", str(file))
        assert done.exit_code == 0, done.stderr
        (vrf,) = {one for event in of(read(file), Message) for one in re.findall("<vrf>(.*?)</vrf>", event.text)}
        assert len(vrf) == len("MGMT")
        assert vrf != "MGMT"
        again = CliRunner().invoke(program, ["push", "--replay", str(file), *wanted, vrf])
    assert again.exit_code == 0, again.stderr
    steps = [json.loads(one.stdout)["steps"] for one in (done, again)]
    assert [one["step"] for one in steps[1]] == [one["step"] for one in steps[0]]
    assert {"fetch", "remove"} <= {one["step"] for one in steps[1] if one["status"] == "done"}


@pytest.mark.parametrize("words", [("--yes",), ("--yes", "--resume", "last")])
def test_a_recording_is_of_one_router_by_this_process(
    lab: Lab, file: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "hosts").write_text("r1\nr2\n")
    given = ["push", "-i", str(tmp_path / "hosts"), "--record", str(file), *words[:1]]
    done = CliRunner().invoke(program, given, catch_exceptions=False)
    assert done.exit_code == 2
    assert "a recording is of one router" in done.stderr
    done = CliRunner().invoke(program, [*given, "--processes", "2"], catch_exceptions=False)
    assert done.exit_code == 2
    assert "a recording is written by this process" in done.stderr
    assert not file.exists()


def bug(_writer: Writer, event: Passed) -> None:
    if isinstance(event, Message) and "<commit" in event.text:
        raise ValueError("Zq7x")


def test_a_bug_of_the_recording_never_harms_the_push(lab: Lab, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Writer.__call__

    def fails(self: Writer, event: Passed) -> None:
        bug(self, event)
        write(self, event)

    monkeypatch.setattr(Writer, "__call__", fails)
    device = lab.add()
    done = lab.run("push", device, "--yes", "--record", str(file), "--format", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "remedied"
    (line,) = [line for line in done.stderr.splitlines() if "recording" in line and "warning" in line]
    assert "a bug in xr-agent: ValueError at test_recording.py:" in line
    assert "Zq7x" not in done.stderr
    found = read(file)
    assert found.end is not None
    assert found.end.how is How.FAILED
    assert "ValueError" in (found.end.why or "")


@pytest.mark.parametrize("command, code, limit", [("push --yes --record", 0, 2**18), ("record -o", 1, 2**16)])
def test_a_full_disk_ends_the_recording_and_not_the_push(
    lab: Lab, file: Path, monkeypatch: pytest.MonkeyPatch, command: str, code: int, limit: int
) -> None:
    device = lab.add(hello_size=2_800_000)
    name, *words = command.split()

    def small_files() -> None:  # large enough for a journal, not for a recording of a long hello
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    given = [name, *lab.words(device), *words, str(file), "--no-sanitise", "--format", "json"]
    with started(lab, *given, preexec_fn=small_files) as process:
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == code, stderr
    assert ('"outcome": "remedied"' in stdout) is (name == "push")
    part = file.with_name("r1.rec.part")
    assert f"{file}: File too large; what was recorded until then is in {part}" in stderr
    found = read(part)
    assert found.cut_off
    assert of(found, Opened)
    assert not file.exists()


def test_a_push_whose_recording_cannot_be_made_is_not_begun(lab: Lab, file: Path) -> None:
    device = lab.add()
    done = lab.run("push", device, "--yes", "--record", str(file.parent / "none" / "r1.rec"))
    assert done.exit_code == 2
    assert device.last_session == 0


def test_a_router_dies_in_a_push_that_is_recorded(lab: Lab, file: Path) -> None:
    device = lab.add()
    device.faults.append(Fault("get:smart-agent", FaultKind.DROP_BEFORE))
    done = lab.run("push", device, "--yes", "--record", str(file))
    assert done.exit_code == 1, done.stderr
    found = read(file)
    assert found.end is not None
    assert found.end.how is How.FAILED
    assert found.end.why in done.stderr
    assert any(b"smart-agent" in said(event) for event in found.events)


# --- recording show --------------------------------------------------------------------------------------------------


def test_show_prints_the_whole(lab: Lab, file: Path) -> None:
    lab.run("record", lab.add(), "-o", str(file))
    done = shown("show", str(file))
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("recording of record, version 1, made ")
    for text in (
        " 1 netconf opened",
        " 1 netconf received",
        " 2 cli sent",
        " 3 sftp list /misc/disk1, ",
        " ended: finished",
    ):
        assert any(line.endswith(text) or text in line for line in lines), text
    assert "    show crypto ca trustpool" in lines
    assert "      <capabilities>" in lines
    assert "  release 7.4.1" in lines
    as_lines = [json.loads(line) for line in shown("show", str(file), "--format", "jsonl").stdout.splitlines()]
    for one in as_lines:
        check("recording", one)
    assert (as_lines[0]["event"], as_lines[-1]["event"]) == ("begin", "end")
    assert len(as_lines) == len(read(file).events) + 2


def test_show_spells_what_acts_on_a_terminal(file: Path) -> None:
    from tests.recording.test_file import BEGIN, end

    writer = Writer(file, BEGIN)
    writer(Opened(at=0.0, session=1, way=Way.CLI, banner=("\x1b[2J",), failed="x\n9 forged"))
    writer(Message(at=0.0, session=1, direction=Direction.SENT, text="<a>\x1b[31m</a>\u202e"))
    writer(Terminal(at=0.0, session=1, direction=Direction.RECEIVED, text="a\rb\x07\r\nc"))
    writer(Terminal(at=0.0, session=1, direction=Direction.RECEIVED, base64="/xs="))
    writer.end(end())
    done = shown("show", str(file))
    assert all(sign not in done.stdout for sign in "\x1b\x07\r\u202e")
    assert "    a\\x0db\\x07" in done.stdout.splitlines()
    assert "    \\xff\\x1b" in done.stdout.splitlines()
    assert "\n9 forged" not in done.stdout
    assert "it is not sanitised" in done.stderr
    assert shown("show", str(file), "--format", "jsonl").stdout.isascii()


def test_show_says_what_is_not_whole(lab: Lab, file: Path) -> None:
    lab.run("record", lab.add(), "-o", str(file))
    file.write_bytes(file.read_bytes()[:-200])
    done = shown("show", str(file))
    assert done.exit_code == 0
    assert "it is cut off" in done.stderr
    assert "cut off: it is cut off" in done.stdout


@pytest.mark.parametrize("data", [b"hello\n", b"hello", gzip.compress(b"hello", mtime=0), b'{"event": "end"}', b"{}"])
def test_what_is_no_recording_is_wrong_use(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    done = shown("show", str(tmp_path / "x"))
    assert done.exit_code == 2
    assert "it is no recording" in done.stderr


@pytest.mark.parametrize(
    "data", [b'{"event":"be', b'{ "event": "begin", "version": 1, "ma', gzip.compress(b"{", mtime=0)]
)
def test_a_recording_that_is_cut_off_in_its_first_line_is_said_to_be(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    assert "it is cut off in the middle of a line" in shown("show", str(tmp_path / "x")).stderr


# --- recording check -------------------------------------------------------------------------------------------------


def suspect(*events: Passed, path: Path, sanitised: bool = True) -> Path:
    begin = Begin(version=1, made="2026-11-29T08:00:00Z", by="xr-agent 0", command="record", sanitised=sanitised)
    writer = Writer(path, begin)
    for event in events:
        writer(event)
    return writer.end(lambda: End(at=1.0, how=How.FINISHED, standins={"host name": ("zoudpc",)}))


HARMLESS = Terminal(at=0.0, session=1, direction=Direction.RECEIVED, text="RP/0/RP0/CPU0:zoudpc#")
LEAKS = [
    ("password", "username x\r\n password 7 0822455D0A16"),
    ("private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
    ("address", "interface MgmtEth0\n ipv4 address 10.20.30.41 255.255.255.0"),
]


@pytest.mark.parametrize("what, text", LEAKS)
def test_check_finds_what_is_left_and_says_where(file: Path, what: str, text: str) -> None:
    leak = Terminal(at=0.0, session=1, direction=Direction.RECEIVED, text=f"ok\n{text}\n")
    suspect(HARMLESS, leak, path=file)
    done = shown("check", str(file), "--format", "json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    for one in found:
        check("finding", one)
    assert {one["event"] for one in found} == {3}
    assert what in {one["what"] for one in found}
    assert min(one["line"] for one in found) >= 2
    table = shown("check", str(file)).stdout
    assert what in table


def test_check_finds_nothing_where_there_is_nothing(file: Path) -> None:
    suspect(HARMLESS, path=file)
    done = shown("check", str(file))
    assert (done.exit_code, done.stdout.strip(), done.stderr) == (0, "nothing was found", "")
    assert json.loads(shown("check", str(file), "--format", "json").stdout) == []


@pytest.mark.parametrize("how", ["part", "cut off", "no end line"])
def test_check_of_what_is_not_ended_cannot_know_and_says_so(file: Path, how: str) -> None:
    early = Message(at=0.0, session=1, direction=Direction.RECEIVED, text="<a>somebody</a>")
    suspect(early, HARMLESS, path=file)
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    if how == "part":
        file = file.with_name("r1.rec.part")
        file.write_bytes(gzip.compress(b"".join(lines[:2])))
    else:
        file.write_bytes(b"".join(lines[:-1]) + (lines[-1][:40] if how == "cut off" else b""))
    done = shown("check", str(file))
    assert done.exit_code == 1
    assert "nothing was found" not in done.stdout
    said = " ".join(done.stdout.split())
    assert "not ended" in said
    *found, last = json.loads(shown("check", str(file), "--format", "json").stdout)
    check("finding", last)
    assert (last["event"], last["what"]) == (2 if how == "part" else 3, "not ended")
    assert "learned late" in last["text"]
    assert "no list of the stand-ins" in last["text"]
    assert [one["text"] for one in found] == ([] if how == "part" else ["zoudpc"])


def test_check_says_what_is_not_sanitised(file: Path) -> None:
    suspect(HARMLESS, path=file, sanitised=False)
    assert "it is not sanitised" in shown("check", str(file)).stderr


def test_unsanitised_only_when_asked_for_and_said_loudly(lab: Lab, file: Path) -> None:
    device = lab.add()
    done = lab.run("record", device, "-o", str(file), "--no-sanitise", "--format", "json")
    assert done.exit_code == 0
    assert "nothing in it was replaced but passwords" in done.stderr
    found = read(file)
    assert found.begin.sanitised is False
    assert json.loads(done.stdout)["sanitised"] is False
    assert f"RP/0/RP0/CPU0:{device.name}#" in repr(found.events)


def test_what_is_replaced_is_the_same_everywhere_and_counted(lab: Lab, file: Path) -> None:
    device = lab.add()
    done = lab.run("record", device, "-o", str(file), "--format", "json")
    found = read(file)
    assert found.begin.sanitised is True
    assert found.end is not None
    assert device.name not in repr(found)
    assert lab.simulator.username not in {word for event in found.events for word in re.split(r"\W+", repr(event))}
    said = json.loads(done.stdout)
    assert said["replaced"] == found.end.replaced
    assert said["replaced"]["user"] >= 1
    names = [name for name in found.end.standins["host name"] if f"CPU0:{name}#" in repr(found.events)]
    assert names


def test_who_is_logged_in_from_nowhere_stays_nowhere(lab: Lab, file: Path) -> None:
    lab.run("record", lab.add(), "-o", str(file))
    (sessions,) = [event.text for event in of(read(file), Message) if "<source-host>" in event.text]
    assert "<source-host>127.0.0.1</source-host>" in sessions


def test_what_the_way_there_is_called_is_known_before_anything_is_heard(lab: Lab, file: Path, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "Host edge7\n HostName edge7.corp-lan\n User nocuser\n ProxyJump hopper@bastion9\n"
        "Host bastion9\n HostName 127.0.0.1\n Port 1\n"
    )
    words = ["record", "edge7", "-o", str(file), "--ssh-config", str(config), "--password-env", "XR_TEST_PASSWORD"]
    done = CliRunner().invoke(program, words, env={"XR_TEST_PASSWORD": "x"}, catch_exceptions=False)
    assert done.exit_code == 1
    assert "bastion9" in done.stderr
    found = read(file)
    assert found.events
    assert not [name for name in ("edge7", "corp-lan", "nocuser", "hopper", "bastion9") if name in repr(found)]


def test_a_root_of_somebody_is_imitated_also_where_it_is_typed_line_by_line(
    lab: Lab, file: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root.pem"
    root.write_text(make_pem("Acme Widgets Private Root"))
    wanted = ("--yes", "--no-renew", "--method", "dialog", "--anchor", str(root))
    done = lab.run("push", lab.add(release="7.3.2"), *wanted, "--record", str(file))
    assert "dialog" in done.stderr
    typed = [event.data.decode() for event in of(read(file), Terminal) if event.direction is Direction.SENT]
    begin, end = (typed.index(f"-----{word} CERTIFICATE-----\n") for word in ("BEGIN", "END"))
    imitation = x509.load_pem_x509_certificate("".join(typed[begin : end + 1]).encode())
    real = x509.load_pem_x509_certificate(root.read_bytes())
    assert imitation.serial_number != real.serial_number
    assert imitation.not_valid_after_utc == real.not_valid_after_utc
    assert "Acme" not in imitation.subject.rfc4514_string()
    lines = [line for line in root.read_text().splitlines() if len(line) > 20 and "-" not in line]
    assert lines
    assert not [line for line in lines if any(line in event.data.decode() for event in of(read(file), Terminal))]
