"""A secret that a program says, on the command line or in an inventory: before any router, once, and never for long."""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.fleet.inventory import command
from agent.fleet.journal.store import Journal
from agent.simulator import Fault, FaultKind, Simulator, rpc_error
from tests.cli.lab import Fleet, Lab, started
from tests.cli.processes import until
from tests.model.test_program import alive


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Simulator(password="pass-Zq8x") as simulator:
        yield Lab(simulator, tmp_path / "known_hosts")


def script(path: Path, *lines: str) -> str:
    """A program that writes a line to ``<path>.runs`` each time that it is run, then does this."""
    path.write_text("\n".join(["#!/bin/sh", f'echo "$$ $*" >> {path}.runs', *lines, ""]))
    path.chmod(0o700)
    return str(path)


def runs(path: str) -> list[str]:
    """What it was run with, behind its process's number."""
    file = Path(f"{path}.runs")
    return file.read_text().splitlines() if file.exists() else []


def says(fleet: Fleet) -> str:
    return script(fleet.folder / "vault", f"echo '{fleet.lab.simulator.password}'", "echo warned-Zq7x >&2")


def words(fleet: Fleet, name: str, *more: str) -> list[str]:
    """*name* over the inventory, without a way to log in."""
    given = fleet.words(name, *more)
    at = given.index("--password-env")
    return [*given[:at], *given[at + 2 :]]


def run(fleet: Fleet, name: str, *more: str) -> Any:
    return CliRunner().invoke(program, words(fleet, name, *more), catch_exceptions=False)


@pytest.mark.parametrize("option", ["--password-exec", "--register-token-exec"])
def test_a_push_that_nobody_can_confirm_runs_none(fleet: Fleet, option: str) -> None:
    fleet.add(1)
    vault = says(fleet)
    done = run(fleet, "push", option, vault)
    assert (done.exit_code, "no terminal to confirm on" in done.stderr) == (2, True), done.stderr
    assert runs(vault) == []


def test_a_push_runs_it_once_for_all_and_its_resumption_the_same_command(fleet: Fleet) -> None:
    fleet.add(3)
    failing, *_ = fleet.devices
    failing.faults.append(Fault("commit", FaultKind.ERROR, rpc_error("access-denied"), times=99))
    vault = says(fleet)
    done = run(fleet, "push", "--yes", "--format", "json", "--password-exec", f"{vault} get", "-vv")
    assert [made["outcome"] for made in json.loads(done.stdout)] == ["failed", "remedied", "remedied"], done.stderr
    assert len(runs(vault)) == 1
    assert "Beginning auth" in done.stderr, "the log is at its loudest"
    assert not [word for word in ("Zq7x", "Zq8x") if word in done.stdout + done.stderr]
    with Journal.open(fleet.journal) as journal:
        assert journal.run("last").settings["password_exec"] == f"{vault} get"
    failing.faults.clear()
    command.commands.forget()  # as in another process
    resumed = ["push", "--resume", "last", "--yes", "--format", "jsonl", "--journal", str(fleet.journal)]
    done = CliRunner().invoke(program, resumed, catch_exceptions=False)
    assert json.loads(done.stdout)["outcome"] == "remedied", done.stderr
    assert [line.split(maxsplit=1)[1] for line in runs(vault)] == ["get", "get"]


