"""What the CLI's words end in: a prompt, a question, or something that a router printed over them.

XR prints log lines to a console, and to a vty after ``terminal monitor``, wherever the cursor is: over a prompt, behind
a question, in the middle of a line. It shows neither prompt nor question again (H44).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TAIL = 16384
"""Characters of the end of output in which what hides a prompt or a question is looked for."""

_NODE = r"(?:(?:D?RP|RSP|LC|SC|SP|B?FC|F|B)\d{0,2}/)?[A-Z]{0,2}\d{1,3}/[A-Z]{0,6}\d{1,3}(?:/[A-Z]{2,8}\d{1,3})?:"
_TIME = (
    r"(?:[*.]?(?:\d{4} )?[A-Z][a-z]{2} {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:\d\d"
    r"|\d{1,4}[ywdh]\d{1,2}[wdhm]\b|\d{1,3}:\d\d:\d\d\b)"
)
_PROCESS = r"[A-Za-z][\w.-]{0,40}\[\d{1,10}\] ?:"
_MNEMONIC = r"%[A-Z][A-Z0-9_]{1,30}(?:-[A-Z0-9_]{1,30}){0,3}-[0-7]-[A-Z0-9_]{2,60}"
# Node and time or process; time and process; or the mnemonic alone. A host name stands before the node where
# "logging hostnameprefix" is configured.
_HEADER = (
    rf"(?:(?:(?<=[\n#>])|\A)[\w.-]{{1,64}} )?{_NODE} ?(?:{_TIME}|{_PROCESS})"
    rf"|{_TIME}[^\n:%]{{0,20}}(?::\d\d[^\n:%]{{0,20}})?: ?{_PROCESS}|{_MNEMONIC}"
)
_LOG_LINE = re.compile(rf"(?:{_HEADER})[^\n]*\n")
_LOG_LINE_OR_PART = re.compile(rf"(?:{_HEADER})[^\n]*(?:\n|\Z)")
_MAY_BE_LOG = re.compile(r"/[A-Z]{0,8}\d{1,3}: ?[A-Z*.\d]|\d\] ?:|%[A-Z]")  # what every header has; soon seen

_PROMPT = re.compile(r"(?=[^\n]*\w)(?P<head>[^\s\x00-\x1f]{1,160})[#>] ?", re.ASCII)
_PROMPT_FIRST = re.compile(r"(?=[^\n]*\w)(?P<head>[^\s#>\x00-\x1f]{1,160})[#>]", re.ASCII)
_LAST_WORD = re.compile(r"\S{1,400}# ?\Z")
_MODE = re.compile(r"config[^()\s]{0,60}\)?")
_CHOICES = r"(?:\[[^\]\n]{1,40}\][ \t]*){1,3}"
_SURELY_ASKED = re.compile(rf"\?[ \t]*{_CHOICES}[:?]?[ \t]*\Z")
_PERHAPS_ASKED = re.compile(r"[\]?:][ \t]*\Z")
_YES_OR_NO = r"(?:\[(?:y(?:es)?|no?|confirm|cancel)\b[^\]\n]{0,20}\]|\((?:y(?:es)?|no?)/[^()\n]{0,20}\))"
_ASKED_BEFORE = re.compile(rf"(?:\?[ \t]*{_CHOICES}|{_YES_OR_NO})[ \t]*[:?]?[ \t]*", re.IGNORECASE)
_OFFERED = re.compile(rf"(?:{_YES_OR_NO}[ \t]*){{1,3}}[:?]?[ \t]*\Z", re.IGNORECASE)
_OPEN_LINES = 4  # behind an open question, more lines than that are output
_CUT = 20  # characters; a prompt that is shorter was not cut
_LONGEST = 200


def without_logs(text: str, *, parts: bool = False) -> str:
    """*text* without the log lines in it; a line that one broke into is whole again.

    With *parts* a log line that has not ended yet goes as well.
    """
    if _MAY_BE_LOG.search(text) is None:
        return text
    log = _LOG_LINE_OR_PART if parts else _LOG_LINE
    *lines, last = text.split("\n")
    return "".join(
        log.sub("", line) if _MAY_BE_LOG.search(line) else line for line in (*(f"{one}\n" for one in lines), last)
    )


def surely_asks(text: str) -> bool:
    """Whether *text* ends in a question that shows its choices."""
    return _SURELY_ASKED.search(text[-TAIL:]) is not None


def perhaps_asks(text: str) -> bool:
    """Whether *text* ends in what is a question if nothing follows."""
    return _PERHAPS_ASKED.search(text[-TAIL:]) is not None


def offers_yes_or_no(text: str) -> bool:
    """Whether *text* ends in yes and no to choose from: a question if nothing follows."""
    return _OFFERED.search(text[-TAIL:]) is not None


def asked_before(text: str) -> int | None:
    """Where a question ends that something was printed behind; None where there is none."""
    start = len(text)
    for _ in range(_OPEN_LINES):
        start = text.rfind("\n", 0, max(start, 0))
    return max((found.end() for found in _ASKED_BEFORE.finditer(text, max(start, 0))), default=None)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt in a text: where its line begins, what stands before its ``#``, and whether it is configuration's."""

    start: int
    head: str
    config: bool


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of one router: ``NODE:NAME#`` in exec mode; any word with ``#`` or ``>`` before *stem* is known.

    In configuration mode host name and ``(mode)`` are cut to 39 characters; which end of them is cut, and whether less
    fits on some releases, is not certain (H43), so every beginning of the prompt counts, with or without the mode.
    """

    stem: str = ""

    def ending(self, text: str) -> Prompt | None:
        """The prompt that *text* ends in."""
        start = text.rfind("\n") + 1
        found = _PROMPT.fullmatch(text, start) if len(text) - start < _LONGEST else None
        return self._as_prompt(found["head"], max(start - 1, 0)) if found else None

    def hidden(self, text: str, begin: int = 0) -> Prompt | None:
        """The last prompt in *text* from *begin* that something was printed behind, or before on its line."""
        end, first = len(text), max(begin, len(text) - TAIL)
        while end >= first:
            start = max(text.rfind("\n", first, end) + 1, first)
            if (found := self._first(text[start : min(end, start + _LONGEST)], max(start - 1, 0))) is not None:
                return found
            end = start - 1
        word = _LAST_WORD.search(text, first)
        at = word.group().find(self.stem) if word and self.stem else -1
        return self._as_prompt(word.group()[at:].rstrip("# "), word.start() + at) if word and at >= 0 else None

    @property
    def may_hide_mode(self) -> bool:
        """Whether configuration mode may look like exec mode, since the host name alone fills the prompt."""
        return len(self.stem.rpartition(":")[2]) >= _CUT

    def _first(self, line: str, start: int) -> Prompt | None:
        """The prompt that *line* begins with."""
        if self.stem and line.startswith((f"{self.stem}#", f"{self.stem}>")):
            return Prompt(start, self.stem, config=False)
        found = _PROMPT_FIRST.match(line)
        return self._as_prompt(found["head"], start) if found else None

    def _as_prompt(self, head: str, start: int) -> Prompt | None:
        if not self.stem or head == self.stem:
            return Prompt(start, head, config=False)
        base, parenthesis, mode = head.rpartition("(")
        if not parenthesis or self.stem.startswith(head):
            base, mode = head, ""
        elif not (_MODE.fullmatch(mode) or "config".startswith(mode)):
            return None
        if self.stem.startswith(base) and (base == self.stem or len(head) >= _CUT):
            return Prompt(start, head, config=True)
        return None
