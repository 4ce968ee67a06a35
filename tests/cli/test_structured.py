"""``--log-json``: whoever writes to stderr, each line there is a JSON object."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.cli.stdio.structured import JsonLines
from agent.simulator import Fault, FaultKind
from tests.cli.lab import COMMAND, Fleet, Lab, started
from tests.cli.processes import at_terminal, until
from tests.threads import THREADS, at_once

_MEMBERS = {"time", "level", "logger", "message"}


def objects(text: str) -> list[dict[str, Any]]:
    """Each line of *text*; whatever is none ends the test."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(one.keys() >= _MEMBERS for one in found)
    return found


@pytest.mark.parametrize(
    "words",
    [
        ("--log-json",),
        ("nope", "--log-json"),
        ("push", "--log-json"),
        ("push", "r1", "--no-such-option", "--log-json"),
        ("push", "--log-json", "r1", "--port", "x"),
        ("push", "r1", "--log-json"),
        ("show", "two words", "--log-json"),
        ("recording", "show", "/nonexistent", "--log-json"),
        ("notice", "check", "/nonexistent", "--log-json"),
        ("simulate", "--release", "99.9.9", "--log-json"),
        ("recording", "nope", "--log-json"),
    ],
    ids=" ".join,
)
def test_wrong_use_is_one_object_that_says_what_to_do(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(program, words, catch_exceptions=False)
    assert (done.exit_code, done.stdout) == (2, "")
    (said,) = objects(done.stderr)
    assert said["level"] == "error"
    assert said["message"]
    assert said["next"]


def test_a_word_behind_two_dashes_is_no_option() -> None:
    done = CliRunner().invoke(program, ["show", "--", "--log-json"])
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize("command", ["show", "assess", "plan", "check", "push", "poll"])
@pytest.mark.parametrize("form", ["table", "json"])
def test_all_that_a_command_says_of_one_router_is_objects(lab: Lab, command: str, form: str) -> None:
    words = {"push": ["--yes"], "poll": ["--until", "authorized", "--interval", "0.05"]}.get(command, [])
    done = lab.run(command, lab.add(), *words, "-vv", "--log-json", "--format", form)
    assert done.exit_code in (0, 1)
    assert objects(done.stderr)


def test_a_step_is_its_members(lab: Lab) -> None:
    done = lab.run("push", lab.add(), "--yes", "--log-json")
    steps = {one["step"]: one for one in objects(done.stderr) if "status" in one}
    assert {"lock", "commit", "read back"} <= steps.keys()
    assert (steps["lock"]["device"], steps["lock"]["status"]) == ("127.0.0.1", "done")
    assert steps["lock"]["detail"].startswith("held")


def test_a_failure_has_its_device_and_what_is_to_be_done(lab: Lab) -> None:
    device = lab.add()
    lab.known_hosts.write_text("")
    done = lab.run("assess", device, "--log-json")
    (failed,) = [one for one in objects(done.stderr) if one["level"] == "error"]
    assert failed["device"] == "127.0.0.1"
    assert failed["next"]


@pytest.mark.parametrize("form", ["table", "json", "jsonl"])
def test_all_that_a_run_says_is_objects(fleet: Fleet, form: str) -> None:
    _, bad = fleet.add(2)
    bad.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    report = fleet.folder / "report.html"
    words = ("--yes", "--no-ssh", "--max-failures", "0", "--report", str(report))
    done = fleet.run("push", *words, "--log-json", "--format", form)
    said = objects(done.stderr)
    assert [one["level"] for one in said if one.get("device") == bad.name and "failed" in one["message"]] == ["warning"]
    assert any(one["message"].startswith("run ") for one in said)
    assert any("report.html" in one["message"] for one in said)


def test_the_demo_says_objects_and_its_commands_as_well() -> None:
    done = CliRunner().invoke(program, ["demo", "--log-json", "--format", "json"], catch_exceptions=False)
    assert objects(done.stderr)
    assert len(json.loads(done.stdout)) == 12


@pytest.mark.parametrize("command", ["assess", "push"])
def test_the_words_of_an_interrupt_are_objects(lab: Lab, command: str) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.SILENT, times=100))
    more = ("--yes", "--timeout", "5") if command == "push" else ()  # whose first answer is waited for to its end
    with started(lab, command, *lab.words(device), *more, "--log-json") as process:
        until(lambda: device.counters["get"] >= 1)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    last = objects(stderr)[-1]
    assert last["level"] == "warning"
    assert "interrupted" in last["message"]


