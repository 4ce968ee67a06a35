"""Put a file on the router for as long as one step needs it; removing it is registered before it is written."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

from agent.model.errors import AgentError
from agent.model.method import Storage
from agent.model.outcome import Status, StepRecord
from agent.remedy.run import Run, Steps

if TYPE_CHECKING:
    from agent.ssh.sftp import Files

log = logging.getLogger(__name__)


def put(run: Run, undo: ExitStack, data: bytes, suffix: str, storage: Storage) -> Steps[str]:
    """Copy *data* to a fresh name in *storage* by SFTP, verified; returns its path. *undo* removes it.

    Raises:
        FileError, TransportError, ReplyTimeout: it is not there as it should be.
    """
    from agent.ssh.sftp import fresh_name

    path = f"{storage.folder}/{fresh_name(suffix)}"
    yield run.started_event("sftp", path)
    files = (yield from run.cli()).files()
    undo.callback(_remove, run, files, path)
    files.put(data, path)
    yield run.ended("sftp", Status.DONE, f"{path}: {len(data)} bytes, read back and compared")
    return path


def _remove(run: Run, used: Files, path: str) -> None:
    """Whatever happened before, the file goes, if *used* may have made it; where it cannot, the outcome names it."""
    if path not in used.left:
        return
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
