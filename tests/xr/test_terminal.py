"""Prompts and questions that something was printed over, by a clock of the test's own. All text is SYNTHETIC."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from agent.model.errors import ReplyTimeout
from agent.model.local.clock import Clock as RouterClock
from agent.xr.cli import terminal
from agent.xr.cli.listening import Said, Stop
from agent.xr.cli.terminal import Terminal
from tests.xr.routers import ACCEPT, REQUEST, STEM

LOG = "RP/0/RP0/CPU0:Aug 20 18:41:28.381 UTC: smartlicserver[266]: %LICENSE-SMART_LIC-3-COMM_FAILED : it failed\n"
HALF = "LC/0/2/CPU0:Nov 14 04:31:46.191 PST: qos_ma[199]: "
CONFIRM = "This could be a few minutes if your config is large. Confirm? [y/n][confirm]"


class LineClock(RouterClock):
    """The time of a :class:`Line`."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def now(self) -> float:
        return self._line.now


class Line:
    """What a router prints after each line typed, and pauses in seconds; otherwise its clock stands still."""

    def __init__(self, answers: dict[str, list[str | float]], prompt: str = f"\n{STEM}#") -> None:
        self.typed: list[str] = []
        self.now = 0.0
        self.ended = False
        first: list[str | float] = [prompt]
        self.answers = {"terminal length 0": first, "terminal width 0": first, **answers}
        self.coming: list[str | float] = [prompt]

    def sendall(self, data: bytes) -> None:
        for line in data.decode().splitlines():
            self.typed.append(line)
            self.coming += [f"{line}\n", *self.answers.get(line, [])]

    def recv(self, wait: float) -> bytes:
        """What comes within *wait* seconds."""
        while self.coming and isinstance(pause := self.coming[0], float):
            spent = min(wait, pause)
            self.now += spent
            wait -= spent
            self.coming[:1] = [pause - spent] if pause > spent else []
            if pause > spent:
                return b""
        if self.coming:
            return str(self.coming.pop(0)).encode()
        self.now += wait
        return b""

    def close(self) -> None:
        """Nothing more is typed."""


@pytest.fixture
def opened() -> Callable[[Line], Terminal]:
    def make(line: Line) -> Terminal:
        connection: Any = SimpleNamespace(channel=lambda **_: line)
        return Terminal(connection, device="router", timeout=60.0, clock=LineClock(line))

    return make


OVER = {
    "a whole log line": LOG,
    "two": LOG * 2,
    "one with an empty line behind it": f"{LOG}\n",
    "one that goes on": f"{LOG} and goes on\n",
    "half of one": HALF,
    "the beginning of one": "LC/0/2/CPU0:Nov 1",
    "one without a mnemonic": "RP/0/RP0/CPU0:Aug 20 18:41:28.381 UTC: smartlicserver[186]: SMART_LIC-6-AGENT_READY:A\n",
    "one without a node": "%SMART_LIC-3-EVAL_EXPIRED:The evaluation period has ended\n",
    "one with a host name": f"r1 {LOG}",
    "something else": "drbg_instantiate failed\n",
    "something like a question": "who is there? [x]: no\n",
    "empty lines": "\n\n",
}


@pytest.mark.parametrize("over", OVER.values(), ids=OVER.keys())
@pytest.mark.parametrize("mode", ["", "(config)", "(config-trustp)"])
def test_a_prompt_that_something_is_printed_over_is_found_long_before_the_time_out(
    opened: Callable[[Line], Terminal], over: str, mode: str
) -> None:
    prompt = f"\n{STEM}{mode}#"
    line = Line({"commit": [f"done{prompt}", over], "": [prompt]})
    cli = opened(line)
    cli.write("commit\n")
    said = cli.read(60.0, echo="commit", idle=terminal.IDLE)
    assert said == Said("done", Stop.CONFIG if mode else Stop.EXEC)
    assert line.now < 5.0
    assert line.typed.count("") <= 1


