"""Read a plan file, and see that it is one, whole, of this version, and the one that was approved."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import agent
from agent.fleet.planfile.content import FORMAT, KIND, PlanFile, genuine
from agent.fleet.results import objects
from agent.model.errors import InputError
from agent.model.local.files import read_start

_LARGEST = 1 << 29
_PLAN = "xr-agent plan … --out FILE writes one"
AGAIN = "plan again with --out, and have that file approved"
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)


def load(path: Path, sha256: str | None = None) -> tuple[PlanFile, str]:
    """The plan in the file *path*, and the file's SHA-256, which is to be *sha256* where that is given.

    Raises:
        InputError: it cannot be read, is no plan file, was cut off or edited, is of another format or version, or is
            another one than was approved.
    """
    data = read_start(path, _LARGEST + 1, hint="name a readable plan file")
    if len(data) > _LARGEST:
        raise InputError(f"{path}: larger than {_LARGEST >> 20} MiB", hint=_PLAN)
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != expected(sha256):
        raise InputError(
            f"{path}: its SHA-256 is {found}, not {expected(sha256)}", hint="it is not the file that was approved"
        )
    return _parsed(path, data), found


def expected(text: str) -> str:
    """The SHA-256 that somebody gives as *text*, in lower-case hex.

    Raises:
        InputError: it is none.
    """
    given = _SHA256.fullmatch(text.strip())
    if given is None:
        raise InputError(f"--sha256 {text!r} is no SHA-256", hint="64 hexadecimal digits, as plan --out prints them")
    return given[1].lower()


def _parsed(path: Path, data: bytes) -> PlanFile:
    try:
        text = data.decode("ascii")
        raw = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no plan file, or not whole: it is no JSON ({error})", hint=_PLAN) from error
    if not isinstance(raw, dict) or raw.get("kind") != KIND:
        raise InputError(f"{path}: this is no plan file of xr-agent", hint=_PLAN)
    _see_version(path, raw)
    try:
        found = objects.read(text, PlanFile)
        whole = found.text == text and genuine(found)
    except (ValueError, InputError) as error:
        said = error.message if isinstance(error, InputError) else error
        raise InputError(f"{path}: it was edited after it was planned: {said}", hint=AGAIN) from error
    if not whole:
        raise InputError(f"{path}: it was edited after it was planned: its digest is that of another", hint=AGAIN)
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _see_version(path: Path, raw: dict[str, Any]) -> None:
    """See that this xr-agent reads the file as the one that wrote it meant it.

    Raises:
        InputError: its format or version is another.
    """
    form, version = raw.get("format"), raw.get("version")
    if form != FORMAT:
        said = f"{path}: a plan file of format {str(form)[:20]}, this xr-agent has {FORMAT}"
        raise InputError(said, hint="push with the xr-agent that planned, or plan again with this one")
    if _line(str(version)) != _line(agent.__version__):
        said = f"{path}: planned by xr-agent {str(version)[:40]}, this one is {agent.__version__}"
        raise InputError(said, hint="push with that version, or plan again with this one")


def _line(version: str) -> list[str]:
    """What two versions have in common that understand each other: the major number, ahead of 1.0 the minor, too."""
    numbers = version.split(".")
    return numbers[:2] if numbers[0] == "0" else numbers[:1]
