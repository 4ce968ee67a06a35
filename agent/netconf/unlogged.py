"""Logging suppressed for a while: ncclient logs every message of a session that somebody else owns."""

from __future__ import annotations

import logging
import threading
from typing import Any, ClassVar


class Unlogged:
    """Keeps ncclient from logging anything of the session of *transport*, until :meth:`end`; several may, at once."""

    _lock = threading.Lock()
    _all: ClassVar[tuple[Unlogged, ...]] = ()

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        with self._lock:
            Unlogged._all = (*self._all, self)
            for name in list(logging.root.manager.loggerDict):
                if name.partition(".")[0] == "ncclient":
                    logging.getLogger(name).addFilter(_may_be_logged)

    def end(self) -> None:
        """Let it log again, unless another suppresses it; ending again does nothing."""
        with self._lock:
            Unlogged._all = tuple(one for one in self._all if one is not self)


def _may_be_logged(record: logging.LogRecord) -> bool:
    """A filter that stays on each of ncclient's loggers once it is needed.

    To take a filter from a logger while another thread logs can make that logger pass over the next filter.
    """
    session = getattr(record, "session", None)
    return session is None or all(one.transport is not session for one in Unlogged._all)
