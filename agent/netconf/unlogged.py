"""Quiet for a while: ncclient logs every message of a session that somebody else owns."""

from __future__ import annotations

import logging
from typing import Any


class Unlogged(logging.Filter):
    """Keeps ncclient from logging anything of the session of *transport*, until :meth:`end`."""

    def __init__(self, transport: Any) -> None:
        super().__init__()
        self._transport = transport
        names = [name for name in list(logging.root.manager.loggerDict) if name.partition(".")[0] == "ncclient"]
        self._loggers = [logging.getLogger(name) for name in names]
        for logger in self._loggers:
            logger.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "session", None) is not self._transport

    def end(self) -> None:
        """Let it log again."""
        for logger in self._loggers:
            logger.removeFilter(self)
