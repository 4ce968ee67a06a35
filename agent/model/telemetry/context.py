"""What log records are about: the run, the device and the step under way, kept beside the call stack.

::

    handler = logging.StreamHandler()
    handler.addFilter(agent.ContextFilter())
    with agent.bound(run="CHG0042"):
        agent.remediate(router)
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from types import MappingProxyType

FIELDS = ("run", "device", "step")
"""The attributes that a record may get."""

_BOUND: ContextVar[Mapping[str, str]] = ContextVar("agent_log_context", default=MappingProxyType({}))


def bound(
    *, run: str | None = None, device: str | None = None, step: str | None = None
) -> AbstractContextManager[None]:
    """Records made inside the block are about these; what is None stays as an outer block has it.

    It holds for the thread (or asyncio task) that enters it: enter it in the worker, a thread started inside does not
    inherit it.
    """
    given = {"run": run, "device": device, "step": step}
    return _Bound({name: value for name, value in given.items() if value is not None})


class _Bound:
    """No generator, since a router's steps are taken in hundreds of such blocks."""

    __slots__ = ("_given", "_token")

    _token: Token[Mapping[str, str]]

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def __enter__(self) -> None:
        self._token = _BOUND.set({**_BOUND.get(), **self._given})

    def __exit__(self, *_: object) -> None:
        _BOUND.reset(self._token)


class ContextFilter(logging.Filter):
    """Gives each record that passes a handler the attributes bound where it is made, and keeps every record.

    Nothing bound is no attribute: give a formatter with ``%(device)s`` its ``defaults``. What the record has already,
    by ``extra``, stays. Add it to handlers, since a logger's filter does not see the records of loggers below it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Never refuses *record*."""
        for name, value in _BOUND.get().items():
            record.__dict__.setdefault(name, value)
        return True
