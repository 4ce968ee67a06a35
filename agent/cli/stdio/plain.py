"""Characters that stdout or stderr cannot write: ASCII that looks like ours, all else spelled out."""

from __future__ import annotations

import codecs
import io
import sys

ERRORS = "xr-agent-ascii"
"""The name by which streams find what to do."""

_NEAR = {"·": "-", "—": "-", "─": "-", "│": "|", "├": "|", "└": "`", "…": "...", "→": "->"}


def outlive_encodings() -> None:
    """Let stdout write whatever its encoding lacks, as latin-1 does "─", or a name that is no text at all."""
    codecs.register_error(ERRORS, _ascii)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=ERRORS)


def _ascii(error: UnicodeError) -> tuple[str, int]:
    """What stands for the characters that *error* is about."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_NEAR.get(one) or one.encode("ascii", "backslashreplace").decode() for one in lost), error.end
