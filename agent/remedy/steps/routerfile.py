"""A file that a push has on the router for as long as it needs it: how large it is, and that it goes again.

By the router's own models where it has them; SFTP and the CLI do what those do not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from agent.model.errors import AgentError, FileError
from agent.model.outcome import Event, Status
from agent.model.state import Reading
from agent.netconf.retry import Waits, driven
from agent.remedy import read
from agent.remedy.run import Run, Steps
from agent.remedy.steps.verify import asked
from agent.xr import shellutil
from agent.xr.shellutil import Found, Listed

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass
class RouterFile:
    """One file of this run.

    Attributes:
        folder: as rpcs and the CLI name it, ``harddisk:`` or ``/tmp``; path: the file as SFTP and the shell name it.
        sent: whether SFTP put it there, or the file that it is a copy of.
        there: whether it may be there; None where what would have made it was refused: it is where it is seen.
        late: whether it may come after all, since the router did not answer what makes it.
    """

    run: Run
    folder: str
    name: str
    path: str
    sent: bool = False
    there: bool | None = False
    late: bool = False

    def look(self) -> Waits[Reading[Found]]:
        """What is there of it: by the model, else by SFTP where that is in use, else by the CLI.

        Raises:
            UNANSWERED: no session answers any more.
        """
        query = shellutil.file_query((yield from self.run.alive()).schema, self.folder, self.name)
        reading = yield from asked(self.run, query)
        if reading.value is not None:
            return reading
        missing = [reading.absent(f"{self.folder} is not listed")]
        for source, shown in self._beside():
            found = shown()
            if found.value is not None:
                return found
            missing.append(found.absent(f"{source} shows nothing"))
        return Reading(missing="; ".join(missing))

    def removed_behind(self, steps: Steps[T]) -> Steps[T]:
        """*steps*, and the file gone however they end."""
        try:
            done = yield from steps
        except AgentError:
            current = self.run.current
            yield from self.remove()
            self.run.current = current
            raise
        except BaseException:
            self._abandoned()
            raise
        yield from self.remove()
        return done

    def _abandoned(self) -> None:
        """Remove it, though nobody listens any more."""
        for event in driven(self.remove(), self.run.policy):
            log.info("%s: %s %s: %s", event.device, event.step, event.status.value, event.detail)

    def remove(self) -> Steps[None]:
        """Remove it, if it may be there; where no way is seen to have done so, the outcome names it. Raises nothing."""
        with self.run.unbroken():
            if self.there is None:
                found = yield from self._seen()
                self.there = bool(found.value)
            if not self.there:
                return
            yield self.run.started_event("remove", self.path)
            failures: list[str] = []
            for way, do in self._ways():
                if (failure := (yield from do())) is None:
                    self.there = False
                    yield self._gone(way)
                    return
                failures.append(f"{way}: {failure}")
            said = "; ".join(failures) or "nothing at hand removes it"
            log.warning("%s: %s may still be on the router: %s", self.run.plan.device, self.path, said)
            yield self.run.ended("remove", Status.FAILED, f"{self.path} may still be there: {said}")

    def _gone(self, way: str) -> Event:
        if not self.late:
            return self.run.ended("remove", Status.DONE, f"{self.path}, by {way}")
        said = f"{self.path} is not there; a copy that was not answered may bring it yet"
        log.warning("%s: %s", self.run.plan.device, said)
        return self.run.ended("remove", Status.UNKNOWN, said)

    def _seen(self) -> Waits[Reading[Found]]:
        """As :meth:`look`; whatever fails is its reason."""
        try:
            return (yield from self.look())
        except AgentError as error:
            return Reading(missing=error.message)

    def _beside(self) -> Iterator[tuple[str, Callable[[], Reading[Found]]]]:
        """The ways beside NETCONF that show it."""
        if self.sent:
            yield "SFTP", self._by_sftp
        ssh = self.run.ssh
        if ssh is not None:
            yield "the CLI", lambda: read.file(ssh, self.folder, self.name)

    def _by_sftp(self) -> Reading[Found]:
        try:
            files = self.run.shell().files()
            found = (Listed(files.size(self.path)),) if files.exists(self.path) else ()
        except FileError as error:  # SFTP may not look into /tmp
            return Reading(missing=error.message)
        return Reading(found, "SFTP")

    def _ways(self) -> Iterator[tuple[str, Callable[[], Waits[str | None]]]]:
        """The ways to remove it; each gives the reason where it did not."""
        if self.sent:
            yield "SFTP", self._remove_by_sftp
        if shellutil.can_delete(self.run.session.schema):
            yield "rpc delete", self._delete
        if self.run.ssh is not None:
            yield "run rm", self._remove_by_cli

    def _delete(self) -> Waits[str | None]:
        """Its answer proves as little as a lost one: the file is looked for."""
        try:
            said = shellutil.delete((yield from self.run.alive()), f"{self.folder}/{self.name}") or "nothing"
        except AgentError as error:
            said = error.message
        found = yield from self._seen()
        if found.value is not None:
            return f"answered {said!r}, and it is still there" if found.value else None
        return f"answered {said!r}, and whether it is gone cannot be read: {found.missing}"

    def _remove_by_sftp(self) -> Waits[str | None]:
        try:
            (yield from self.run.cli()).files().remove(self.path)
        except AgentError as error:
            return error.message
        return None

    def _remove_by_cli(self) -> Waits[str | None]:
        try:
            (yield from self.run.cli()).console().remove(self.path)
        except AgentError as error:
            return error.message
        return None