def test_the_words_of_an_end_at_once_are_objects(fleet: Fleet) -> None:
    good, hanging = fleet.add(2)
    hanging.faults.append(Fault("get", FaultKind.SILENT, times=100))
    with fleet.started("poll", "--interval", "0.2", "--format", "json", "--log-json") as process:
        until(lambda: good.counters["get"] >= 4 and hanging.counters["get"] >= 1)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        said = [process.stderr.readline()]
        while "once more ends at once" not in said[-1]:
            said.append(process.stderr.readline())
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "interrupted at once" in objects("".join(said) + stderr)[-1]["message"]


def test_a_question_is_an_object_and_its_answer_counts(lab: Lab) -> None:
    device = lab.add()
    words = ["push", *lab.words(device), "--log-json"]
    code, seen = at_terminal(lab, words, b'Apply? [y/N]:"', "y")
    assert code == 0, seen
    typed = [line for line in seen.splitlines() if line.strip() not in ("y", "")]
    said = objects("\n".join(typed))
    assert any(one["message"].startswith("Apply?") for one in said)
    assert "enrollment terminal" in "".join(one["message"] for one in said)
    assert device.counters["ca-authenticate"]


def test_where_stderr_is_no_terminal_nothing_is_asked(lab: Lab) -> None:
    done = lab.run("push", lab.add(), "--log-json")
    (said,) = objects(done.stderr)
    assert (done.exit_code, "no terminal" in said["message"]) == (2, True)


def test_what_python_itself_says_is_objects(tmp_path: Path) -> None:
    """A warning, a bug in a thread, one in a destructor, and one that ends the command."""
    script = tmp_path / "bug.py"
    script.write_text(
        "import sys, threading, warnings\n"
        "from agent.cli import main, options\n"
        "class Bad:\n"
        "    def __del__(self): raise ValueError('gone')\n"
        "@options.command('bug', 'Fail.', 'well')\n"
        "@options.output\n"
        "def command(form):\n"
        "    warnings.warn('old', DeprecationWarning, stacklevel=1)\n"
        "    thread = threading.Thread(target=lambda: 1 // 0)\n"
        "    thread.start()\n"
        "    thread.join()\n"
        "    Bad()\n"
        "    print('no line end', end='', file=sys.stderr)\n"
        "    raise KeyError('which')\n"
        "main.Program.get_command = lambda *_: command\n"
        "main.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "default", str(script), "bug", "--log-json"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 1
    said = objects(done.stderr)
    assert [one["message"] for one in said if one["level"] == "critical"] == [
        "ZeroDivisionError: integer division or modulo by zero",
        "KeyError: 'which'",
    ]
    assert all(one["exception"].startswith("Traceback") for one in said if one["level"] == "critical")
    assert any(one["logger"] == "py.warnings" and one["level"] == "warning" for one in said)
    assert "no line end" in done.stderr


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "TTY_INTERACTIVE", "TTY_COMPATIBLE", "CLICOLOR_FORCE"])
def test_no_wish_for_colour_brings_escapes_into_it(lab: Lab, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    done = lab.run("push", lab.add(), "--yes", "--log-json")
    assert not any("\x1b" in one["message"] or "\\x1b" in one["message"] for one in objects(done.stderr))


def test_what_a_device_says_acts_on_no_terminal() -> None:
    below = io.StringIO()
    JsonLines(below).say("info", "a\x1b[2Jb\nc\u2028d", {"device": "r\x07"})
    assert re.search(r"[^\x20-\x7e\n]", below.getvalue()) is None
    assert len(below.getvalue().splitlines()) == 1


def test_no_member_has_the_password_of_a_url_or_what_acts_on_a_terminal() -> None:
    below = io.StringIO()
    told = {"detail": "url http://ops:Zq7x@ca.example/", "next": "\x9b31m", "device": "r1\x1b]0;"}
    JsonLines(below).say("info", "at http://ops:Zq7x@ca.example/", told)
    made = json.loads(below.getvalue())
    assert made["detail"] == "url http://ops:***@ca.example/"
    assert "Zq7x" not in below.getvalue()
    assert not [text for text in made.values() if "\x9b" in text or "\x1b" in text]


def test_threads_that_write_pieces_of_lines_write_whole_objects() -> None:
    below, each = io.StringIO(), 20
    stream = JsonLines(below)

    def writes(name: int) -> None:
        for count in range(each):
            for piece in (f"{name} ", f"{count}", "\n"):
                stream.write(piece)

    at_once(writes)
    assert sorted(one["message"] for one in objects(below.getvalue())) == sorted(
        f"{name} {count}" for name in range(THREADS) for count in range(each)
    )


def test_closed_stderr_ends_nothing() -> None:
    done = subprocess.run(
        ["sh", "-c", f"{' '.join(COMMAND)} support --log-json 2>&-"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert (done.returncode, bool(done.stdout)) == (1, True)
