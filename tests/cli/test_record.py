"""record: all that a router says to what is read of it, whatever fails, with stand-ins for what is private."""

from __future__ import annotations

import json
import re
import signal
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509

from agent.cli.main import program
from agent.model.telemetry.direction import Direction
from agent.recording.events import Closed, Files, How, Message, Opened, Terminal, Way
from agent.recording.reading import read
from agent.simulator import Fault, FaultKind
from tests.cli.lab import Lab, started
from tests.cli.processes import until
from tests.cli.recordings import of, said, typed
from tests.cli.schemas import check
from tests.model.test_anchor import make_pem

SHOWS = (
    *("show running-config crypto ca trustpoint Trustpool", "show crypto ca certificates Trustpool"),
    *("show crypto ca trustpool", "show license all", "show license status", "show version"),
    *("show install active summary", "show running-config call-home", "show running-config license"),
    *("show running-config http client", "show filesystem", "show clock"),
)


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
    device = lab.add()
    words = lab.words(device)
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
    for why in (found.end.why, of(found, Opened)[0].failed):
        assert f"its host key ssh-ed25519 SHA256:*** at port {device.port} is not in ~/.ssh/known_hosts" in (why or "")
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
