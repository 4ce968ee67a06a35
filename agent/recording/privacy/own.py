"""What xr-agent itself says in a recording: why a session did not come to be, was lost, or the recording ended."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from agent.model.local.user import user_name
from agent.model.masking.redact import MASK, Redactor
from agent.recording.privacy.vocabulary import common, folded

# Behind these our sentences go on, where a line of configuration has the secret.
_PROSE = re.compile(r"\b(?:password|passphrase|secret|credential) (?=(?:of|has|was|does|and|or|nor) )")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{16,}={0,2}")


def masked(text: str, redactor: Redactor) -> str:
    """*text* without secrets, fingerprints of host keys and the home folder of whoever works here."""
    parts, done = [], 0
    for found in _PROSE.finditer(text):
        parts.append(text[done : found.end()])
        done = found.end()
    text = "".join(map(redactor.text, (*parts, text[done:])))
    text = _FINGERPRINT.sub(f"SHA256:{MASK}", text)
    for home in _homes():
        text = re.sub(rf"(?<![\w.~-]){re.escape(home)}(?![\w.-])", "~", text)
    return text


def users(text: str, names: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where *text* speaks of one of the users *names*, folded, of which each may be a word that is said anyway."""
    said = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    if not said:
        return
    pattern = rf"(?:(?<=\bof )|(?<=\buser )|(?<='))(?:{said})(?![\w-])|(?<![\w.-])(?:{said})(?=@| is locked out)"
    yield from (found.span() for found in re.finditer(pattern, folded(text)))


def workers() -> set[str]:
    """How whoever works here is called, as far as that is a name of somebody."""
    names = {user_name(), *(os.environ.get(name, "") for name in ("LOGNAME", "USER")), *map(os.path.basename, _homes())}
    return {name for name in names if not common(folded(name)) and not name.isdigit()}


def _homes() -> list[str]:
    """The home folder in each spelling, the longest first; none where that is the root of everything."""
    home = os.path.expanduser("~").rstrip("/")  # noqa: PTH111 - this one fails for nobody
    return sorted({home, os.path.realpath(home)} - {"", "/", "~"}, key=len, reverse=True) if home[:1] == "/" else []
