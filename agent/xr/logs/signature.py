"""The messages themselves, whatever stands before them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# The facility before it varies: LICENSE-SMART_LIC, and SMART_LIC where the fix for CSCvx87275 is missing.
_LEAD = re.compile(rb"([^A-Za-z0-9_-])((?:[A-Z0-9_]{1,40}-)?)\Z")
_LONGEST_LEAD = 42
_COLON = re.compile(rb"[ ]{0,3}:")
# What the message goes on with, up to the end of its line, of its string, or of its record where no newline parts them.
_SAID = re.compile(rb"(?:(?!<\d{1,3}>)[^\n\"]){0,400}")
_MNEMONIC = re.compile(r"[A-Z][A-Z0-9_]{0,39}-[0-7]-[A-Z0-9_]{1,80}")


@dataclass(frozen=True, slots=True)
class Message:
    """One message in a text.

    Attributes:
        mnemonic: as ``SMART_LIC-3-COMM_FAILED``, whatever facility prefix it came with.
        start: where it begins in the text, prefix and percent sign included.
        end: where its mnemonic ends.
        reached: it says that the server was reached, not that it was lost.
        utility: it is about the Cisco Smart License Utility (CSLU), which needs no root of a public CA.
    """

    mnemonic: str
    start: int
    end: int
    reached: bool = False
    utility: bool = False


class Signatures:
    """Which messages tell of a server: a field notice has them.

    Args:
        lost: mnemonics of a loss, as ``SMART_LIC-3-COMM_FAILED``; behind ``: `` the words that must follow.
        reached: those of an answer by the server.
        utility: words of a message of *lost* that make it none, since it is about a CSLU.

    Raises:
        ValueError: one of them is no mnemonic.
    """

    def __init__(self, lost: Iterable[str], reached: Iterable[str] = (), utility: Iterable[str] = ()) -> None:
        self._told = (frozenset(lost), frozenset(reached), frozenset(utility))
        self._lost, self._reached = (re.compile(_any(map(_pattern, words))) for words in self._told[:2])
        self._utility = re.compile(_any(re.escape(word.encode()) for word in self._told[2]))
        # Found by bytes.find, many times faster than any pattern on lines that have none.
        heads = {mnemonic.split("-", 2)[0] for mnemonic in self._told[0] | self._told[1]}
        self._heads = [f"{head}-".encode() for head in sorted(heads)]

    def __reduce__(self) -> tuple[type[Signatures], tuple[frozenset[str], ...]]:
        return Signatures, self._told

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Signatures) and self._told == other._told

    def __hash__(self) -> int:
        return hash(self._told)

    def __or__(self, other: Signatures) -> Signatures:
        return Signatures(*(mine | others for mine, others in zip(self._told, other._told, strict=True)))

    def described(self) -> Iterator[str]:
        """Each in a line, with what it tells."""
        for words, meaning in zip(self._told, ("the server was lost", "it was reached", "no loss"), strict=True):
            if words:
                yield f"{meaning}: {', '.join(sorted(words))}"

    def messages(self, text: bytes, start: int = 0, end: int | None = None) -> Iterator[Message]:
        """Every message whose mnemonic begins between *start* and *end* of *text*, in order."""
        places: list[int] = []
        for word in self._heads:
            at = text.find(word, start, end)
            while at >= 0:
                places.append(at)
                at = text.find(word, at + 1, end)
        yield from filter(None, (self._message(text, at) for at in sorted(places)))

    def _message(self, text: bytes, at: int) -> Message | None:
        lost = self._lost.match(text, at)
        mnemonic = lost or self._reached.match(text, at)
        lead = _LEAD.search(text[max(0, at - _LONGEST_LEAD) : at] if at >= _LONGEST_LEAD else b"\n" + text[:at])
        if mnemonic is None or lead is None:
            return None
        # Without the percent sign, as before the fix for CSCvx87275, the colon tells it from words about it.
        marked = lead[1] == b"%"
        if not marked and not _COLON.match(text, mnemonic.end()):
            return None
        said = _SAID.match(text, mnemonic.end())
        return Message(
            mnemonic.group().decode("ascii"),
            at - len(lead[2]) - marked,
            mnemonic.end(),
            reached=lost is None,
            utility=said is not None and bool(self._utility.search(said.group())),
        )


def _pattern(told: str) -> bytes:
    mnemonic, colon, words = told.partition(": ")
    if not _MNEMONIC.fullmatch(mnemonic) or (colon and not words.strip()):
        raise ValueError(f"{told!r} is no mnemonic such as 'SMART_LIC-3-COMM_FAILED'")
    follows = rb"(?=[ :]{1,6}" + re.escape(words.encode()) + rb")" if words else b""
    return re.escape(mnemonic.encode()) + rb"(?![A-Z0-9_])" + follows


def _any(patterns: Iterable[bytes]) -> bytes:
    """Any of *patterns*; of none, what never matches."""
    return b"|".join(patterns) or rb"(?!)"
