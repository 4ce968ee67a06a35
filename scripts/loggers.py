"""Logging as it was, behind a command that ran in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from agent.cli.view.streams import QUIET


@contextmanager
def restored() -> Iterator[None]:
    """Levels of the loggers that a command sets for its whole process, and handlers of the root, as they were."""
    loggers = [logging.getLogger(name) for name in (None, "agent", *QUIET)]
    levels, handlers = [one.level for one in loggers], list(logging.getLogger().handlers)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        logging.getLogger().handlers[:] = handlers
