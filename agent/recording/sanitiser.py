"""The events of a recording without what is nobody's business: no secret, and stand-ins for what is private."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from agent.model.device import Secret
from agent.model.masking.redact import Redactor
from agent.recording.events import Files, Message, Opened, Passed, Piece, Terminal, has_module
from agent.recording.privacy import own
from agent.recording.privacy.places import Kind
from agent.recording.privacy.standins import StandIns
from agent.recording.privacy.vocabulary import ordinary


class Sanitiser:
    """Replaces in each event what is private; for one thread at a time.

    Args:
        standins: what is known ahead, and from then on what the events tell.
        secrets: of the router, masked wherever they stand; what stands where secrets stand is masked as well, and an
            ordinary word only there.
    """

    def __init__(self, standins: StandIns, secrets: Iterable[Secret] = ()) -> None:
        known = tuple(one for one in secrets if not ordinary(one))
        self.standins = standins
        self.standins.hide(*(secret.reveal() for secret in known))
        self._redactor = Redactor(known)

    def __call__(self, event: Passed) -> Passed:
        """*event*, which came just now, with what it tells learned."""

        def told(text: str) -> str:
            self.standins.learn(text)
            return self.standins.replaced(text)

        return self._of(event, told)

    def again(self, event: Passed) -> Passed:
        """*event* as :meth:`__call__` made it, with what was learned since replaced as well."""
        return self._of(event, self.standins.replaced)

    def _of(self, event: Passed, told: Callable[[str], str]) -> Passed:
        match event:
            case Opened(banner=lines, server=server, failed=failed):
                banner = tuple(self.standins.of(Kind.BANNER, self._redactor.text(line)) for line in lines)
                server = told(server) if server else server
                return replace(event, banner=banner, server=server, failed=self._own(failed, told))
            case Message(text=text) if has_module(text):
                return replace(event, text=self._redactor.known(text))
            case Message(text=text):
                return replace(event, text=told(self._redactor.xml(text)))
            case Terminal():
                return self._terminal(event, told)
            case Files(path=path, entries=entries, refused=refused):
                named = tuple(replace(entry, name=told(entry.name)) for entry in entries)
                return replace(event, path=told(path), entries=named, refused=told(refused) if refused else refused)
        return replace(event, lost=self._own(event.lost, told))

    def own(self, text: str | None) -> str | None:
        """What xr-agent itself says, such as why it failed, with what is known replaced."""
        return self._own(text, self.standins.replaced)

    def _own(self, text: str | None, told: Callable[[str], str]) -> str | None:
        return self.standins.users_in(told(own.masked(text, self._redactor))) if text else text

    def _terminal(self, event: Terminal, told: Callable[[str], str]) -> Terminal:
        text = event.data.decode("utf-8", "surrogateescape")
        new = told(self._redactor.text(text)).encode("utf-8", "surrogateescape")
        if new == event.data:
            return event
        pieces = _fitting(event.pieces, len(event.data), len(new))
        if event.text is not None:
            return replace(event, text=new.decode("utf-8", "surrogateescape"), pieces=pieces)
        return replace(event, base64=base64.b64encode(new).decode(), pieces=pieces)


def _fitting(pieces: tuple[Piece, ...], before: int, after: int) -> tuple[Piece, ...]:
    """*pieces* of *before* bytes, of *after* bytes now: what is more or less is so at the end."""
    if before != sum(size for _, size in pieces):
        return pieces
    fitting, left = [], after
    for number, (at, size) in enumerate(pieces):
        fits = left if number == len(pieces) - 1 else min(size, left)
        if fits:
            fitting.append((at, fits))
        left -= fits
    return tuple(fitting)
