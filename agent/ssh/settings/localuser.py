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

    Where no variable has the name, one that nothing here goes by has it from then on: a system that looks in a
    directory far away would keep all connections waiting each time. A home is there only while connections are made,
    since others go by that; any will do.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._homeless = False
        self._connecting = 0

    @contextmanager
    def here(self) -> Iterator[None]:
        """What asyncssh asks for is there in the block, however many connections are made beside it."""
        with self._lock:
            if not any(os.environ.get(name) for name in _NAMES):
                os.environ["LNAME"] = user_name()
            if not self._connecting and (homeless := not _has_home()):
                self._homeless = homeless
                os.environ["HOME"] = os.devnull
            self._connecting += 1
        try:
            yield
        finally:
            with self._lock:
                self._connecting -= 1
                if not self._connecting and self._homeless:
                    self._homeless = False
                    del os.environ["HOME"]


def _has_home() -> bool:
    try:
        Path.home()
    except RuntimeError:
        return False
    return True


STAND_IN = _StandIn()
