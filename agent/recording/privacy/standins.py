"""What replaces private values in a recording: stand-ins of the same form, the same everywhere and in every spelling.

What is learned of one text is replaced in all others. A value learned late stands in what was written before, so the
whole goes through :meth:`StandIns.replaced` once more at the end, which leaves stand-ins as they are.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from agent.model.pki.anchor import TrustAnchor
from agent.recording.privacy import own, spellings
from agent.recording.privacy.certificates import Certificates
from agent.recording.privacy.names import Names
from agent.recording.privacy.places import Kind, Place, named, places
from agent.recording.privacy.shapes import Offer, Span
from agent.recording.privacy.structured import Structured
from agent.recording.privacy.vocabulary import MARKUP, PROTECTED

_DEEPEST = 3  # spellings within spellings
_SHORT_SECRET = 3
T = TypeVar("T", str, bytes)


class StandIns:
    """The stand-ins of one recording.

    Args:
        key: what they are drawn by; a new one each time where it is not given.
        public: certificates that are the same for everybody, and stay.
    """

    def __init__(self, key: bytes | None = None, *, public: Iterable[TrustAnchor] = ()) -> None:
        self._names = Names(secrets.token_bytes(32) if key is None else key)
        self._names.within = self._within
        self._structured = Structured(self._names)
        self._certificates = Certificates(self._names, public)
        # What was looked into, and had nothing while no more was known than now.
        self._nothing: dict[re.Pattern[str], dict[str, tuple[int, int, int]]] = {
            spellings.HEX: {},
            spellings.BASE64: {},
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}({sum(self.counts.values())} values)"

    @property
    def counts(self) -> dict[str, int]:
        """How many different values of each kind have a stand-in."""
        return {kind: len(values) for kind, values in self.standins.items()}

    @property
    def standins(self) -> dict[str, tuple[str, ...]]:
        """The stand-ins of each kind, and never what they stand for."""
        return self._names.standins()

    def give(self, standins: Iterable[str]) -> None:
        """Leave *standins* of a recording as they are, whose table is gone."""
        self._names.give(standins)

    def private(self, text: str) -> Iterator[tuple[int, int, Kind | None]]:
        """Where something stands in *text* that would be replaced, and as what; None: within something encoded."""
        for start, end, new in self._spans(text, fresh=False, depth=0):
            if new != text[start:end]:
                yield start, end, self._structured.kind(text[start:end])

    def certificate(self, blob: str) -> bool:
        """Whether *blob*, base64, has a certificate; those of somebody are private, and found as such."""
        return self._certificates.stay(blob)

    def know(self, kind: Kind, *values: str) -> None:
        """Replace *values* wherever they stand: what is known before anything was heard."""
        for value in filter(None, (value.strip() for value in values)):
            self._value(kind, value, fresh=True)

    def know_certificate(self, der: bytes) -> None:
        """Imitate the certificate *der*, unless it is a public one, also where its PEM is typed line by line."""
        self._certificates.replaced(der, self._attribute)

    def hide(self, *secrets: str) -> None:
        """Leave nothing of *secrets*, such as passwords, also where they are encoded; so far as they are not short."""
        self._names.hide(secret for secret in secrets if len(secret) > _SHORT_SECRET)

    def of(self, kind: Kind, text: str) -> str:
        """The stand-in of *text*, all of which is a value of *kind*."""
        return self._value(kind, text, fresh=False)

    def users_in(self, text: str) -> str:
        """*text*, which xr-agent itself says, with stand-ins also for users that are called by common words."""
        found = sorted(own.users(text, self._names.of_kind(Kind.USER)))
        return _applied(text, ((*span, self.of(Kind.USER, text[slice(*span)])) for span in found))

    def learn(self, text: str | bytes) -> None:
        """Take in which values *text* has, which came from the router just now and was not replaced yet."""
        for _ in self._spans(_text(text), fresh=True, depth=0):
            pass

    def replaced(self, text: T) -> T:
        """*text* with stand-ins for all that is known or shows itself; what was replaced before stays as it is."""
        if isinstance(text, bytes):
            return _bytes(_applied(_text(text), self._spans(_text(text), fresh=False, depth=0)))
        return _applied(text, self._spans(text, fresh=False, depth=0))

    def _spans(self, text: str, *, fresh: bool, depth: int) -> list[Span]:
        """What is replaced in *text*, in order and apart from each other; what is first found counts."""
        taken = _Taken(len(text))
        taken.take(self._names.hidden(text))
        taken.take(self._blobs(text, fresh=fresh, depth=depth))
        taken.take(self._certificates.lines(text))
        if "</" in text or "/>" in text:
            taken.keep(found.span() for found in MARKUP.finditer(text))
        taken.take((one.start, one.end, partial(self._place, text, one, fresh=fresh)) for one in places(text))
        taken.keep(found.span() for found in PROTECTED.finditer(text))
        taken.take(self._distinguished(text, fresh=fresh))
        if depth < _DEEPEST:
            for found, decoded in spellings.ENCODED:
                parts = spellings.Parts(found(text))
                if parts:
                    view = decoded(parts.text)
                    spans = self._spans(view.text, fresh=fresh, depth=depth + 1)
                    taken.take(parts.outer(view.outer(0, spans)))
        taken.take(self._structured.spans(text, fresh=fresh))
        taken.take(self._names.spans(text))
        if depth < _DEEPEST:
            taken.take(self._coded(text, fresh=fresh, depth=depth))
        return taken.spans()

    def _place(self, text: str, place: Place, *, fresh: bool) -> str:
        shown = text[place.start : place.end]
        if place.number:
            return self._certificates.number(shown, fresh=fresh)
        if spellings.ENTITY.search(shown):
            view = spellings.entities(shown)
            new = self._value(place.kind, view.text, fresh=fresh)
            return next(view.outer(0, [(0, len(view.text), new)]))[2]
        return self._value(place.kind, shown, fresh=fresh)

    def _value(self, kind: Kind, shown: str, *, fresh: bool) -> str:
        """The stand-in of the value *shown*: what has a form of its own within it keeps that form."""
        if (address := self._structured.address(shown, fresh=fresh)) is not None:
            return address
        within = self._within(shown, fresh=fresh)
        if [span[:2] for span in within] == [(0, len(shown))]:
            return within[0][2]
        return self._names.named(kind, shown, within, fresh=fresh)

    def _within(self, shown: str, *, fresh: bool = False) -> list[Span]:
        taken = _Taken(len(shown))
        taken.take(self._structured.spans(shown, fresh=fresh))
        return taken.spans()

    def _distinguished(self, text: str, *, fresh: bool) -> Iterator[Offer]:
        for start, end in named(text):
            yield start, end, partial(self._attribute, text[start:end], fresh=fresh)

    def _attribute(self, shown: str, *, fresh: bool = False) -> str:
        """The stand-in of a part of a distinguished name, or of a value in a certificate."""
        return shown if self._certificates.public(shown) else self._value(Kind.NAME, shown, fresh=fresh)

    def _blobs(self, text: str, *, fresh: bool, depth: int) -> Iterator[Span]:
        """What is wrapped over several lines: certificates above all."""
        change = self._change(fresh=fresh, depth=depth)
        for found in spellings.BLOB.finditer(text):
            new = spellings.base64_changed(found.group(), change)
            if new is not None or self._certificates.stay(found.group()):
                yield *found.span(), new or found.group()
        for found in spellings.dumps(text):
            new = spellings.hex_changed(found.group(), change)
            if new is not None:
                yield *found.span(), new

    def _coded(self, text: str, *, fresh: bool, depth: int) -> Iterator[Span]:
        change = self._change(fresh=fresh, depth=depth)
        for pattern, changed in ((spellings.HEX, spellings.hex_changed), (spellings.BASE64, spellings.base64_changed)):
            nothing = self._nothing[pattern]
            for found in pattern.finditer(text):
                shown, state = found.group(), self._names.state
                if nothing.get(shown) == state:
                    continue
                new = changed(shown, change)
                if new is not None:
                    yield *found.span(), new
                elif len(shown) < 200:
                    nothing[shown] = state

    def _change(self, *, fresh: bool, depth: int) -> Callable[[bytes], bytes | None]:
        def change(data: bytes) -> bytes | None:
            if (new := self._certificates.replaced(data, self._attribute)) is not None:
                return new
            if (new := self._names.packed(data)) is not None:
                return new
            text = _text(data)
            printable = all(char.isprintable() or char in "\r\n\t" for char in text)
            if printable and len(data) > 3:
                spans = self._spans(text, fresh=fresh, depth=depth + 1)
            else:  # in other bytes a short name stands by chance
                taken = _Taken(len(text))
                taken.take(self._names.hidden(text))
                taken.take(span for span in self._names.spans(text) if printable or span[1] - span[0] > 3)
                spans = taken.spans()
            return _bytes(_applied(text, spans)) if spans else None

        return change


class _Taken:
    """Spans that do not overlap: who comes first has the place."""

    def __init__(self, length: int) -> None:
        self._mask = bytearray(length)
        self._spans: list[Span] = []

    def keep(self, spans: Iterable[tuple[int, int]]) -> None:
        """Nothing is replaced there any more."""
        for start, end in spans:
            self._mask[start:end] = b"\1" * (end - start)

    def take(self, offers: Iterable[Offer]) -> None:
        """Replace these, as far as nothing is replaced there."""
        for start, end, new in offers:
            if start < end and self._mask.find(1, start, end) < 0:
                self._mask[start:end] = b"\1" * (end - start)
                self._spans.append((start, end, new if isinstance(new, str) else new()))

    def spans(self) -> list[Span]:
        """All of them, in order."""
        return sorted(self._spans)


def _text(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _applied(text: str, spans: Iterable[Span]) -> str:
    parts: list[str] = []
    done = 0
    for start, end, new in spans:
        parts += [text[done:start], new]
        done = end
    return "".join((*parts, text[done:]))
