"""Logging in to OpenSSH by each combination of methods that it may ask for, with PAM behind keyboard-interactive."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import agent
from agent.model.device import Device
from tests.interop.conftest import netconfd_session
from tests.interop.netconfd import Netconfd, keygen
from tests.interop.sshd import Keys, Pam, by_pam, pam, sshd
from tests.support import all_of

KEY, PASSWORD, KEYBOARD = "publickey", "password", "keyboard-interactive"
COMBINATIONS = (
    KEY,
    PASSWORD,
    KEYBOARD,
    f"{KEY},{PASSWORD}",
    f"{KEY},{KEYBOARD}",
    f"{PASSWORD},{KEYBOARD}",
    f"{KEYBOARD},{PASSWORD}",
    f"{PASSWORD},{KEY}",
    f"{KEYBOARD},{KEY}",
    f"{KEY},{KEY}",
    f"{KEY} {PASSWORD}",  # one or the other
)
WRONG = agent.Secret("Wrong-Zq7")


@dataclass
class Strict:
    """An sshd that takes certain combinations of methods.

    Attributes:
        right: how it is reached with the right key and the right password.
    """

    rules: Pam
    right: Device

    def refused(self, **changes: object) -> agent.SSHAuthenticationError:
        with pytest.raises(agent.SSHAuthenticationError) as raised:
            agent.connect(replace(self.right, **changes))  # type: ignore[arg-type] # by name
        assert "Zq7" not in all_of(raised.value)
        assert self.rules.password not in all_of(raised.value)
        return raised.value


Starts = Callable[..., Strict]


@pytest.fixture
def start(netconfd: Netconfd, keys: Keys, tmp_path: Path) -> Iterator[Starts]:
    """Starts one that wants *methods*, with further *options*, whose PAM goes by *account* behind the password."""
    with ExitStack() as end:

        def started(methods: str, *options: str, account: tuple[str, ...] = ()) -> Strict:
            rules = end.enter_context(pam(*account))
            wanted = (*by_pam(rules), f"AuthenticationMethods {methods}", *options)
            folder = Path(end.enter_context(TemporaryDirectory(dir=tmp_path)))
            device = end.enter_context(sshd(netconfd, keys, folder, *wanted, program=rules.program))
            return Strict(rules, replace(device, password=agent.Secret(rules.password)))

        yield started


def wants(methods: str, method: str) -> bool:
    return method in methods.replace(" ", ",").split(",")


@pytest.mark.parametrize("methods", [one for one in COMBINATIONS if one != f"{KEY},{KEY}"])
def test_a_right_key_and_a_right_password_log_in_and_each_is_given_once(
    start: Starts, netconfd: Netconfd, methods: str
) -> None:
    strict = start(methods)
    with netconfd_session(netconfd, strict.right) as session:
        assert session.session_id
    needed = sum(method in methods.partition(" ")[0] for method in (PASSWORD, KEYBOARD))
    assert strict.rules.given == [strict.rules.password] * needed


def test_two_keys_are_given_where_two_are_wanted(start: Starts, netconfd: Netconfd, keys: Keys, tmp_path: Path) -> None:
    strict = start(f"{KEY},{KEY}")
    config = tmp_path / "config"
    config.write_text(f"Host *\n  IdentityFile {keys.user()}\n  IdentityFile {keys.user('second')}\n")
    both = replace(strict.right, key_file=None, password=None, ssh_config=config)
    with netconfd_session(netconfd, both) as session:
        assert session.session_id
    error = strict.refused(password=None)
    assert error.message == f"the device accepted a key of {strict.right.username}, and wants publickey as well"
    assert error.hint == "give the other key with --key, or load it into ssh-agent"
    assert not error.refused


@pytest.mark.parametrize("methods", [one for one in COMBINATIONS if wants(one, PASSWORD) or wants(one, KEYBOARD)])
def test_a_wrong_password_is_refused_by_name_and_given_once(start: Starts, tmp_path: Path, methods: str) -> None:
    strict = start(methods)
    changes: dict[str, object] = {}
    if " " in methods:
        keygen(tmp_path / "stranger")
        changes["key_file"] = tmp_path / "stranger"
    error = strict.refused(password=WRONG, **changes)
    assert error.message == (f"the device refused the login: the password of {strict.right.username} was not accepted")
    assert error.hint == "check user, key and password"
    assert error.refused
    assert strict.rules.given == [WRONG.reveal()]


@pytest.mark.parametrize("methods", [one for one in COMBINATIONS if KEY in one and one != f"{KEY} {PASSWORD}"])
def test_a_key_that_it_does_not_know_is_refused(start: Starts, tmp_path: Path, methods: str) -> None:
    strict = start(methods)
    keygen(tmp_path / "stranger")
    error = strict.refused(key_file=tmp_path / "stranger", password=None)
    offered = methods.startswith(KEY)
    said = "the device accepted no key of" if offered else "the device takes no key, only"
    assert error.message.startswith(said), error.message
    assert error.refused is offered


@pytest.mark.parametrize("second", [PASSWORD, KEYBOARD])
def test_a_key_accepted_in_part_without_a_password_says_what_is_wanted(start: Starts, second: str) -> None:
    strict = start(f"{KEY},{second}")
    error = strict.refused(password=None)
    assert error.message == f"the device accepted a key of {strict.right.username}, and wants {second} as well"
    assert "--ask-password" in (error.hint or "")
    assert not error.refused


@pytest.mark.parametrize("first", [PASSWORD, KEYBOARD])
def test_a_password_accepted_in_part_without_a_key_says_what_is_wanted(start: Starts, first: str) -> None:
    strict = start(f"{first},{KEY}")
    error = strict.refused(key_file=None)
    assert error.message == f"the device accepted the password of {strict.right.username}, and wants publickey as well"
    assert "--key" in (error.hint or "")
    assert not error.refused


@pytest.mark.parametrize("methods", [PASSWORD, KEYBOARD])
def test_nothing_to_give_is_said_and_nothing_is_sent(start: Starts, methods: str) -> None:
    strict = start(methods)
    error = strict.refused(password=None, key_file=None)
    assert "no key and no password" in error.message
    assert not error.refused
    assert strict.rules.given == []


def test_a_server_that_takes_keys_alone_is_sent_no_password(start: Starts) -> None:
    strict = start(KEY)
    error = strict.refused(key_file=None)
    assert error.message == "the device takes no password, only publickey"
    assert not error.refused
    assert strict.rules.given == []


# --- what PAM says behind the right password -------------------------------------------------------------------------


def says(folder: Path, *lines: str) -> str:
    """A rule that refuses an account with these words, as pam_unix and pam_faillock do."""
    (folder / "says").write_text("\n".join(("#!/bin/sh", *(f"echo '{line}'" for line in lines), "exit 1", "")))
    (folder / "says").chmod(0o755)
    return f"required pam_exec.so stdout quiet {folder / 'says'}"


def test_a_password_that_has_to_be_changed_is_said_and_no_new_one_given(start: Starts) -> None:
    strict = start(KEYBOARD, account=("required pam_debug.so acct=new_authtok_reqd",))
    error = strict.refused()
    assert error.message.endswith(f"the password of {strict.right.username} has expired, or has to be changed")
    assert error.hint == "log in by hand and change it, or ask whoever keeps the AAA server"
    assert strict.rules.given == [strict.rules.password]


@pytest.mark.parametrize("methods", [PASSWORD, KEYBOARD])
def test_an_account_that_is_locked_is_said_in_the_servers_words(start: Starts, tmp_path: Path, methods: str) -> None:
    words = "The account is locked due to 3 failed logins."
    strict = start(methods, account=(says(tmp_path, words, "(10 minutes left to unlock)"),))
    error = strict.refused()
    assert error.message.endswith(f"is locked out, it says: {words}")
    assert error.refused
    assert strict.rules.given == [strict.rules.password]


@pytest.mark.parametrize("methods", [PASSWORD, KEYBOARD])
def test_an_account_that_has_expired_is_said(start: Starts, tmp_path: Path, methods: str) -> None:
    words = "Your account has expired; please contact your system administrator."
    strict = start(methods, account=(says(tmp_path, words),))
    error = strict.refused()
    assert "expired" in error.message
    assert error.refused


# --- tries -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An ssh-agent with five keys that nobody knows, and behind them the user's; gives the latter's public half."""
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    for name, value in re.findall(r"(SSH_\w+)=([^;]+);", started):
        monkeypatch.setenv(name, value)
    try:
        strangers = [tmp_path / f"stranger.{n}" for n in range(5)]
        for file in strangers:
            keygen(file)
        keygen(tmp_path / "mine")
        with keys.authorized.open("a") as authorized:
            authorized.write((tmp_path / "mine.pub").read_text())
        subprocess.run(["ssh-add", "-q", *strangers, tmp_path / "mine"], check=True)
        (tmp_path / "mine").unlink()
        yield tmp_path / "mine.pub"
    finally:
        subprocess.run(["ssh-agent", "-k"], capture_output=True, check=True)


