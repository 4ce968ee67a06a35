"""A recording while it is replayed: how far it is by now, and what it had no answer to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from agent.recording.events import Way
from agent.simulator.replay.answers import Answers, Recorded
from agent.simulator.replay.meaning import Asked
from agent.simulator.replay.transcript import Cli, Reply, Transcript

A = TypeVar("A")


class Playback:
    """What the servers of one replay share; for one thread, but where it says otherwise.

    Arguments:
        recorded_timing: whether every answer takes as long as it took then.
        told: is told each request without an answer, in words.

    Attributes:
        missing: those words, each once, in their order.
    """

    def __init__(
        self, transcript: Transcript, *, recorded_timing: bool = False, told: Callable[[str], object] = lambda _: None
    ) -> None:
        self.transcript, self.recorded_timing = transcript, recorded_timing
        self.missing: list[str] = []
        self._told = told
        self._behind = self._greeted = self._sessions = 0
        self._names: dict[str, str] = {}
        self._moment = (0.0, time.monotonic())

    def now(self) -> float:
        """How many seconds of the recording have passed: up to the last answer by now, and ours since then.

        For any thread.
        """
        at, when = self._moment
        return at + time.monotonic() - when

    def answer(self, asked: Asked, answers: Answers[A]) -> Recorded[A] | None:
        """What was recorded for *asked*; None where nothing was, or the recording ends before its answer."""
        stale = self.transcript.whole or self._behind < self.transcript.changes
        found = answers.take(asked, self._behind, stale=stale)
        if found is not None:
            self.use(found, asked)
        return found

    def use(self, found: Recorded[A], asked: Asked) -> None:
        """*found* is the answer to what is *asked* now."""
        found.used = True
        self._moment = (max(self._moment[0], found.at, found.until), time.monotonic())
        if found.asked.changes:
            self._behind = max(self._behind, found.behind + 1)
        if found.ends:
            self.lacks(asked)
        self._names.update(zip(found.asked.fresh, asked.fresh, strict=False))

    def lacks(self, asked: Asked) -> str:
        """The words that there is no answer to *asked*, which are remembered."""
        name = self.transcript.name
        where = f" ends here ({self.transcript.why}): it" if self._at_end else ""
        said = f"the recording {name}{where} has no answer to {asked.label}"
        if said not in self.missing:
            self.missing.append(said)
            self._told(said)
        return said

    @property
    def _at_end(self) -> bool:
        return not self.transcript.whole and self._behind == self.transcript.changes

    def hello(self) -> Recorded[Reply] | None:
        """That of the next NETCONF session, the last one's again where there are no more; None where there is none."""
        self._greeted += 1
        return next(iter(self.transcript.hellos[self._greeted - 1 :] or self.transcript.hellos[-1:]), None)

    def unopened(self) -> str | None:
        """Why there is no NETCONF session to be had next, in words; None where there is one.

        One that ended before its hello is passed over where another was opened after it: what was waited for then is
        not waited for again.
        """
        there = self.transcript
        while self._greeted < len(there.hellos) - 1 and there.hellos[self._greeted].answer is None:
            self._greeted += 1
        hello = next(iter(there.hellos[self._greeted :] or there.hellos[-1:]), None)
        opened = there.opened.get(Way.NETCONF)
        if hello is not None and hello.answer is not None:
            return None
        if hello is None and opened is not None and opened.failed:
            return f"the recording {there.name} holds no session because {opened.failed}"
        if hello is not None and hello.lost:
            why = "the router ended it before its hello" if there.whole else there.why
            return f"the recording {there.name} holds no session because {why}"
        if there.whole:
            return f"the recording {there.name} holds no NETCONF session"
        return f"the recording {there.name} ends before the router's hello ({there.why})"

    @property
    def again(self) -> int:
        """How many sessions more than recorded were opened by now."""
        return max(0, self._greeted - len(self.transcript.hellos))

    def session(self) -> Cli | None:
        """The next session of the CLI, as :meth:`hello`."""
        self._sessions += 1
        return next(iter(self.transcript.sessions[self._sessions - 1 :] or self.transcript.sessions[-1:]), None)

    def spoken(self, text: str) -> str:
        """*text* with the names that were made up for this replay in place of the recorded ones."""
        for old, new in self._names.items():
            text = text.replace(old, new)
        return text

    async def pause(self, until: float) -> None:
        """Wait until the loop's clock shows *until*, where the timing is to be the recorded one."""
        if self.recorded_timing:
            await asyncio.sleep(max(0.0, until - asyncio.get_running_loop().time()))