@pytest.mark.parametrize("over", OVER.values(), ids=OVER.keys())
def test_a_prompt_that_is_printed_over_again_and_again_is_found(opened: Callable[[Line], Terminal], over: str) -> None:
    prompt = f"\n{STEM}#{over}"
    line = Line({"show x": [f"x{prompt}"], "": [prompt]}, prompt)
    cli = opened(line)
    assert cli.command("show x", harmless=True).text == "x"
    assert line.typed.count("") <= 4  # once for each prompt that is waited for


def test_a_prompt_behind_half_a_log_line_is_asked_for(opened: Callable[[Line], Terminal]) -> None:
    line = Line({"commit": [HALF, f"{STEM}#"], "": [f"\n{STEM}#"]})
    cli = opened(line)
    cli.write("commit\n")
    assert cli.read(60.0, echo="commit", idle=terminal.IDLE) == Said("", Stop.EXEC)
    assert line.typed[-1] == ""


def test_a_prompt_that_a_log_line_breaks_in_two_is_whole_again(opened: Callable[[Line], Terminal]) -> None:
    line = Line({"show x": [f"SHA1 Finger{LOG}print: AA\n\n{STEM[:-3]}{LOG}{STEM[-3:]}#"]})
    assert opened(line).command("show x").text == "SHA1 Fingerprint: AA"
    assert "" not in line.typed


def test_an_echo_that_a_log_line_breaks_in_two_is_heard(opened: Callable[[Line], Terminal]) -> None:
    line = Line({})
    cli = opened(line)
    line.coming = [f"show ver{LOG}sion\nthe answer\n{STEM}#"]
    assert cli.read(60.0, echo="show version") == Said("the answer", Stop.EXEC)


QUESTIONS = {"accept": ACCEPT, "confirm": CONFIRM, "proceed": "Do you wish to proceed with this commit anyway? [no]: "}


@pytest.mark.parametrize("over", [*OVER.values(), "RP/0"], ids=[*OVER.keys(), "a node"])
@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_a_question_that_something_is_printed_behind_stands_open_and_gets_no_newline(
    opened: Callable[[Line], Terminal], question: str, over: str
) -> None:
    line = Line({"go": [f"text\n{question}", over]})
    cli = opened(line)
    cli.write("go\n")
    said = cli.read(60.0, echo="go", idle=terminal.IDLE)
    assert said.stop is Stop.QUESTION
    assert question.strip() in said.text or over == OVER["something like a question"]
    assert line.now < 5.0
    assert "" not in line.typed


def test_a_question_below_what_looks_like_a_prompt_gets_no_newline(opened: Callable[[Line], Terminal]) -> None:
    line = Line({"go": [f"{STEM}# is the prompt\n{ACCEPT}", HALF]})
    cli = opened(line)
    cli.write("go\n")
    assert cli.read(60.0, echo="go", idle=terminal.IDLE).stop is Stop.QUESTION
    assert "" not in line.typed


@pytest.mark.parametrize("over", [LOG, LOG * 2, f"{LOG}\n", HALF])
def test_a_request_to_paste_that_a_log_line_follows_stands_open(opened: Callable[[Line], Terminal], over: str) -> None:
    line = Line({"go": [REQUEST, over]})
    cli = opened(line)
    cli.write("go\n")
    mark = re.compile(r"\bquit\W{0,3}on a line by itself\W*\Z")
    assert cli.read(60.0, echo="go", mark=mark, idle=terminal.IDLE).stop is Stop.MARK
    assert "" not in line.typed


def test_half_a_log_line_before_the_answer_is_no_question(opened: Callable[[Line], Terminal]) -> None:
    line = Line({"commit": [HALF, 10.0, f"a message\n\n{STEM}(config)#"]})
    cli = opened(line)
    cli.write("commit\n")
    assert cli.read(60.0, echo="commit", idle=terminal.IDLE) == Said("", Stop.CONFIG)
    assert "" not in line.typed


def test_before_a_time_out_a_harmless_command_gets_one_newline(opened: Callable[[Line], Terminal]) -> None:
    line = Line({"show x": ["x\n"], "": [f"\n{STEM}#"]})
    assert opened(line).command("show x", harmless=True) == Said("x", Stop.EXEC)
    assert line.now >= 60.0
    assert line.typed.count("") == 1


