"""Logging as it was, behind a command that ran in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restored() -> Iterator[None]:
    """Levels of all loggers and the handlers of the root, as they were: a command sets them for its whole process."""
    before, handlers = _levels(), list(logging.getLogger().handlers)
    try:
        yield
    finally:
        for name in _levels():
            logging.getLogger(name).setLevel(before.get(name, logging.NOTSET))
        logging.getLogger().handlers[:] = handlers


def _levels() -> dict[str, int]:
    made = (one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger))
    return {one.name: one.level for one in (logging.getLogger(), *made)}
