"""The events of a recording without passwords: where those stand, and known ones wherever they are."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from agent.model.masking.redact import Redactor
from agent.recording.events import Entry, Files, Message, Opened, Passed, Terminal, has_module, with_data


def without_secrets(event: Passed, redactor: Redactor) -> Passed:
    """*event* without what *redactor* hides."""
    known = redactor.known
    match event:
        case Message():
            mask = known if has_module(event.text) else redactor.xml
            return structs.replace(event, text=mask(event.text))
        case Terminal():
            text = event.data.decode("utf-8", "surrogateescape")
            return with_data(event, redactor.text(text).encode("utf-8", "surrogateescape"))
        case Opened():
            return structs.replace(event, banner=tuple(map(known, event.banner)), failed=_known(known, event.failed))
        case Files():
            entries = tuple(Entry(known(one.name), one.folder, one.size) for one in event.entries)
            refused = _known(known, event.refused)
            return structs.replace(event, path=known(event.path), entries=entries, refused=refused)
    return structs.replace(event, lost=_known(known, event.lost))


def _known(known: Callable[[str], str], text: str | None) -> str | None:
    return None if text is None else known(text)
