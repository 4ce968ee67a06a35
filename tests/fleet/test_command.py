"""``exec:`` names a program whose first line is a secret: run once, without a shell, never quoted, never for long."""

from __future__ import annotations

import pickle
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import agent
from agent.fleet.inventory import command
from agent.fleet.inventory.command import KEPT, WITHIN, Commands
from agent.fleet.inventory.reference import Place, Reference
from agent.fleet.inventory.source import load
from agent.fleet.inventory.target import Reach, Target
from tests.support import Clock, logged
from tests.threads import at_once


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """A program that says ``s3cret``, and writes down each time that it is run, and with what."""
    path = tmp_path / "vault"
    path.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/runs\n[ -e {tmp_path}/sealed ] && exit 2\necho s3cret\necho no\n'
    )
    path.chmod(0o700)
    return path


def runs(vault: Path) -> list[str]:
    """The arguments with which it was run."""
    file = vault.parent / "runs"
    return file.read_text().splitlines() if file.exists() else []


def sealed(vault: Path) -> Path:
    """The file by which it fails."""
    return vault.parent / "sealed"


def reference(vault: Path, arguments: str = "kv get") -> Reference:
    return Reference.parse(f"exec:{vault} {arguments}")


def test_the_first_line_is_the_secret_and_the_program_is_run_once(vault: Path) -> None:
    reach = Reach(password=reference(vault, "kv get 'a b'"), key_passphrase=reference(vault, "kv get 'a b'"))
    for number in range(3):
        device = Target(f"r{number}", "192.0.2.1").device(reach)
        assert [secret.reveal() for secret in device.secrets] == ["s3cret", "s3cret"]
    assert runs(vault) == ["kv get a b"]
    assert reference(vault, "kv get other").resolve().reveal() == "s3cret"
    assert len(runs(vault)) == 2


def test_many_threads_that_ask_at_once_run_it_once(vault: Path) -> None:
    secret = reference(vault)
    assert set(at_once(lambda _: secret.resolve().reveal())) == {"s3cret"}
    assert len(runs(vault)) == 1


def test_one_that_names_the_router_is_run_for_each(vault: Path) -> None:
    secret = reference(vault, "kv get routers/{name}@{host}")
    secret.look()
    assert runs(vault) == []
    for _ in range(2):
        for name in ("r1", "r2"):
            Target(name, "192.0.2.1", password=secret).device(Reach())
    assert runs(vault) == ["kv get routers/r1@192.0.2.1", "kv get routers/r2@192.0.2.1"]


def test_a_routers_name_adds_no_argument_and_no_option(vault: Path) -> None:
    secret = reference(vault, "get {name}")
    Target("a b; id $HOME", "192.0.2.1", password=secret).device(Reach())
    assert runs(vault) == ["get a b; id $HOME"]
    with pytest.raises(agent.InputError, match="would be an option of vault") as refused:
        Target("-v", "192.0.2.1", password=secret).device(Reach())
    assert refused.value.device == "-v"
    with pytest.raises(
        agent.InputError, match=r"names a router, and is not run for each.*leave \{name\} and \{host\} out"
    ):
        secret.resolve()


@pytest.mark.parametrize(
    "text, said",
    [
        ("exec:", "exec: is followed by no program"),
        ("exec:   ", "exec: is followed by no program"),
        ("exec:''", "exec: is followed by no program"),
        ("exec:vault\nhunter2", "exec: is followed by no program"),
        ("exec:{name} hunter2", "exec: is followed by no program"),
        ("exec:vault 'hunter2", "cannot be split into words: no closing quotation"),
        ("exec:~no-such-user/vault hunter2", "there is no such home"),
        ("exec:vault {nmae} hunter2", r"no \{nmae\} of a router"),
    ],
)
def test_what_is_no_command_is_refused_and_not_repeated(text: str, said: str) -> None:
    with pytest.raises(agent.InputError, match=said) as refused:
        Reference.parse(text)
    assert refused.value.hint
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["exec:vault kv get -field=password secret/ops", "exec:sh -c 'pass show a | head -1'"])
def test_a_command_is_read_back_as_it_was_written_and_travels(text: str) -> None:
    assert str(Reference.parse(text)) == text
    assert pickle.loads(pickle.dumps(Reference.parse(text))) == Reference.parse(text)  # noqa: S301 - our own bytes


