"""A program of the user's ends, or is killed with its children; what it says shows nowhere, and it has no shell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.model.local.program import run
from tests.support import all_of, eventually


def never() -> bool:
    return False


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_beginning_of_what_it_prints_is_given_and_all_of_it_read() -> None:
    assert run(python("print('x' * 300_000)"), never, most=5) == b"xxxxx"
    assert run(python("print('ab', end='')"), never, most=5) == b"ab"
    assert run(python("print('ab')"), never) == b""


def test_words_are_taken_as_they_are_and_stdin_is_what_is_given() -> None:
    code = "import sys; print(sys.argv[1:], sys.stdin.read(), sep='')"
    assert run(python(code, "$HOME; id", "*"), never, most=99) == b"['$HOME; id', '*']\n"
    assert run(python(code), never, given=b"in", most=99) == b"[]in\n"


def test_it_has_no_terminal_and_not_the_variables_that_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XR_OURS", "hunter2")
    monkeypatch.setenv("VAULT_TOKEN", "theirs")
    code = "import os; print(os.environ.get('XR_OURS'), os.environ.get('VAULT_TOKEN'), os.getpid() == os.getsid(0))"
    assert run(python(code), never, most=99, without={"XR_OURS"}) == b"None theirs True\n"


@pytest.mark.parametrize(
    "code, said",
    [
        ("print('hunter2'); import sys; sys.exit('hunter2')", "ended with status 1"),
        ("print('hunter2', flush=True); import os; os.kill(os.getpid(), 9)", "was ended by signal 9"),
    ],
)
def test_one_that_fails_is_named_and_what_it_said_is_nowhere(code: str, said: str) -> None:
    with pytest.raises(agent.InputError) as failed:
        run(python(code), never, most=99)
    assert failed.value.message == f"{Path(sys.executable).name} {said}"
    assert "hunter2" not in all_of(failed.value).replace(code, "").replace(repr(code)[1:-1], "")


def test_what_cannot_be_run_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    for words, said in (([str(tmp_path / "none")], "No such file"), ([str(tmp_path / "text")], "Permission denied")):
        with pytest.raises(agent.InputError, match=rf"{Path(words[0]).name} cannot be run: {said}"):
            run(words, never)


def test_one_whose_time_is_over_is_killed_with_what_it_began(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "with open(sys.argv[1] + '~', 'w') as file: file.write(f'{os.getpid()} {child.pid}')\n"
        "os.rename(sys.argv[1] + '~', sys.argv[1])\n"
        "while True: print('y' * 1000)\n"
    )
    with pytest.raises(TimeoutError):
        run(python(code, str(pids)), pids.exists, most=10)
    began = [int(pid) for pid in pids.read_text().split()]
    assert eventually(lambda: not any(map(alive, began)))


def test_a_child_that_goes_on_with_its_stdout_is_not_waited_for(tmp_path: Path) -> None:
    """As an agent that a password manager leaves behind; it is not killed either."""
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid)\n"
    )
    pid = int(run(python(code), never, most=99))
    try:
        assert alive(pid)
    finally:
        os.kill(pid, 9)


def test_an_interrupt_that_comes_as_it_starts_kills_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    real, began = subprocess.Popen, list[int]()

    def started(*given: Any, **named: Any) -> Any:
        process = real(*given, **named)
        began.append(process.pid)
        os.kill(os.getpid(), signal.SIGINT)
        return process

    monkeypatch.setattr(subprocess, "Popen", started)
    with pytest.raises(KeyboardInterrupt):
        run(python("import time; time.sleep(600)"), never)
    assert eventually(lambda: not any(map(alive, began)))
    assert began


def test_one_whose_time_is_over_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        run(("touch", str(tmp_path / "begun")), lambda: True)
    assert not (tmp_path / "begun").exists()
