"""A cancellation that a signal handler may set."""

from __future__ import annotations

import os
import select

from agent.model.local.clock import waited


class Stop:
    """A cancellation: called with seconds it waits for it, as ``threading.Event.wait`` does.

    A pipe, since an Event must not be set by a signal handler that interrupts its own wait.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def set(self) -> None:
        os.write(self._write, b"x")

    def __call__(self, seconds: float) -> bool:
        """Wait up to *seconds* for it; whether it came."""
        return waited(self._came, seconds)

    def _came(self, seconds: float) -> bool:
        return bool(select.select([self._read], [], [], seconds)[0])

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)
