"""The command as a process: signals, a terminal to ask on, the simulator and the demo."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.simulator import Fault, FaultKind, kinds
from tests.cli.lab import COMMAND, VARIABLE, Lab, started
from tests.cli.processes import answered, asked_to_apply, served, until
from tests.cli.schemas import check


@pytest.mark.parametrize(
    "operation, sent, commits",
    [
        ("get", signal.SIGINT, 0),
        ("lock", signal.SIGINT, 0),
        ("edit-config", signal.SIGINT, 0),
        ("validate", signal.SIGTERM, 0),
        ("commit", signal.SIGINT, 0),
        ("commit", signal.SIGTERM, 0),
        ("commit", signal.SIGHUP, 0),
        ("ca-authenticate", signal.SIGINT, 2),
    ],
)
def test_an_interrupted_push_leaves_nothing_locked_and_nothing_changed(
    lab: Lab, operation: str, sent: int, commits: int
) -> None:
    device = lab.add()
    device.faults.append(Fault(operation, FaultKind.SILENT))
    with started(lab, "push", *lab.words(device), "--yes", "--format", "json", "--timeout", "2") as process:
        until(lambda: device.counters[operation] > 0)
        process.send_signal(sent)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    until(lambda: not device.sessions)
    assert not device.config.locks
    assert not device.config.dirty
    made = json.loads(stdout)
    check("push", made)
    assert made["outcome"] == "failed"
    assert device.enrollment() is None
    assert stderr.splitlines()[-1].startswith("interrupted")
    assert "Traceback" not in stderr
    assert device.config.commits == commits
    assert device.config.trial is None


@pytest.mark.parametrize(
    "operation, left", [("commit", "a commit on trial"), ("ca-authenticate", "ca-authenticate may have taken effect")]
)
def test_a_second_interrupt_ends_at_once_and_says_what_may_be_left(lab: Lab, operation: str, left: str) -> None:
    device = lab.add()
    device.faults.append(Fault(operation, FaultKind.SILENT))
    with started(lab, "push", *lab.words(device), "--yes", "--format", "json") as process:
        until(lambda: device.counters[operation] > 0)
        process.send_signal(signal.SIGINT)
        said = process.stderr.readline() if process.stderr else ""
        while "once more ends at once" not in said:
            said = process.stderr.readline() if process.stderr else ""
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    made = json.loads(stdout)
    check("push", made)
    assert (made["outcome"], made["error"]["kind"]) == ("unknown", "interrupted")
    assert left in made["error"]["message"]
    assert left in stderr
    until(lambda: not device.sessions)
    assert not device.config.locks
    assert not device.config.dirty


def test_an_interrupted_poll_ends_in_order(lab: Lab) -> None:
    device = lab.add()
    with started(lab, "poll", *lab.words(device), "--interval", "0.1", "--format", "json") as process:
        until(lambda: device.counters["get"] >= 4)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert len(json.loads(stdout)) >= 1
    assert "Traceback" not in stderr
    until(lambda: not device.sessions)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_was_ignored_stays_ignored(lab: Lab, number: int) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.DELAY, seconds=1.0))

    def ignoring() -> None:
        signal.signal(number, signal.SIG_IGN)

    with started(lab, "show", *lab.words(device), "--format", "json", preexec_fn=ignoring) as process:
        until(lambda: device.counters["get"] > 0)
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    check("show", json.loads(stdout))


def test_a_terminal_that_is_gone_ends_a_push_in_order(lab: Lab, tmp_path: Path) -> None:
    device = lab.add()
    device.faults.append(Fault("validate", FaultKind.DELAY, seconds=1.0))
    master, slave = pty.openpty()
    environment = {**os.environ, VARIABLE: lab.simulator.password}
    push = [*COMMAND, "push", *lab.words(device), "--yes", "--format", "json"]
    # The first terminal that a session opens is its own, whose end is a signal.
    words = ["sh", "-c", 'exec "$@" <"$0" 2>"$0"', os.ttyname(slave), *push]
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(words, stdout=out, env=environment, start_new_session=True)
    os.close(slave)
    until(lambda: device.counters["validate"] > 0)
    os.close(master)
    assert process.wait(600) == 130
    made = json.loads((tmp_path / "out").read_text())
    assert (made["outcome"], made["error"]["kind"]) == ("failed", "interrupted")
    assert device.enrollment() is None
    assert not device.config.locks
    assert device.config.trial is None


def test_push_asks_on_a_terminal_and_takes_no_for_an_answer(lab: Lab) -> None:
    device = lab.add()
    code, stdout, seen = asked_to_apply(lab, device, "n\n")
    check("push", json.loads(stdout))
    assert code == 1
    assert "+ crypto ca trustpoint Trustpool" in seen
    assert "nothing was changed" in seen
    assert device.config.commits == 0


def test_push_does_it_when_confirmed(lab: Lab) -> None:
    device = lab.add()
    code, stdout, _ = asked_to_apply(lab, device, "y\n")
    check("push", json.loads(stdout))
    assert code == 0
    assert device.config.commits == 1


def test_the_password_is_asked_for_without_echo(lab: Lab) -> None:
    device = lab.add()
    words = [word for word in lab.words(device) if word not in ("--password-env", VARIABLE)]
    words = ["show", *words, "--ask-password", "--format", "json"]
    code, seen, stdout = answered(words, {}, b"Password for 127.0.0.1", f"{lab.simulator.password}\n")
    check("show", json.loads(stdout))
    assert code == 0
    assert lab.simulator.password not in seen


def test_an_interrupted_demo_ends(lab: Lab) -> None:
    with started(lab, "demo") as process:
        assert process.stdout is not None
        while "$ xr-agent push" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "Traceback" not in stderr


def test_simulate_says_how_it_is_reached_and_ends_on_ctrl_c(lab: Lab, tmp_path: Path) -> None:
    known_hosts = tmp_path / "hosts"
    known_hosts.write_text("other.example ssh-ed25519 AAAA\n")
    with started(lab, "simulate", "--release", "7.3.2", "--known-hosts", str(known_hosts)) as process:
        said = served(process)
        call = next(line for line in said if line.startswith("xr-agent assess ")).split()
        done = subprocess.run(
            [*COMMAND, *call[1:], "--ssh-config", "/dev/null", "--format", "json"],
            check=False,
            env={**os.environ, "XR_SIMULATED_PASSWORD": "admin"},
            capture_output=True,
            text=True,
        )
        assert json.loads(done.stdout)["verdict"] == "affected"
        process.send_signal(signal.SIGINT)
        assert process.wait(600) == 0
    assert known_hosts.read_text().startswith("other.example ssh-ed25519 AAAA\n[127.0.0.1]:")


def test_simulate_refuses_a_release_nobody_knows() -> None:
    done = subprocess.run([*COMMAND, "simulate", "--release", "1.2.3"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: release 1.2.3")


def test_every_router_of_the_demo_ends_as_expected_and_the_commands_are_the_real_ones() -> None:
    done = subprocess.run(
        [*COMMAND, "demo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "COLUMNS": "140"},
    )
    assert done.returncode == 0, done.stdout
    for command in ("show", "assess", "plan", "push", "poll", "history"):
        assert f"\n$ xr-agent {command}" in done.stdout
    assert "12 of 12 ended as expected" in " ".join(done.stdout.split())
    assert "nothing here was seen on hardware" in " ".join(done.stdout.split())
    assert "not as expected" not in done.stdout


def test_the_demo_as_objects_and_its_exit_code_where_one_does_not_end_as_expected() -> None:
    code = (
        "import sys\n"
        "from agent.cli import demonstration, main\n"
        "demonstration.ENDS['unreachable'] = ('affected', 'remedied')\n"
        "sys.argv[1:] = ['demo', '--format', 'jsonl']\n"
        "main.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=600)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert {row["kind"] for row in rows} == {kind.name for kind in kinds()}
    assert [row["kind"] for row in rows if not row["as_expected"]] == ["unreachable"]
    assert {"remedied", "unchanged", "failed: connect", "failed: anchor-mismatch"} <= {row["end"] for row in rows}
    for row in rows:
        check("push", row["push"])
