"""A session channel as a byte stream: threads write to it and wait for what comes; or that is handed on at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import asyncssh

from agent.model.local.clock import Clock
from agent.ssh.loop import EventLoop

_MOST_HELD = 4 * 2**20
_ENDED = "the channel has ended"
_SET = threading.Event()
"""What nobody has to wait for; for all channels, since each event of its own takes a thousand bytes."""
_SET.set()


class Channel(asyncssh.SSHClientSession[bytes]):
    """What comes is kept for :meth:`recv`, or given to *receive* in the loop's thread, and empty bytes at the end.

    *receive* must not raise, nor wait for anything. The peer's stderr is thrown away.

    Attributes:
        key: the connection's own port and the number of the channel on it, by which the other end knows it.
        timeout: seconds until a peer that does not read is given up.
    """

    def __init__(
        self,
        loop: EventLoop,
        key: tuple[int, int],
        *,
        clock: Clock,
        timeout: float,
        receive: Callable[[bytes], None] | None = None,
    ) -> None:
        self.key, self.timeout = key, timeout
        self._loop, self._clock, self._receive = loop, clock, receive
        self._channel: Any = None
        self._guard = threading.Lock()
        self._held = bytearray()
        self._paused = False
        self._ended = False
        self._arrived = threading.Event() if receive is None else _SET
        self._writable = _SET
        self._sent = self._read = 0

    @property
    def ended(self) -> bool:
        """Whether nothing can be sent any more, and nothing comes but what is held."""
        return self._ended

    def sendall(self, data: bytes) -> None:
        """Write *data*, of which the peer may have read nothing yet.

        Raises:
            EOFError: the channel has ended.
            TimeoutError: the peer does not read what was sent before.
        """
        if not self._writable.is_set() and not self._clock.wait(self._writable, self.timeout):
            raise TimeoutError(f"the peer reads nothing for {self.timeout:g} s")
        if self._ended:
            raise EOFError(_ENDED)
        self._sent += len(data)
        self._loop.soon(self._write, data)

    def recv(self, seconds: float) -> bytes:
        """All that has come; where that is nothing, what comes first within *seconds*, nothing where nothing does.

        Raises:
            EOFError: it has ended, and all was read.
        """
        if self._receive is not None:
            raise AssertionError("what comes is handed on")
        if not self._arrived.is_set():
            self._clock.heard(self._arrived, seconds, self.key, typed=self._sent, read=self._read)
        with self._guard:
            data = bytes(self._held)
            self._held.clear()
            if not self._ended:
                self._arrived.clear()
            resume, self._paused = self._paused, False
        if resume:
            self._loop.soon(self._channel.resume_reading)
        self._read += len(data)
        if not data and self._ended:
            raise EOFError(_ENDED)
        return data

    def close(self) -> None:
        """End it; closing again does nothing."""
        self._end()
        self._loop.soon(self._abort)

    # --- in the loop's thread -----------------------------------------------------------------------------------

    def connection_made(self, chan: Any) -> None:
        """It is open."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Something came."""
        if datatype is not None:
            return
        if self._receive is not None:
            self._receive(data)
            return
        with self._guard:
            self._held += data
            full = len(self._held) > _MOST_HELD and not self._paused
            self._paused = self._paused or full
            self._arrived.set()
        if full:
            self._channel.pause_reading()

    def eof_received(self) -> bool:
        """The peer sends nothing more, which none of those spoken to here does before it is done."""
        self._end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel, or the connection below it, has ended."""
        self._end()

    def pause_writing(self) -> None:
        """More is waiting to be read by the peer than should be; after the end nobody is kept waiting for that."""
        with self._guard:
            if not self._ended and self._writable.is_set():
                self._writable = threading.Event()

    def resume_writing(self) -> None:
        """It has read on."""
        self._writable.set()

    def _write(self, data: bytes) -> None:
        if not self._ended:
            self._channel.write(data)

    def _abort(self) -> None:
        if self._channel is not None:
            self._channel.abort()

    def _end(self) -> None:
        with self._guard:
            if self._ended:
                return
            self._ended = True
            self._arrived.set()
            self._writable.set()
        if self._receive is not None:
            self._receive(b"")
