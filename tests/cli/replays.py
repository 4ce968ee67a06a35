"""A recording in a router's place, and the command run on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner

from agent.cli.main import program
from agent.recording.reading import Recording
from agent.recording.writing import Writer
from scripts.recordings import corpus

AFFECTED = corpus.recording("xr-7.3.2-asr9k-x64")
READS = ("check", "show", "assess", "plan")


def run(*words: str) -> Any:
    """The command in this process."""
    return CliRunner().invoke(program, list(words), catch_exceptions=False)


def said(*words: str) -> Any:
    return json.loads(run(*words, "--format", "json").stdout)


def written(path: Path, found: Recording, events: Any, **end: Any) -> Path:
    """*found* with other *events* and another end, at *path*."""
    writer = Writer(path, found.begin)
    for event in events:
        writer(event)
    assert found.end is not None
    last = msgspec.structs.replace(found.end, **end)
    return writer.end(lambda: last)
