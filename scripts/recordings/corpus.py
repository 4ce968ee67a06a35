"""A recording of the corpus: its file, and beside it what show, assess and plan make of it."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner

from agent.cli.main import program
from agent.model.errors import InputError
from agent.recording.reading import Recording, read
from scripts import loggers

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "recordings"
SUFFIX = ".rec"
COMMANDS = ("show", "assess", "plan")
_UNANSWERED = re.compile(r"^error: .* has no answer to (.*)$", re.MULTILINE)
_COARSE = 60.0
"""Seconds of a clock's offset that two replays may differ by."""


def names() -> list[str]:
    """Those of all recordings."""
    return sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}"))


def recording(name: str) -> Path:
    return FOLDER / f"{name}{SUFFIX}"


def expected(name: str) -> Path:
    return FOLDER / f"{name}.json"


def replayed(path: Path) -> dict[str, Any]:
    """What each command makes of the recording *path*: its exit code, its JSON without what no two runs share, and
    what it asked that the recording has no answer to."""
    return {command: _run(command, path) for command in COMMANDS}


def _run(command: str, path: Path) -> dict[str, Any]:
    with loggers.restored():
        words = [command, "--replay", str(path), "--format", "json"]
        done = CliRunner().invoke(program, words, catch_exceptions=False)
    unanswered = sorted(set(_UNANSWERED.findall(done.stderr)))
    try:
        return {"exit": done.exit_code, "says": _plain(json.loads(done.stdout)), "unanswered": unanswered}
    except ValueError as error:
        raise InputError(f"{path}: {command} says no JSON: {done.stderr.strip()}", hint="see what it says") from error


def _plain(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _plain(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return _COARSE * round(value / _COARSE) if name == "offset_s" and value is not None else value


def expect(name: str) -> None:
    """Write down what the commands make of the recording *name* today."""
    text = json.dumps(replayed(recording(name)), indent=1, sort_keys=True)
    expected(name).write_text(f"{text}\n", encoding="utf-8")


def add(path: Path, name: str, source: str) -> None:
    """Put the recording *path* into the corpus as *name*, with where it is *from*, and what the commands make of it.

    Raises:
        InputError: it is no recording, says nothing of its source, still has what is nobody's business, or there is one
            of that name.
    """
    found = read(path)
    source = source or found.begin.source
    if not source:
        raise InputError(f"{path}: where it is from is not said", hint="say it in a sentence with --source")
    if not found.begin.sanitised:
        raise InputError(f"{path}: nothing in it was replaced", hint="record it without --no-sanitise")
    if recording(name).exists():
        raise InputError(f"{recording(name)}: it is there already", hint="give another --name")
    put(found, name, source)
    expect(name)


def put(found: Recording, name: str, source: str) -> None:
    """Write *found* as *name* of the corpus, with its *source*, as small as it gets."""
    begin = msgspec.structs.replace(found.begin, source=source)
    lines = [begin, *found.events, *([found.end] if found.end else [])]
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    data = b"".join(packer.compress(msgspec.json.encode(line) + b"\n") for line in lines)
    recording(name).write_bytes(data + packer.flush())
