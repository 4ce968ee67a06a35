"""What a server may ask by keyboard-interactive: its words decide who answers; the password goes to one question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import asyncssh
import pytest

import agent
from agent.model.device import Question
from agent.ssh.connect import open_ssh
from agent.ssh.connection import Deadline
from agent.ssh.peer.service import Service
from tests.ssh.server import PASSWORD, device, served
from tests.support import all_of

Round = Sequence[tuple[str, bool]]
PASSWORDS = (
    "Password: ",
    "password:",
    "ops@core-1's password: ",
    "(ops@r1.example.net) Password: ",
    "Password for ops@token-3.example: ",
    "Enter your TACACS+ Password: ",
    "Passwort:",
    "Password for ops: ",
    "ops's password: ",
    "Please enter the RADIUS password of user ops: ",
    "[LDAP] Password",
    "r1 password: ",
    "Kennwort: ",
    "Mot de passe : ",
    "Contraseña de ops: ",
    "Contrasen\u0303a: ",
    "Пароль: ",
    "密码\uff1a",
)
OTHERS = (
    "OTP: ",
    "One-time password: ",
    "One time password (OATH) for `ops': ",
    "Enter PASSCODE: ",
    "PIN: ",
    "Enter a new PIN having from 4 to 8 digits: ",
    "Enter the password again: ",
    "Old Password: ",
    "Verification code: ",
    "Token code: ",
    "Passcode or option (1-3): ",
    "Challenge 123456, response: ",
    "Wait for the next token code: ",
    "SecurID password: ",
    "Enable password: ",
    "Username: ",
    "login: ",
    "Password hint: ",
    "Two-factor password: ",
    "2FA password: ",
    "Yubikey password: ",
    "Contraseña nueva: ",
    "Press 1 for a push: ",
    "",
    "Dynamic password: ",
    "SMS password: ",
    "Second password: ",
    "Password 2: ",
    "Duo password: ",
    "TOTP password: ",
    "Previous password: ",
    "Password from your phone: ",
    "Did you forget your password? [y/n] ",
    "Passphrase: ",
    "Password for the keystore: ",
    "Neues Passwort: ",
    "Altes Passwort: ",
    "Einmalpasswort: ",
    "Einmal-Passwort: ",
    "Passwort wiederholen: ",
    "Nouveau mot de passe : ",
    "Mot de passe à usage unique : ",
    "Nueva contraseña: ",
    "Contraseña anterior: ",
    "Nuova password: ",
    "Новый пароль: ",
    "新密码\uff1a",
    "Password, and the password of last month: ",
)

CHANGES = ("New password: ", "Retype new password: ", "(current) UNIX password: ", "Current password: ")


class Asks(asyncssh.SSHServer):
    """Asks in rounds; the last one's answers do not matter.

    Attributes:
        answered: what was answered, of every login.
    """

    def __init__(self, *rounds: Round, instruction: str = "", banner: str = "", right: bool = True) -> None:
        self._rounds, self._instruction, self._banner, self._right = list(rounds), instruction, banner, right
        self.answered: list[list[str]] = []
        self.passwords: list[str] = []

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        if self._banner:
            self._connection.send_auth_banner(self._banner)
        return True

    def kbdint_auth_supported(self) -> bool:
        return True

    def _next(self) -> tuple[str, str, str, Round]:
        return "", self._instruction, "", self._rounds[len(self.answered)]

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> tuple[str, str, str, Round]:
        return self._next()

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool | tuple[str, str, str, Round]:
        self.answered.append(list(responses))
        return self._right if len(self.answered) == len(self._rounds) else self._next()


def refused(asks: Asks, ask: Callable[[Question], str | None] | None = None) -> agent.SSHAuthenticationError:
    with served(lambda: asks) as port, pytest.raises(agent.SSHAuthenticationError) as raised:
        open_ssh(device(port, ask=ask), Deadline(60), Service.NETCONF)
    assert PASSWORD not in all_of(raised.value)
    return raised.value


@pytest.mark.parametrize("prompt", PASSWORDS)
def test_a_question_for_the_password_gets_it(prompt: str) -> None:
    asks = Asks([(prompt, False)])
    with served(lambda: asks) as port:
        open_ssh(device(port), Deadline(60), Service.NETCONF).close()
    assert asks.answered == [[PASSWORD]]


def test_a_round_without_a_question_that_ends_in_a_refusal_is_told_by_its_words() -> None:
    error = refused(Asks([], instruction="You have too many open sessions", right=False))
    assert (
        error.message
        == "the device refused the login and asked for no password, it says: You have too many open sessions"
    )
    assert error.hint == "log in by hand to see why"


@pytest.mark.parametrize("user", ["token-3", "new.pin", "otp", "r1@corp"])
def test_the_name_of_a_user_may_be_any_words(user: str) -> None:
    asks = Asks([(f"Password for {user}: ", False)])
    with served(lambda: asks) as port:
        open_ssh(device(port, username=user), Deadline(60), Service.NETCONF).close()
    assert asks.answered == [[PASSWORD]]


@pytest.mark.parametrize("prompt", OTHERS)
@pytest.mark.parametrize("echo", [False, True])
def test_any_other_question_is_named_and_gets_nothing(prompt: str, echo: bool) -> None:
    asks = Asks([(prompt, echo)])
    error = refused(asks)
    assert asks.answered == []
    assert error.message == f"the device asks at the login: {prompt.strip()}"
    assert error.hint is not None
    assert error.hint.startswith("it is not answered with the password; give one HOST at a terminal, where it is asked")
    assert not error.refused


@pytest.mark.parametrize(
    "instruction", ["Enter your one-time password", "RSA\nEnter PASSCODE", "Give the OTP that was sent to you"]
)
def test_a_round_that_says_ahead_of_its_prompt_what_it_is_for_gets_nothing_else(instruction: str) -> None:
    asks = Asks([("Password: ", False)], instruction=instruction)
    error = refused(asks)
    assert asks.answered == []
    assert error.message == f"the device asks at the login: {instruction.splitlines()[-1]} Password:"


def test_a_round_for_a_new_password_is_not_given_the_old_one() -> None:
    asks = Asks([("Password: ", False)], instruction="Choose a new password")
    assert "has expired, or has to be changed" in refused(asks).message
    assert asks.answered == []


@pytest.mark.parametrize(
    "notice", ["Your password will expire in 5 days.", "Authorized users only. Changes are logged.", "core-1, rack 7"]
)
def test_a_notice_ahead_of_the_prompt_keeps_no_password_back(notice: str) -> None:
    asks = Asks([("Password: ", False)], instruction=notice)
    with served(lambda: asks) as port:
        open_ssh(device(port), Deadline(60), Service.NETCONF).close()
    assert asks.answered == [[PASSWORD]]


@pytest.mark.parametrize("prompt", CHANGES)
def test_a_password_that_is_to_be_changed_is_named_and_none_is_given(prompt: str) -> None:
    asks = Asks([(prompt, False)])
    error = refused(asks)
    assert asks.answered == []
    assert error.message == "the device refused the login: the password of ops has expired, or has to be changed"
    assert not error.refused


@pytest.mark.parametrize(
    "prompts",
    [
        [("Password: ", True)],  # where it would be seen
        [("Password: ", False), ("PASSCODE: ", False)],
        [("Username: ", True), ("Password: ", False)],
    ],
)
def test_a_password_goes_to_no_round_that_asks_for_more_or_would_show_it(prompts: Round) -> None:
    asks = Asks(prompts)
    error = refused(asks)
    assert asks.answered == []
    assert error.message == f"the device asks at the login: {' '.join(text.strip() for text, _ in prompts)}"


def test_a_password_that_is_wanted_again_was_refused() -> None:
    asks = Asks([("Password: ", False)], [("Password: ", False)])
    error = refused(asks)
    assert asks.answered == [[PASSWORD]]
    assert error.message == "the device refused the login: the password of ops was not accepted"
    assert error.refused


def test_a_password_that_is_wanted_again_is_asked_of_the_person() -> None:
    asks = Asks([("Password: ", False)], [("Password: ", False)])
    with served(lambda: asks) as port:
        open_ssh(device(port, ask=lambda _: "typed"), Deadline(60), Service.NETCONF).close()
    assert asks.answered == [[PASSWORD], ["typed"]]


def test_a_question_without_end_is_not_said_in_full() -> None:
    assert len(refused(Asks([("OTP " * 9000, False)])).message) < 2100


def test_a_code_that_is_wanted_behind_the_password_is_named_and_counts_as_a_try() -> None:
    asks = Asks([("Password: ", False)], [("OTP: ", False)])
    error = refused(asks)
    assert asks.answered == [[PASSWORD]]
    assert error.message == "the device asks at the login: OTP:"
    assert error.refused  # the server may count a login that was given up


def test_the_password_is_given_once_however_often_it_is_asked_for() -> None:
    asks = Asks([("Password: ", False)], [("Password: ", False)])
    error = refused(asks)
    assert asks.answered == [[PASSWORD]]
    assert error.refused


def test_a_round_without_questions_is_answered_by_nothing() -> None:
    asks = Asks([("Password: ", False)], [])
    with served(lambda: asks) as port:
        open_ssh(device(port), Deadline(60), Service.NETCONF).close()
    assert asks.answered == [[PASSWORD], []]


def test_a_person_is_asked_for_all_but_the_password() -> None:
    asks, questions = Asks([("Password: ", False)], [("\x1b[31mOTP\r\n: ", False)], [("Site: ", True)]), []

    def answer(question: Question) -> str:
        questions.append(question)
        return f"answer {len(questions)}"

    with served(lambda: asks) as port:
        open_ssh(device(port, ask=answer), Deadline(60), Service.NETCONF).close()
    assert asks.answered == [[PASSWORD], ["answer 1"], ["answer 2"]]
    assert [(one.device, one.echo) for one in questions] == [("r1", False), ("r1", True)]
    assert "\x1b" not in questions[0].text
    assert "\n" not in questions[0].text
    assert "OTP" in questions[0].text
    assert questions[1].text == "Site:"


def test_a_person_who_does_not_answer_ends_the_login() -> None:
    asks = Asks([("OTP: ", False)])
    error = refused(asks, lambda _: None)
    assert asks.answered == []
    assert (error.message, error.hint) == ("the device asks at the login: OTP:", "it was not answered")


def test_a_person_who_interrupts_ends_the_connection() -> None:
    asks = Asks([("OTP: ", False)])

    def interrupt(_: Question) -> None:
        raise KeyboardInterrupt

    with served(lambda: asks) as port, pytest.raises(KeyboardInterrupt):
        open_ssh(device(port, ask=interrupt), Deadline(60), Service.NETCONF)
    assert asks.answered == []


def test_a_wrong_code_is_a_refused_login_and_not_tried_again() -> None:
    asks = Asks([("OTP: ", False)], right=False)
    error = refused(asks, lambda _: "000000")
    assert asks.answered == [["000000"]]
    assert error.refused
    assert error.message.startswith("the device refused the login")


class Passwords(asyncssh.SSHServer):
    """Takes the method password alone; *answer* decides."""

    def __init__(self, answer: Callable[[Passwords], bool], at_once: Callable[[Passwords], None] | None = None) -> None:
        self._answer, self._at_once = answer, at_once

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn

    def begin_auth(self, username: str) -> bool:
        if self._at_once:
            self._at_once(self)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return self._answer(self)


def change(_: Passwords) -> bool:
    raise asyncssh.PasswordChangeRequired("Enter a password of 12 characters")


def hang_up(server: Passwords) -> bool:
    server.connection.abort()
    return False


def leave(server: Passwords) -> bool:
    server.connection.disconnect(14, "No supported authentication methods left")
    return False


@pytest.mark.parametrize(
    "answer, said",
    [
        (change, "the password of ops has expired, or has to be changed"),
        (hang_up, "the password of ops was not accepted; it ended the connection"),
        (leave, "the password of ops was not accepted; it said: No supported authentication methods left"),
    ],
    ids=["change", "hang up", "leave"],
)
def test_whatever_a_password_is_answered_by_is_said(answer: Callable[[Passwords], bool], said: str) -> None:
    with served(lambda: Passwords(answer)) as port, pytest.raises(agent.SSHAuthenticationError) as raised:
        open_ssh(device(port), Deadline(60), Service.NETCONF)
    assert raised.value.message == f"the device refused the login: {said}"
    assert raised.value.refused


@pytest.mark.parametrize(
    "at_once, said",
    [(hang_up, ""), (leave, "; it said: No supported authentication methods left")],
    ids=["hang up", "leave"],
)
def test_a_server_that_ends_the_connection_before_it_is_given_anything_is_no_missing_password(
    at_once: Callable[[Passwords], None], said: str
) -> None:
    with served(lambda: Passwords(change, at_once)) as port, pytest.raises(agent.SSHAuthenticationError) as raised:
        open_ssh(device(port), Deadline(60), Service.NETCONF)
    assert raised.value.message == f"the device ended the connection at the login{said}"
    assert raised.value.hint == "its AAA server may be down: see its log, then try again"
    assert not raised.value.refused


def test_a_question_that_cannot_be_read_is_said_and_gets_nothing() -> None:
    class Odd(Asks):
        def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
            text = "Passwort für ops: ".encode("latin-1")
            part = len(text).to_bytes(4) + text
            self._connection.send_packet(60, bytes(12) + (1).to_bytes(4) + part + bytes(1))
            return "", "", "", []

    asks = Odd([])
    error = refused(asks)
    assert (
        error.message
        == "the device ended the connection at the login; it said: Invalid keyboard interactive info request"
    )


# --- banners ---------------------------------------------------------------------------------------------------------

NOTICE = (
    "*" * 70 + "\r\n* Authorised use only. Accounts are locked out after 3 failed attempts.\r\n"
    "* Your account will be disabled if its password has expired. Do not change the configuration.\r\n"
)


@pytest.mark.parametrize("right", [True, False])
def test_a_banner_of_many_lines_neither_disturbs_a_login_nor_names_its_cause(right: bool) -> None:
    asks = Asks([("Password: ", False)], banner=NOTICE * 200, instruction=NOTICE, right=right)
    if right:
        with served(lambda: asks) as port:
            open_ssh(device(port), Deadline(60), Service.NETCONF).close()
    else:
        error = refused(asks)
        assert error.message == "the device refused the login: the password of ops was not accepted"
    assert asks.answered == [[PASSWORD]]


class Latin(Asks):
    """Its banner is no UTF-8."""

    def begin_auth(self, username: str) -> bool:
        text = "Zugriff nur für Berechtigte\r\n".encode("latin-1")
        self._connection.send_packet(53, len(text).to_bytes(4) + text + bytes(4))
        return True


def test_a_banner_of_another_encoding_disturbs_no_login() -> None:
    asks = Latin([("Password: ", False)])
    with served(lambda: asks) as port:
        open_ssh(device(port), Deadline(60), Service.NETCONF).close()
    assert asks.answered == [[PASSWORD]]


@pytest.mark.parametrize(
    "words", ["Your account is locked out.", "User ops is locked", "% Account has been disabled by the administrator"]
)
def test_an_account_that_the_banner_says_is_locked_is_said(words: str) -> None:
    error = refused(Asks([("Password: ", False)], banner=f"Welcome\r\n{words}\r\n", right=False))
    assert error.message == f"the device refused the login: ops is locked out, it says: {words}"
    assert error.refused


def test_without_a_password_and_without_a_person_no_dialog_is_begun() -> None:
    asks = Asks([("Password: ", False)])
    with served(lambda: asks) as port, pytest.raises(agent.SSHAuthenticationError, match="no key and no password"):
        open_ssh(replace(device(port), password=None), Deadline(60), Service.NETCONF)
    assert asks.answered == []


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x85", "\u2028"])
def test_a_line_that_ends_in_any_way_breaks_no_judgement(end: str) -> None:
    asks = Asks([("Password: ", False)], [("OTP: ", False)], instruction=f"user{end}blocked")
    assert refused(asks).message == "the device asks at the login: OTP:"
