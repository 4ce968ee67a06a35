"""Journals of the tests: results to keep, and another process that keeps them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import agent
from agent.fleet.journal.runlog import RunLog
from agent.fleet.journal.store import Journal
from agent.fleet.journal.tables import connect
from agent.fleet.results.record import Kind, Result
from agent.model.method import Method
from agent.model.outcome import Event, Failure, Outcome, Status, StepRecord
from agent.model.outcome import Result as PushResult
from agent.model.pki.certificate import Evidence

ANCHOR = agent.TrustAnchor.bundled()
BEGIN = datetime(2026, 11, 25, 19, 30, 12, 345000, tzinfo=UTC)


class Ticks:
    """UTC that goes on by a second with each look, unless it is set."""

    def __init__(self, *times: datetime) -> None:
        self.times = list(times)
        self.now = BEGIN

    def __call__(self) -> datetime:
        self.now = self.times.pop(0) if self.times else self.now + timedelta(seconds=1)
        return self.now


def begin(journal: Journal, devices: Iterable[str] = ("r1", "r2", "r3"), **given: Any) -> RunLog:
    return journal.begin(
        given.pop("kind", Kind.PUSH),
        devices,
        **{"settings": {}, "change_ref": None, "version": agent.__version__, **given},
    )


def remedied(device: str) -> Result:
    steps = (StepRecord("commit", Status.DONE, "committed"), StepRecord("ca-authenticate", Status.DONE))
    outcome = Outcome(
        device, PushResult.REMEDIED, "192.0.2.1:830", "7.4.1", Method.RPC, evidence=Evidence.FINGERPRINT, steps=steps
    )
    return Result(device, Kind.PUSH, "192.0.2.1:830", "7.4.1", outcome=outcome, began=BEGIN, ended=BEGIN)


def away(device: str) -> Result:
    return Result(device, Kind.PUSH, error=Failure("connect", f"no answer from {device}", "check routes"))


def started(device: str, step: str = "commit", detail: str = "") -> Event:
    return Event(device, step, Status.STARTED, detail)


def done(device: str, step: str = "commit", detail: str = "") -> Event:
    return Event(device, step, Status.DONE, detail)


def on_disk(path: Path, query: str, *given: object) -> list[Any]:
    """What others see of the journal now; one value for each row."""
    with closing(connect(path, reading=True)) as db:
        return [row[0] for row in db.execute(query, given)]


_HEAD = """
import sys
from pathlib import Path
from textwrap import dedent
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import RunState
from agent.model.errors import AgentError
from tests.fleet.journals import ANCHOR, begin, done, remedied, started
path = Path(sys.argv[1])
"""


def process(code: str, path: Path, *words: str) -> subprocess.Popen[str]:
    """*code* in a process of its own, which has the journal's *path* under that name, and *words* in sys.argv[2:]."""
    return subprocess.Popen(
        [sys.executable, "-c", _HEAD + dedent(code), str(path), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