def test_nothing_is_typed_ahead_of_what_may_ask(opened: Callable[[Line], Terminal]) -> None:
    line = Line({"commit": [70.0, "Overwrite it? [yes]: "]})
    cli = opened(line)
    cli.write("commit\n")
    with pytest.raises(ReplyTimeout):
        cli.read(60.0, echo="commit", idle=terminal.IDLE)
    assert "" not in line.typed


def test_a_router_that_stays_silent_gets_one_newline_and_times_out(opened: Callable[[Line], Terminal]) -> None:
    line = Line({"show x": [1e6]})
    with pytest.raises(ReplyTimeout):
        opened(line).command("show x", harmless=True)
    assert line.typed.count("") == 1


def test_output_that_looks_like_a_prompt_and_pauses_is_not_cut(opened: Callable[[Line], Terminal]) -> None:
    line = Line(
        {"show x": [f"before\n{STEM}# is what a prompt looks like\n", 30.0, f"after\n\n{STEM}#"], "": [f"\n{STEM}#"]}
    )
    said = opened(line).command("show x", harmless=True)
    assert said.text.splitlines()[0] == "before"
    assert said.text.splitlines()[-1] == "after"


def test_a_slow_command_that_was_given_a_newline_keeps_its_output(opened: Callable[[Line], Terminal]) -> None:
    line = Line({"show x": [62.0, f"the answer\n\n{STEM}#"], "": [f"\n{STEM}#"]})
    assert opened(line).command("show x", harmless=True).text.strip() == "the answer"


LONG = "RP/0/RSP0/CPU0:a-very-long-host-name-of-a-router.site.example"


@pytest.mark.parametrize(
    "config",
    [
        f"{LONG}(config)#",
        f"{LONG[:39]}(config)#",
        f"{LONG[:31]}(config)#",
        f"{LONG[: 15 + 39 - 8]}(config)#",
        f"{LONG[: 15 + 39 - 15]}(config-trustp)#",
        "RP/0/RSP0/CPU0:a(config-trustp)#",
        "RP/0/RSP0/CPU0(config)#",
        f"{LONG}(con#",
        f"{LONG}(#",
        f"{LONG}(config-trustp#",
        f"{LONG[: 15 + 39]}#",
    ],
)
def test_however_the_configuration_prompt_is_cut_it_is_found(opened: Callable[[Line], Terminal], config: str) -> None:
    line = Line({"configure terminal": [f"\n{config}"], "end": [f"\n{LONG}#"]}, f"\n{LONG}#")
    cli = opened(line)
    assert cli.command("configure terminal") == Said("", Stop.CONFIG)
    assert cli.command("end") == Said("", Stop.EXEC)
    assert "" not in line.typed


@pytest.mark.parametrize("name", ["r", "my_router", "r&1", "r'1", "r(1", "r)1", "r[1]", "r#1", "r%", "a.b-c+d"])
@pytest.mark.parametrize("before", ["", "\a", "\x1b[K", "\x1b[?7h"])
def test_names_and_control_codes_that_prompts_have(opened: Callable[[Line], Terminal], name: str, before: str) -> None:
    stem = f"RP/0/RP0/CPU0:{name}"
    line = Line({"configure terminal": [f"\n{before}{stem}(config)#"], "show x": ["x\n", f"{before}{stem}#"]})
    line.answers.update({f"terminal {what} 0": [f"\n{before}{stem}#"] for what in ("length", "width")})
    line.coming = [f"\n{before}{stem}#"]
    cli = opened(line)
    assert cli.command("show x").text == "x"
    assert cli.command("configure terminal").stop is Stop.CONFIG


def test_a_control_code_in_two_pieces_is_taken_off(opened: Callable[[Line], Terminal]) -> None:
    line = Line({"show x": ["x\n\x1b", "[?7", f"h{STEM}#"]})
    assert opened(line).command("show x").text == "x"


@pytest.mark.parametrize("logs", [True, False])
def test_log_lines_stay_only_where_they_are_asked_for(opened: Callable[[Line], Terminal], logs: bool) -> None:
    line = Line({"show logging": [f"Log Buffer:\n\n{LOG}\n{STEM}#"]})
    assert (LOG.strip() in opened(line).command("show logging", logs=logs).text) is logs
