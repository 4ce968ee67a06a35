"""A name and a home for whoever works here, where asyncssh does not do without."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.model.local.user import user_name

_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")
"""In which :func:`getpass.getuser`, which asyncssh calls for each connection, looks before it asks the system."""


class _StandIn:
    """asyncssh asks for the name and the home of the user here, which a process without a passwd entry has not.

    While it makes its options any will do; the name stands in a variable that nothing here goes by. It does so for
    others as well where no variable has their name, so that the system is not asked for it each time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lent: dict[str, str] = {}
        self._connecting = 0

    @contextmanager
    def here(self) -> Iterator[None]:
        """What asyncssh asks for is there in the block, however many connections are made beside it."""
        with self._lock:
            if not self._connecting:
                self._lent = _missing()
                os.environ.update(self._lent)
            self._connecting += 1
        try:
            yield
        finally:
            with self._lock:
                self._connecting -= 1
                if not self._connecting:
                    for name in self._lent:
                        del os.environ[name]


def _missing() -> dict[str, str]:
    """The variables by which asyncssh finds what it asks for, where there are none."""
    lent: dict[str, str] = {}
    if not any(os.environ.get(name) for name in _NAMES):
        lent["LNAME"] = user_name()
    try:
        Path.home()
    except RuntimeError:
        lent["HOME"] = os.devnull
    return lent


STAND_IN = _StandIn()
