"""The events of a recording with stand-ins for what is private; passwords are not in them by then."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from agent.model.device import Secret
from agent.model.masking.redact import Redactor
from agent.recording.events import Files, Message, Opened, Passed, Terminal, has_module, with_data
from agent.recording.privacy import own
from agent.recording.privacy.places import Kind
from agent.recording.privacy.standins import StandIns
from agent.recording.privacy.vocabulary import ordinary


class Sanitiser:
    """Replaces in each event what is private; for one thread at a time.

    Args:
        standins: what is known ahead, and from then on what the events tell.
        secrets: of the router, whose encodings are replaced as well, and which xr-agent's own words do not show.
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
                banner = tuple(self.standins.of(Kind.BANNER, line) for line in lines)
                server = told(server) if server else server
                return replace(event, banner=banner, server=server, failed=self._own(failed, told))
            case Message(text=text):
                return event if has_module(text) else replace(event, text=told(text))
            case Terminal():
                text = told(event.data.decode("utf-8", "surrogateescape"))
                return with_data(event, text.encode("utf-8", "surrogateescape"))
            case Files(path=path, entries=entries, refused=refused):
                named = tuple(replace(entry, name=told(entry.name)) for entry in entries)
                return replace(event, path=told(path), entries=named, refused=told(refused) if refused else refused)
        return replace(event, lost=self._own(event.lost, told))

    def own(self, text: str | None) -> str | None:
        """What xr-agent itself says, such as why it failed, with what is known replaced."""
        return self._own(text, self.standins.replaced)

    def _own(self, text: str | None, told: Callable[[str], str]) -> str | None:
        return self.standins.users_in(told(own.masked(text, self._redactor))) if text else text
