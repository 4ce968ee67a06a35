"""The messages themselves, whatever stands before them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Where a message may begin: found by bytes.find, many times faster than any pattern on lines that have none.
_BEGINNINGS = (b"SMART_LIC-", b"XR_SSL-3-CERT_VERIFY_ERR_2_", b"PKI-6-ERR_1_PARAM", b"CALL_HOME-5-SL_MESSAGE_FAILED")
_LOST = re.compile(
    rb"(?:SMART_LIC-3-(?:COMM_FAILED|AGENT_REG_FAILED|AUTH_RENEW_FAILED)|XR_SSL-3-CERT_VERIFY_ERR_2_PARAM"
    rb"|PKI-6-ERR_1_PARAM(?=[ :]{1,6}Download failed)|CALL_HOME-5-SL_MESSAGE_FAILED)(?![A-Z0-9_])"
)
# Any of these needs an answer of the server.
_REACHED = re.compile(rb"SMART_LIC-(?:5-COMM_RESTORED|6-AGENT_REG_SUCCESS|6-AUTH_RENEW_SUCCESS)(?![A-Z0-9_])")
# The facility before it varies: LICENSE-SMART_LIC, and SMART_LIC where the fix for CSCvx87275 is missing.
_LEAD = re.compile(rb"([^A-Za-z0-9_-])((?:[A-Z0-9_]{1,40}-)?)\Z")
_LONGEST_LEAD = 42
_COLON = re.compile(rb"[ ]{0,3}:")
# What the message goes on with, up to the end of its line, of its string, or of its record where no newline parts them.
_SAID = re.compile(rb"(?:(?!<\d{1,3}>)[^\n\"]){0,400}")
_UTILITY = re.compile(rb"CSLU|Smart Licens(?:e|ing) Util")


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


def messages(text: bytes, start: int = 0, end: int | None = None) -> Iterator[Message]:
    """Every message whose mnemonic begins between *start* and *end* of *text*, in order."""
    places: list[int] = []
    for word in _BEGINNINGS:
        at = text.find(word, start, end)
        while at >= 0:
            places.append(at)
            at = text.find(word, at + 1, end)
    for at in sorted(places):
        found = _message(text, at)
        if found is not None:
            yield found


def _message(text: bytes, at: int) -> Message | None:
    lost = _LOST.match(text, at)
    mnemonic = lost or _REACHED.match(text, at)
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
        utility=said is not None and bool(_UTILITY.search(said.group())),
    )
