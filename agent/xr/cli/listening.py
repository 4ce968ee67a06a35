"""When a router has finished speaking, and by what that ended: text alone; time and typing are the terminal's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from agent.xr.cli.prompts import TAIL, Prompt, Prompts, asked_before, perhaps_asks, surely_asks, without_logs

_STAMP = re.compile(r"\s*[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d(?:\.\d+)?(?: \S+)?[ \t]*(?:\n|\Z)")


class Stop(Enum):
    """By what the router's words ended."""

    EXEC = "exec prompt"
    CONFIG = "configuration prompt"
    QUESTION = "question"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class Said:
    """What the router said: ``text`` without echo, time stamp, prompt and log lines, but with the question or mark."""

    text: str
    stop: Stop


class Listener:
    """What came since something was typed. Nothing counts before *echo* has come.

    Attributes:
        said: all that came behind the echo; head: what the last prompt said before its ``#``.
    """

    def __init__(
        self,
        prompts: Prompts,
        said: str = "",
        *,
        echo: str = "",
        mark: re.Pattern[str] | None = None,
        maybe: re.Pattern[str] | None = None,
        logs: bool = False,
    ) -> None:
        self.said, self.head = "", ""
        self._prompts, self._echo, self._mark, self._maybe, self._logs = prompts, echo, mark, maybe, logs
        self._hidden: Prompt | None = None
        self._before = ""  # what was said before the prompt that is hidden
        self._asked_at: int | None = None  # how much had come when a newline was typed
        self.hear(said)

    def hear(self, more: str) -> None:
        """*more* came."""
        self.said += more
        if self._echo and (self._echo in self.said or self._echo in without_logs(self.said)):
            heard = self.said if self._echo in self.said else without_logs(self.said)
            self.said, self._echo = heard.partition(self._echo)[2], ""

    def stop(self) -> Said | None:
        """What it certainly ends in, whatever follows."""
        tail = self._clean(self.said[-TAIL:])
        if self._echo:
            return None
        if self._prompts.ending(tail) is not None:
            whole = self._clean(self.said)
            prompt = self._prompts.ending(whole)
            return None if prompt is None else self._at(prompt, whole[: prompt.start])
        if self._mark and self._mark.search(tail):
            return self._told(Stop.MARK)
        return self._told(Stop.QUESTION) if surely_asks(tail) else None

    def pause(self, *, long: bool) -> Said | None:
        """What it ends in as nothing follows: with *long*, also what only may be a question."""
        if self._echo:
            return None
        text = without_logs(self.said, parts=True)
        if surely_asks(text):
            return self._told(Stop.QUESTION, text)
        if self._hidden_in(self.said) is not None:
            return self._shown_again()
        if self._mark and self._mark.search(text[-TAIL:]):
            return self._told(Stop.MARK, text)
        if not long:
            return None
        if self._maybe and self._maybe.search(text[-TAIL:]):
            return self._told(Stop.MARK, text)
        asked = asked_before(text)
        if asked is not None or perhaps_asks(text):
            return self._told(Stop.QUESTION, text[:asked])
        return None

    def wants_newline(self, *, anyway: bool) -> bool:
        """Whether a newline is to be typed now, so that the prompt comes again: at most once, and never at a question.

        That is where a prompt shows that something was printed over; *anyway* also where none shows.
        """
        if self._asked_at is not None or self._echo:
            return False
        found = self._hidden_in(self.said)
        if found is None and not anyway:
            return False
        self._hidden, self._before = found or (None, self.said)
        self._asked_at = len(self.said)
        return True

    def _shown_again(self) -> Said | None:
        """The prompt where it was asked for, and came hidden once more."""
        if self._asked_at is None or self._hidden is None:
            return None
        found = self._hidden_in(self.said[self._asked_at :])
        return self._at(found[0], self._before) if found and found[0].head == self._hidden.head else None

    def _hidden_in(self, said: str) -> tuple[Prompt, str] | None:
        """A prompt in *said* that something was printed over, with the text before it.

        The part of a log line at the end may be over the prompt, or the prompt may stand behind it.
        """
        for text in (without_logs(said, parts=True), without_logs(said)):
            if (prompt := self._prompts.hidden(text)) is not None:
                return prompt, without_logs(text[: prompt.start], parts=True)
        return None

    def _at(self, prompt: Prompt, text: str) -> Said:
        self.head = prompt.head
        if self._asked_at is not None:
            text = self._answered(text)
        return Said(unstamped(text), Stop.CONFIG if prompt.config else Stop.EXEC)

    def _answered(self, text: str) -> str:
        """*text* without the prompts that came for the newline; whatever else came since is of the command."""
        if not self._clean(self.said[self._asked_at :]).replace(f"{self.head}#", "").strip():
            return self._before
        while (prompt := self._prompts.ending(text.rstrip("\n"))) is not None:
            text = text[: prompt.start]
        return text

    def _told(self, stop: Stop, text: str | None = None) -> Said:
        return Said(unstamped(self._clean(self.said) if text is None else text), stop)

    def _clean(self, text: str) -> str:
        return text if self._logs else without_logs(text)


def one_line(text: str, *, end: bool = True) -> str:
    """*text* on one line; where it is long its *end*, since there the router says what is wrong, or its beginning."""
    words = " ".join(text.split())
    return words[-400:] if end else words[:200]


def unstamped(text: str) -> str:
    """Without the time stamp that XR prints before a command's output, and the empty lines around that output."""
    stamp = _STAMP.match(text)
    return (text[stamp.end() :] if stamp else text).strip("\n")
