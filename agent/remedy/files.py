"""Put a file on the router for as long as one step needs it; removing it is registered before it is written."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from agent.model.errors import AgentError
from agent.model.method import Storage
from agent.model.outcome import Status, StepRecord
from agent.remedy.run import Run, Steps
from agent.xr.files import fresh_name

log = logging.getLogger(__name__)


def put(run: Run, undo: ExitStack, data: bytes, suffix: str, storage: Storage) -> Steps[str]:
    """Copy *data* to a fresh name in *storage* by SFTP, verified; returns its path. *undo* removes it.

    Raises:
        FileError, TransportError, ReplyTimeout: it is not there as it should be.
    """
    path = f"{storage.folder}/{fresh_name(suffix)}"
    yield run.started_event("sftp", path)
    undo.callback(_remove, run, path)
    run.shell().files().put(data, path)
    yield run.ended("sftp", Status.DONE, f"{path}: {len(data)} bytes, read back and compared")
    return path


def _remove(run: Run, path: str) -> None:
    """Whatever happened before, the file goes; where it cannot, the outcome names it."""
    try:
        run.shell().files().remove(path)
    except AgentError as error:
        left_behind(run, path, error)
    else:
        run.records.append(StepRecord("remove", Status.DONE, path))


def left_behind(run: Run, path: str, error: AgentError) -> None:
    """Say that a file may still be on the router."""
    log.warning("%s: %s may still be on the router: %s", run.plan.device, path, error.message)
    run.records.append(StepRecord("remove", Status.FAILED, f"{path} may still be there: {error.message}"))