def test_a_program_of_an_inventory_is_beside_it_unless_it_is_on_the_path(tmp_path: Path) -> None:
    rows = ("r1,exec:bin/ask a", "r2,exec:vault a", "r3,exec:/opt/ask 'a b'", "r4,exec:~/ask ~")
    (tmp_path / "routers.csv").write_text("\n".join(["name,password", *rows, ""]))
    found = [target.password.name for target in load(str(tmp_path / "routers.csv")) if target.password]
    beside, home = shlex.quote(str(tmp_path / "bin/ask")), shlex.quote(str(Path.home() / "ask"))
    assert found == [f"{beside} a", "vault a", "/opt/ask 'a b'", f"{home} '~'"]


def test_a_script_that_may_not_be_run_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "vault").touch(mode=0o600)
    vault = (str(tmp_path / "vault"),)
    for look in (command.Command(vault).find, lambda: Commands().secret(vault)):
        with pytest.raises(agent.InputError, match="vault cannot be run: Permission denied") as refused:
            look()
        assert refused.value.hint == "see that it is a program that you may run: chmod +x"
    with pytest.raises(agent.InputError, match="away cannot be run: there is no such program"):
        command.Command.parse(str(tmp_path / "away")).find()


@pytest.mark.parametrize(
    "prints, said",
    [("", "the first line that python"), ("\\nhunter2", "first line"), ("hunter2" * 1000, "first line")],
)
def test_a_first_line_that_is_no_secret_is_refused(prints: str, said: str) -> None:
    words = (sys.executable, "-c", f"print('{prints}')")
    with pytest.raises(agent.InputError, match=said) as refused:
        Commands().secret(words)
    assert "hunter2" not in str(refused.value)


def test_one_that_fails_says_its_status_alone_and_names_the_router(vault: Path) -> None:
    sealed(vault).touch()
    targets = [Target(name, "192.0.2.1", password=reference(vault, "kv get --token=hunter2")) for name in ("r1", "r2")]
    for target in targets:
        with pytest.raises(agent.InputError) as refused:
            target.device(Reach())
        assert str(refused.value).startswith(f"{target.name}: vault ended with status 2 (")
        assert "hunter2" not in str(refused.value)
    assert len(runs(vault)) == 1  # it is not asked in vain for each router


def test_what_it_said_is_asked_anew_after_a_while_and_kept_where_that_fails(vault: Path) -> None:
    clock = Clock()
    asked = Commands(lambda: clock.now)
    for seconds, times in ((0.0, 1), (KEPT - 1, 1), (1.0, 2)):
        clock.sleep(seconds)
        assert asked.secret((str(vault),)).reveal() == "s3cret"
        assert len(runs(vault)) == times
    sealed(vault).touch()
    clock.sleep(KEPT)
    with logged() as records:
        assert asked.secret((str(vault),)).reveal() == "s3cret"
    assert [record.getMessage() for record in records] == [
        "vault ended with status 2; the secret that it gave before is used"
    ]


def test_one_that_was_sealed_is_asked_again_soon(vault: Path) -> None:
    clock = Clock()
    asked = Commands(lambda: clock.now)
    sealed(vault).touch()
    with pytest.raises(agent.InputError):
        asked.secret((str(vault),))
    sealed(vault).unlink()
    clock.sleep(command.FAILED)
    assert asked.secret((str(vault),)).reveal() == "s3cret"


def _hanging(tmp_path: Path) -> tuple[tuple[str, ...], Callable[[], bool]]:
    """A program that says nothing and does not end, and whether it has begun."""
    begun = tmp_path / "begun"
    return ("sh", "-c", f": > {shlex.quote(str(begun))}; exec sleep 600"), begun.exists


def test_one_that_hangs_is_killed_when_its_time_is_over(tmp_path: Path) -> None:
    words, begun = _hanging(tmp_path)
    asked = Commands(lambda: WITHIN if begun() else 0.0)
    with pytest.raises(agent.InputError, match=r"sh gave no secret within 30 s, and was killed"):
        asked.secret(words)


def test_a_cancellation_ends_one_that_hangs(tmp_path: Path) -> None:
    words, begun = _hanging(tmp_path)
    with pytest.raises(agent.Interrupted, match="interrupted while sh was asked for a secret"):
        Commands(lambda: 0.0).secret(words, lambda _: begun())


def test_it_does_not_get_the_variables_that_have_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XR_COMMAND_TEST", "hunter2")
    words = (sys.executable, "-c", "import os; print(os.environ.get('XR_COMMAND_TEST'))")
    travelled = pickle.dumps(Reference(Place.ENV, "XR_COMMAND_TEST"))
    command.env_names.discard("XR_COMMAND_TEST")  # as in the process that it travels to
    assert Commands().secret(words).reveal() == "hunter2"
    pickle.loads(travelled)  # noqa: S301 - our own bytes
    assert Commands().secret(words).reveal() == "None"
