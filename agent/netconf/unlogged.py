"""Logging suppressed for a while: ncclient logs every message of a session that somebody else owns."""

from __future__ import annotations

import logging
import threading
from typing import Any


class Unlogged:
    """Keeps ncclient from logging anything of the session of *transport*, until :meth:`end`; several may, at once."""

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        _FILTER.suppress(self)

    def end(self) -> None:
        """Let it log again, unless another suppresses it; ending again does nothing."""
        _FILTER.release(self)


class _Filter(logging.Filter):
    """Stays on each of ncclient's loggers once it is needed.

    To take a filter from a logger while another thread logs can make that logger pass over the next filter.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._suppressed: tuple[Unlogged, ...] = ()

    def suppress(self, by: Unlogged) -> None:
        with self._lock:
            self._suppressed = (*self._suppressed, by)
            for name in list(logging.root.manager.loggerDict):
                if name.partition(".")[0] == "ncclient":
                    logging.getLogger(name).addFilter(self)

    def release(self, by: Unlogged) -> None:
        with self._lock:
            self._suppressed = tuple(one for one in self._suppressed if one is not by)

    def filter(self, record: logging.LogRecord) -> bool:
        session = getattr(record, "session", None)
        return session is None or all(one.transport is not session for one in self._suppressed)


_FILTER = _Filter()
