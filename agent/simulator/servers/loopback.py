"""One thread with an event loop in which SSH servers listen on 127.0.0.1, and an end without anything left open."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, Self, TypeVar

T = TypeVar("T")
_BACKLOG = 100
_ACCEPTING = 3
"""Turns of the event loop in which a connection that was just accepted becomes one that can be ended."""
_TURNS = 200
"""Turns of the event loop that connections get to end in; few are needed."""


class Ended(Protocol):
    """A connection as far as it is ended here."""

    socket: Any

    def abort(self) -> None:
        """End it without a word."""


class Loopback:
    """The thread, which runs until :meth:`stop`; a context manager."""

    def __init__(self) -> None:
        self._listeners: list[asyncio.Server] = []
        self._connections: list[Ended] = []
        self.loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._serve_until_over, name="simulator", daemon=True)
        self._thread.start()

    def _serve_until_over(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._over.wait())

    def keep(self, connection: Ended) -> None:
        """Have *connection* ended at the end."""
        self._connections[:] = [one for one in self._connections if one.socket.fileno() != -1]
        self._connections.append(connection)

    async def listen(self, made: Callable[[], asyncio.Protocol], sock: socket.socket) -> asyncio.Server:
        """Have each connection to *sock* served by what is *made*."""
        listener = await self.loop.create_server(made, sock=sock, backlog=_BACKLOG)
        self._listeners.append(listener)
        return listener

    def stop(self) -> None:
        """End all connections, listeners and the thread."""
        if self.loop.is_closed():
            return
        self._run(self._end())
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self, work: Coroutine[Any, Any, T], *, wait: float = 30) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(wait)

    def post(self, work: Callable[[], T]) -> T:
        """Run *work* in the servers' thread and wait for it."""
        if threading.current_thread() is self._thread:
            return work()

        async def run() -> T:
            return work()

        return self._run(run())

    async def _end(self) -> None:
        await self._accept_no_more()
        self._leave()
        await self._hang_up()
        for listener in self._listeners:
            await listener.wait_closed()

    def _leave(self) -> None:
        """What else is to end before the connections do."""

    async def _accept_no_more(self) -> None:
        """Close the listeners; connections that are being accepted are first, since asyncio would leave them open."""
        for listener in self._listeners:
            for sock in listener.sockets:
                self.loop.remove_reader(sock.fileno())
        for _ in range(_ACCEPTING):
            await asyncio.sleep(0)
        for listener in self._listeners:
            listener.close()

    async def _hang_up(self) -> None:
        """Wait until every socket is closed, also one that was about to be and still had something to send."""
        for _ in range(_TURNS):
            left = [one for one in self._connections if one.socket.fileno() != -1]
            if not left:
                return
            for one in left:
                one.abort()
                with contextlib.suppress(OSError):
                    one.socket.shutdown(socket.SHUT_RDWR)
            await asyncio.sleep(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
