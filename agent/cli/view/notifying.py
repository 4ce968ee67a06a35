"""``--notify``: a run's begin, stop and end, told to whom the user names; said at the end where they could not be."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agent.cli.view.streams import say_warning
from agent.fleet.journal.store import Journal
from agent.fleet.results import objects
from agent.fleet.results.notification import NEVER_LOOKED_AT, What, notification
from agent.fleet.results.record import RunState
from agent.model.errors import AgentError
from agent.model.masking.text import counted

if TYPE_CHECKING:
    from agent.fleet.notify import Receiver, Sender

log = logging.getLogger(__name__)


@dataclass
class Notifications:
    """Tells the *receivers* that *run* begins, as the block does, and ends; nothing that fails there ends it."""

    receivers: Sequence[Receiver]
    journal: Journal
    run: str
    _senders: list[Sender] = field(default_factory=list)
    _ended: bool = False

    def __enter__(self) -> Self:
        if self.receivers:
            from agent.fleet.notify import Sender

            self._senders = [Sender(one) for one in self.receivers]
            self._tell("begin", RunState.RUNNING)
        return self

    def stopped(self, state: RunState, why: str) -> None:
        """No further router is begun."""
        self._tell("stop", state, why)

    def ended(self, why: str = "") -> None:
        """The run was closed in the journal, which knows how it ended."""
        self._ended = True
        self._tell("end", None, why)

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if not self._ended:
            self.ended(_why(error))
        if not self._senders:
            return
        from agent.fleet.notify import end

        end(self._senders)
        for sender in self._senders:
            if missed := sender.brought - sender.taken:
                said = f"{missed} of {counted(sender.brought, 'notification')} did not reach {sender.name}"
                say_warning(f"{said}: {sender.why}", hint="the run itself is as it says; see to the receiver")

    def _tell(self, event: What, state: RunState | None, why: str = "") -> None:
        """Tell them; *state* in place of the journal's, which only knows that it runs."""
        if not self._senders:
            return
        try:
            run = self.journal.run(self.run)
            found = RunState.LOST if run.state is RunState.RUNNING else run.state
            words = set(run.counts) - NEVER_LOOKED_AT if event != "begin" else ()
            devices = self.journal.devices(self.run, words=words) if words else ()
            made = notification(event, run.evolve(state=state or found), devices, time=datetime.now(UTC), why=why)
        except AgentError as error:
            log.warning("nobody is told of the run's %s: %s", event, error.message)
            return
        body = objects.dump(made, "jsonl").encode()
        for sender in self._senders:
            sender.bring(body)


def _why(error: BaseException | None) -> str:
    """What ended a run, in words where that is known."""
    match error:
        case None:
            return ""
        case AgentError():
            return error.message
        case BrokenPipeError():
            return "nobody reads its output any more"
        case KeyboardInterrupt():
            return "interrupted"
    return type(error).__name__
