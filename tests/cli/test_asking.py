"""What a server asks at the login besides the password: of a person at the terminal, and only about one HOST."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.model.masking.text import neutralise
from agent.simulator.servers import simulator as servers
from tests.cli.lab import Lab
from tests.cli.processes import at_terminal

CODE = "739251"
ASKED = b"here: "
"""The end of the question; its blank is written when what is typed is not shown any more."""


class Factors:
    """What a simulator that wants a second factor was answered, of every login."""

    def __init__(self, prompt: str, *, echo: bool) -> None:
        self.prompt, self.echo = prompt, echo
        self.answered: list[list[str]] = []


@pytest.fixture(params=[("\x1b[31mOTP: \r\nhere: ", False)])
def factors(request: pytest.FixtureRequest, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Factors:
    """Every router asks for the password, then for a code."""
    wanted = Factors(request.param[0], echo=request.param[1])

    def challenge(self: Any, username: str, lang: str, submethods: str) -> Any:
        self.rounds = 0
        return "", "", "", [("Password: ", False)]

    def judged(self: Any, username: str, responses: Sequence[str]) -> Any:
        wanted.answered.append(list(responses))
        self.rounds += 1
        if self.rounds == 1:
            return list(responses) == [lab.simulator.password] and ("", "", "", [(wanted.prompt, wanted.echo)])
        return list(responses) == [CODE]

    monkeypatch.setattr(servers.Server, "password_auth_supported", lambda _: False)
    monkeypatch.setattr(servers.Server, "kbdint_auth_supported", lambda _: True)
    monkeypatch.setattr(servers.Server, "get_kbdint_challenge", challenge)
    monkeypatch.setattr(servers.Server, "validate_kbdint_response", judged)
    return wanted


@pytest.mark.parametrize("command", ["show", "assess", "plan"])
def test_the_one_host_of_a_command_is_asked_about_and_the_code_is_not_seen(
    lab: Lab, factors: Factors, command: str
) -> None:
    device = lab.add()
    words = [command, *lab.words(device), "--no-ssh"]
    code, seen = at_terminal(lab, words, ASKED, CODE)
    assert code in (0, 1), seen  # what is found is another question
    assert factors.answered == [[lab.simulator.password], [CODE]]
    assert f"127.0.0.1 asks: {neutralise(factors.prompt).strip()} " in seen
    assert "\x1b[31m" not in seen
    assert CODE not in seen
    assert lab.simulator.password not in seen


@pytest.mark.parametrize("factors", [("Code: ", True)], indirect=True)
def test_an_answer_that_may_be_seen_is_seen(lab: Lab, factors: Factors) -> None:
    code, seen = at_terminal(lab, ["show", *lab.words(lab.add()), "--no-ssh"], b"asks: Code: ", CODE)
    assert code == 0, seen
    assert CODE in seen


def test_an_interrupt_at_the_question_ends_the_command(lab: Lab, factors: Factors) -> None:
    code, seen = at_terminal(lab, ["assess", *lab.words(lab.add()), "--no-ssh"], ASKED, None)
    assert code == 130, seen
    assert factors.answered == [[lab.simulator.password]]


def test_nobody_is_asked_about_the_routers_of_an_inventory(lab: Lab, factors: Factors, tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.txt"
    inventory.write_text(f"127.0.0.1:{lab.add().port}\n")
    words = ["assess", "-i", str(inventory), *lab.words(lab.add())[1:], "--no-ssh"]
    code, seen = at_terminal(lab, words, b"", CODE)
    assert code == 1
    assert "asks at the login:" in seen
    assert factors.answered == [[lab.simulator.password]]


def test_nobody_is_asked_without_a_terminal(lab: Lab, factors: Factors) -> None:
    done = lab.run("show", lab.add(), "--no-ssh")
    assert done.exit_code == 1
    assert "the device asks at the login:" in done.stderr
    assert "give one HOST at a terminal" in done.stderr
    assert factors.answered == [[lab.simulator.password]]