def test_an_agent_with_many_keys_uses_up_the_tries_and_the_hint_says_what_to_do(start: Starts, many: Path) -> None:
    strict = start(KEY, "MaxAuthTries 3")
    error = strict.refused(password=None, key_file=None, use_agent=True)
    said = f"the device accepted no key of {strict.right.username}; it said: Too many authentication failures"
    assert error.message == said
    assert "keys were offered: name the right one, or set IdentitiesOnly" in (error.hint or "")


def test_identities_only_offers_the_agents_one_key_that_is_named(
    start: Starts, netconfd: Netconfd, many: Path, tmp_path: Path
) -> None:
    strict = start(KEY, "MaxAuthTries 2")
    config = tmp_path / "config"
    config.write_text(f"Host *\n  IdentitiesOnly yes\n  IdentityFile {many}\n")
    device = replace(strict.right, password=None, key_file=None, use_agent=True, ssh_config=config)
    with netconfd_session(netconfd, device) as session:
        assert session.session_id


def test_a_key_that_logged_in_once_comes_first_from_then_on(start: Starts, netconfd: Netconfd, many: Path) -> None:
    patient, strict = start(KEY, "MaxAuthTries 10"), start(KEY, "MaxAuthTries 2")
    for server in (patient, strict):
        device = replace(server.right, password=None, key_file=None, use_agent=True)
        with netconfd_session(netconfd, device) as session:
            assert session.session_id


def test_a_key_that_was_taken_in_part_comes_first_from_then_on(start: Starts, many: Path) -> None:
    patient, strict = start(f"{KEY},{PASSWORD}", "MaxAuthTries 10"), start(KEY, "MaxAuthTries 2")
    by_agent: dict[str, object] = {"password": None, "key_file": None, "use_agent": True}
    assert "accepted a key of" in patient.refused(**by_agent).message
    agent.connect(replace(strict.right, **by_agent)).close()  # type: ignore[arg-type] # by name
