"""Nobody reads stdout or stderr any more: what is told is lost, what is under way is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.cli.signals import orderly, unbroken, whole
from agent.cli.view.output import Objects
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import RunState
from agent.model.local.stop import Stop
from agent.simulator import Device, Fault, FaultKind
from tests.cli.lab import COMMAND, PEM, VARIABLE, Fleet, Lab, started
from tests.cli.processes import until

DONE: dict[str, Any] = {"enrollment": "terminal", "certificate": PEM}
LOUD = (("-vv", "--log-json"), ())


@pytest.fixture
def device(lab: Lab) -> Iterator[Device]:
    """A router on which nothing is left when the test ends."""
    device = lab.add()
    yield device
    until(lambda: not device.sessions)
    assert not device.config.locks


def unread(process: subprocess.Popen[str]) -> None:
    """Nobody reads what it writes to stderr from now on."""
    assert process.stderr is not None
    process.stderr.close()
    process.stderr = None


def state(fleet: Fleet) -> RunState:
    with Journal.open(fleet.journal) as journal:
        return journal.run("last").state


@pytest.mark.parametrize("loud", LOUD)
def test_a_push_outlives_the_reader_of_its_stderr(lab: Lab, device: Device, loud: tuple[str, ...]) -> None:
    with started(lab, "push", *lab.words(device), "--yes", "--format", "json", *loud) as process:
        unread(process)
        stdout, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    assert json.loads(stdout)["outcome"] == "remedied"


def test_a_failed_push_has_its_exit_code_though_nobody_reads_why(lab: Lab, device: Device) -> None:
    device.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    with started(lab, "push", *lab.words(device), "--yes", "--no-ssh", "--format", "json") as process:
        unread(process)
        stdout, _ = process.communicate(timeout=600)
    assert process.returncode == 1
    assert json.loads(stdout)["outcome"] == "failed"


@pytest.mark.parametrize("words, code", [(("push", "--yes"), 0), (("push", "--yes", "-vv"), 0), (("assess", "-vv"), 1)])
def test_a_run_outlives_the_reader_of_its_stderr(fleet: Fleet, words: tuple[str, ...], code: int) -> None:
    fleet.add(3)
    with fleet.started(*words, "--format", "jsonl") as process:
        unread(process)
        stdout, _ = process.communicate(timeout=600)
    assert len(stdout.splitlines()) == 3
    assert process.returncode == code, stdout
    assert state(fleet) is RunState.DONE


@pytest.mark.parametrize("form", ["json", "table"])
def test_a_watch_outlives_the_reader_of_its_stderr(fleet: Fleet, form: str) -> None:
    (done,), (later,) = fleet.add(**DONE), fleet.add(enrollment="terminal")
    with fleet.started("poll", "--interval", "0.2", "--until", "contacted", "--format", form, "-vv") as process:
        unread(process)
        until(lambda: later.last_session >= 3)
        later.state.certificates["Trustpool"] = PEM
        later.state.contact()
        stdout, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    assert done.name in stdout
    assert state(fleet) is RunState.DONE


def test_a_full_disk_under_stderr_ends_no_push(lab: Lab, device: Device) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "push", *lab.words(device), "--yes", "--format", "json", "-vv"],
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            timeout=600,
            check=False,
            env={**os.environ, VARIABLE: lab.simulator.password},
        )
    assert done.returncode == 0
    assert json.loads(done.stdout)["outcome"] == "remedied"


def test_a_full_disk_under_stdout_is_said_and_the_run_ends_in_order(fleet: Fleet) -> None:
    fleet.add(3)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *fleet.words("push", "--yes", "--workers", "1", "--format", "jsonl")],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=600,
            check=False,
            env={**os.environ, **fleet.environment},
        )
    assert done.returncode == 1
    assert "error: stdout cannot be written: No space left on device\n  next: " in done.stderr
    assert "Traceback" not in done.stderr
    assert state(fleet) in (RunState.INTERRUPTED, RunState.DONE)


@pytest.mark.parametrize("words", [("--help",), ("history", "--help"), ("completion", "bash")])
def test_no_output_is_lost_unsaid_and_a_stream_that_is_closed_is_no_bug(words: tuple[str, ...]) -> None:
    def run(redirected: str) -> subprocess.CompletedProcess[str]:
        shell = ["sh", "-c", f'exec "$@" {redirected}', "sh", *COMMAND, *words]
        return subprocess.run(shell, capture_output=True, text=True, timeout=600, check=False)

    full, closed = run("> /dev/full"), run(">&- 2>&- <&-")
    assert (full.returncode, closed.returncode) == (1, 0)
    assert full.stderr.startswith("error: stdout cannot be written: No space left on device\n  next: ")
    assert "Traceback" not in full.stderr


def test_an_error_without_a_stderr_keeps_its_exit_code() -> None:
    shell = ["sh", "-c", 'exec "$@" 2>&-', "sh", *COMMAND, "push", "r1"]
    assert subprocess.run(shell, capture_output=True, timeout=600, check=False).returncode == 2


@pytest.mark.parametrize("words, code", [((), 2), (("--yes",), 0)])
def test_a_push_without_a_stdin_asks_nobody(lab: Lab, device: Device, words: tuple[str, ...], code: int) -> None:
    shell = ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "push", *lab.words(device), *words]
    environment = {**os.environ, VARIABLE: lab.simulator.password}
    done = subprocess.run(shell, capture_output=True, text=True, timeout=600, check=False, env=environment)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert ("no terminal to confirm on" in done.stderr) is (code == 2)
    assert bool(device.state.certificates) is (code == 0)


@pytest.mark.parametrize("signals, left", [(1, "failed"), (2, "unknown")])
def test_an_unread_push_can_be_interrupted(lab: Lab, device: Device, signals: int, left: str) -> None:
    device.faults.append(Fault("edit-config", FaultKind.SILENT))
    words = [*lab.words(device), "--yes", "--format", "json", "--timeout", "2" if signals == 1 else "60"]
    with started(lab, "push", *words) as process:
        unread(process)
        until(lambda: device.counters["edit-config"] > 0)
        process.send_signal(signal.SIGINT)
        if signals == 2:
            until(lambda: _taken(process.pid))
            process.send_signal(signal.SIGTERM)
        stdout, _ = process.communicate(timeout=600)
    assert process.returncode == 130
    assert json.loads(stdout)["outcome"] == left


def _taken(pid: int) -> bool:
    """Whether the process has taken the signals that it was sent: two alike at once would be one."""
    pending = [line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "Pnd:" in line]
    return not any(int(mask, 16) for mask in pending)


@pytest.mark.parametrize("form", ["table", "jsonl", "json"])
def test_a_watch_ends_in_order_where_nobody_reads_its_stdout(fleet: Fleet, form: str) -> None:
    (device,) = fleet.add()
    with fleet.started("poll", "--interval", "0.1", "--format", form) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        device.state.certificates["Trustpool"] = PEM  # something new for the table
        device.configure("Trustpool", "terminal")
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "Traceback" not in stderr
    assert state(fleet) is RunState.INTERRUPTED


def test_the_array_of_a_long_watch_is_written_as_it_comes_and_whole_after_ctrl_c(lab: Lab, device: Device) -> None:
    with started(lab, "poll", *lab.words(device), "--interval", "0.05", "--format", "json") as process:
        assert process.stdout is not None
        said = ""
        while said.count('"time"') < 3:
            said += process.stdout.readline()
        process.send_signal(signal.SIGINT)
        said += process.stdout.read()
        assert process.wait(600) == 130
    assert len(json.loads(said)) >= 3


def test_an_interrupt_before_the_first_sample_leaves_an_empty_array(lab: Lab, device: Device) -> None:
    device.faults.append(Fault("get", FaultKind.SILENT, times=100))
    with started(lab, "poll", *lab.words(device), "--format", "json") as process:
        until(lambda: device.counters["get"] > 0)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=600)
    assert process.returncode == 130
    assert json.loads(stdout) == []


@pytest.mark.parametrize("number", [0, 1, 3])
def test_an_array_keeps_none_of_its_items(capsys: pytest.CaptureFixture[str], number: int) -> None:
    array = Objects("json")
    for index in range(number):
        array.add({"index": index})
        assert json.loads(f"{capsys.readouterr().out.lstrip(',[')}") == {"index": index}
    assert vars(array).keys() == {"_form", "_begun"}
    array.end()
    assert capsys.readouterr().out.strip() == ("]" if number else "[]")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_breaks_off_what_is_behind_a_block_that_is_to_be_whole(number: int) -> None:
    done = []

    def work() -> None:
        with whole():
            os.kill(os.getpid(), number)
            done.append("inside")
        done.append("behind")

    with pytest.raises(KeyboardInterrupt), orderly():
        work()
    assert done == ["inside"]


def test_further_signals_break_off_even_that_block() -> None:
    done = []

    def work() -> None:
        for _ in range(3):  # the second one only says what a further one does
            os.kill(os.getpid(), signal.SIGINT)
        done.append("inside")

    with pytest.raises(KeyboardInterrupt), orderly(), whole():
        work()
    assert done == []


def test_an_exit_at_once_waits_for_a_block_that_is_to_be_whole() -> None:
    done: list[str] = []

    def leave() -> Any:
        done.append("left")
        raise SystemExit

    def block(stop: Stop) -> None:
        with whole():
            os.kill(os.getpid(), signal.SIGINT)
            assert stop(0)
            os.kill(os.getpid(), signal.SIGINT)
            done.append("inside")

    with pytest.raises(SystemExit), orderly(), unbroken(leave) as stop:
        block(stop)
    assert done == ["inside", "left"]