def test_what_a_program_is_run_with_has_no_secret_that_an_option_names(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.add(1)
    monkeypatch.setenv("XR_TOKEN_OF_THIS_TEST", "t0k3n-Zq7x")
    monkeypatch.setenv("XR_HOOK_OF_THIS_TEST", "http://127.0.0.1:9/Zq7x")
    monkeypatch.setenv("XR_OTHER", "kept")
    seen = fleet.folder / "seen"
    vault = script(fleet.folder / "vault", f"env > {seen}", f"echo '{fleet.lab.simulator.password}'")
    head, row = fleet.inventory.read_text().splitlines()
    fleet.inventory.write_text(f"{head},password\n{row},exec:{vault}\n")
    done = run(
        fleet,
        "push",
        "--yes",
        "--register-token-env",
        "XR_TOKEN_OF_THIS_TEST",
        "--notify",
        "env:XR_HOOK_OF_THIS_TEST",
        "--no-renew",
    )
    assert "XR_OTHER=kept" in seen.read_text(), done.stderr
    assert "Zq7x" not in seen.read_text()


def test_a_run_that_goes_on_elsewhere_asks_the_same_program(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    (device,) = fleet.add(1)
    device.faults.append(Fault("commit", FaultKind.ERROR, rpc_error("access-denied"), times=99))
    says(fleet)
    monkeypatch.chdir(fleet.folder)
    assert run(fleet, "push", "--yes", "--password-exec", "./vault 'get it'").exit_code == 1
    with Journal.open(fleet.journal) as journal:
        assert journal.run("last").settings["password_exec"] == f"{fleet.folder}/vault 'get it'"
    device.faults.clear()
    command.commands.forget()
    (fleet.folder / "elsewhere").mkdir()
    monkeypatch.chdir(fleet.folder / "elsewhere")
    resumed = ["push", "--resume", "last", "--yes", "--journal", str(fleet.journal)]
    done = CliRunner().invoke(program, resumed, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr


def test_processes_ask_once_each(fleet: Fleet) -> None:
    fleet.add(4)
    vault = says(fleet)
    done = run(fleet, "assess", "--format", "jsonl", "--password-exec", vault, "--processes", "1")
    assert done.stdout.count('"affected"') == 4, done.stderr
    assert len(runs(vault)) == 2  # before any router, and in the process


def test_programs_of_an_inventory_are_asked_before_any_router(fleet: Fleet) -> None:
    fleet.add(3)
    vault, away = says(fleet), script(fleet.folder / "sealed", "echo s3cret", "exit 3")
    head, *rows = fleet.inventory.read_text().splitlines()
    passwords = [f"exec:{vault} a", f"exec:{away} --token=Zq7x", f"exec:{vault} b"]
    lines = [f"{row},{password}" for row, password in zip(rows, passwords, strict=True)]
    fleet.inventory.write_text("\n".join([f"{head},password", *lines, ""]))
    done = run(fleet, "assess")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "error: sealed ended with status 3"
    assert "Zq7x" not in done.stderr
    assert not any(device.log for device in fleet.devices)
    assert not fleet.journal.exists()


@pytest.mark.parametrize(
    "option, more",
    [
        ("--password-exec", []),
        ("--key-passphrase-exec", ["--key", "KEY"]),
        ("--register-token-exec", []),
    ],
)
def test_one_that_hangs_ends_the_command_before_any_router(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, option: str, more: list[str]
) -> None:
    fleet.add()
    (fleet.folder / "key").touch()
    monkeypatch.setattr(command, "WITHIN", 0.0)
    hangs = script(fleet.folder / "hangs", "exec sleep 600")
    given = [str(fleet.folder / "key") if word == "KEY" else word for word in more]
    done = run(fleet, "push", "--yes", option, hangs, *given)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "error: hangs gave no secret within 0 s, and was killed"
    assert not fleet.journal.exists()


@pytest.mark.parametrize(
    "given, said",
    [
        (["--password-exec", ""], "exec: is followed by no program"),
        (["--password-exec", "'Zq7x"], "cannot be split into words"),
        (["--password-exec", "/no/such/vault Zq7x"], "vault cannot be run: No such file or directory"),
        (["--password-exec", "no-such-vault {name} Zq7x"], "no-such-vault cannot be run: there is no such program"),
        (["--password-exec", "vault {router} Zq7x"], "a command has no {router} of a router"),
        (["--password-exec", "a", "--password-env", "B"], "the password is given in two ways"),
        (["--key-passphrase-exec", "a"], "--key-passphrase-exec without --key"),
        (["--register-token-exec", "echo {name}"], "the command of echo names a router"),
    ],
)
def test_what_cannot_be_a_command_is_one_line(fleet: Fleet, given: list[str], said: str) -> None:
    fleet.add()
    done = run(fleet, "push", "--yes", *given)
    assert (done.exit_code, done.stdout) == (2, "")
    first, *hint = done.stderr.splitlines()
    assert said in first
    assert len(hint) == 1
    assert hint[0].startswith("  next: ")
    assert "Zq7x" not in done.stderr


@pytest.mark.parametrize("argument", ["", "{name}"])
def test_ctrl_c_ends_it_at_once(fleet: Fleet, argument: str) -> None:
    """Before the run, in the thread that signals interrupt, and as a router is reached, in one that they do not."""
    fleet.add()
    hangs = script(fleet.folder / "hangs", "sleep 600")
    given = words(fleet, "push", "--yes", "--password-exec", f"{shlex.quote(hangs)} {argument}")
    with started(fleet.lab, *given) as process:
        until(lambda: bool(runs(hangs)))
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    pid = int(runs(hangs)[0].split()[0])
    until(lambda: not alive(pid))
