"""One channel with the netconf subsystem: hello, frames, and rpcs one after the other."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import asyncssh

from agent.simulator.device.faults import Fault, FaultKind
from agent.simulator.device.simdevice import Device
from agent.simulator.netconf.framing import Deframer, FramingError, enframe, unfinished
from agent.simulator.personas.persona import BASE


class Connection(Protocol):
    """What a channel belongs to."""

    def abort(self) -> None:
        """End it without a word."""

    def reset(self) -> None:
        """End it by a TCP reset."""


class Channel(ABC, asyncssh.SSHServerSession[bytes]):
    """One channel with the netconf subsystem; rpcs are answered one after the other, as RFC 6241 asks.

    Attributes:
        busy: it has begun what it finishes even if its client is gone; dropped: it has ended, and nothing is answered.
        closing, dropping: it ends behind the answer, in order or without a word.
        overtaken: what is done and answered behind the next rpc that comes.
    """

    def __init__(self, device: Device, connection: Connection) -> None:
        self._device = device
        self._connection = connection
        self._channel: Any = None
        self._frames = Deframer()
        self._waiting: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None
        self._greeted = False
        self.closing = self.dropping = self.dropped = self.busy = False
        self.overtaken: list[Callable[[], Coroutine[Any, Any, bytes]]] = []
        self._gone = False
        self._opened = 0.0
        device.last_session += 1
        self.session_id = str(device.last_session)

    @abstractmethod
    async def answer(self, message: bytes) -> bytes | None:
        """The reply to one rpc; None where none is sent."""

    def connection_made(self, chan: Any) -> None:
        self._channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        """Only NETCONF is served."""
        return subsystem == "netconf"

    def session_started(self) -> None:
        """Send the hello at once, or end where there are as many sessions as may be."""
        if len(self._device.sessions) >= self._device.persona.max_sessions:
            self._channel.exit(1)
            return
        self._device.sessions[self.session_id] = self
        self._opened = asyncio.get_running_loop().time()
        fault = self._device.fault("hello")
        if fault is None or not self._spoilt(fault):
            self._channel.write(enframe(self._device.hello % self.session_id.encode(), chunked=False))

    def _spoilt(self, fault: Fault) -> bool:
        """Whether a fault took the hello's place."""
        match fault.kind:
            case FaultKind.RAW:
                self.raw(enframe(fault.data, chunked=False))
            case FaultKind.GARBAGE:
                if self.raw(fault.data or b"\x00\xff garbage" * 8):
                    self._device.silence.swallow_hello()
            case FaultKind.HALF:
                self.cut(self._device.hello % self.session_id.encode())
            case FaultKind.DROP_BEFORE | FaultKind.DROP_AFTER:
                self.drop()
            case FaultKind.RESET:
                self._connection.reset()
            case FaultKind.SILENT:
                self._device.silence.swallow_hello()
            case _:
                return False
        return True

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Take what came; the first message is the client's hello."""
        try:
            for message in self._frames.messages(data):
                if self._greeted:
                    self._waiting.append(message)
                else:
                    self._greeted = True
                    self._frames.chunked = self._device.persona.base_11 and f"{BASE}:1.1".encode() in message
        except FramingError:
            self.drop()
            return
        if self._waiting and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting and not self._channel.is_closing():
                overtaken, self.overtaken = self.overtaken, []
                self._send(await self.answer(self._waiting.popleft()))
                for late in overtaken:
                    self._send(await late())
                if self.dropping:
                    self.drop()
                if self.closing:
                    self._channel.exit(0)
        finally:
            self._task = None
            if self._gone:
                self._leave()

    def _send(self, answer: bytes | None) -> None:
        if answer is not None and not self._channel.is_closing():
            self._channel.write(enframe(answer, self._frames.chunked))

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back what the session held; where it is busy, once it has done what it is about."""
        if self.busy:
            self._gone = True
            return
        self._leave()
        if self._task is not None:
            self._task.cancel()

    def _leave(self) -> None:
        if self._device.sessions.pop(self.session_id, None) is not None:
            self._device.session_seconds += asyncio.get_running_loop().time() - self._opened
        self._device.config.leave(self.session_id)

    def drop(self) -> None:
        """End the connection without a word, and what the session is about."""
        self.busy, self.dropped = False, True
        if self._gone and self._task is not None:
            self._task.cancel()
        self._connection.abort()

    def raw(self, data: bytes) -> bool:
        """Send bytes as they are; whether their reader has to wait for more."""
        self._channel.write(data)
        return unfinished(data, chunked=self._frames.chunked)

    def cut(self, message: bytes) -> None:
        """Send half of a message, and end."""
        framed = enframe(message, self._frames.chunked)
        self._channel.write(framed[: len(framed) // 2])
        self._channel.write_eof()
        self._channel.close()
