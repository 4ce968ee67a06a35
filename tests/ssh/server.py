"""An asyncssh server on loopback, for what no real server can be had to do."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import asyncssh

from agent.model.device import Device, HostKeys, Secret

PASSWORD = "Right-Zq8"
_TURNS = 10  # of the loop, in which what was closed is gone


@cache
def host_key() -> asyncssh.SSHKey:
    """The key of servers that are given none."""
    return asyncssh.generate_private_key("ssh-ed25519")


def device(port: int, **changes: Any) -> Device:
    """How a server with :func:`host_key` is reached, by a password and by nothing of whoever runs the tests."""
    said: dict[str, Any] = {
        "username": "ops",
        "password": Secret(PASSWORD),
        "use_agent": False,
        "host_keys": HostKeys(pinned=" ".join(host_key().export_public_key().decode().split()[:2])),
        "ssh_config": Path(os.devnull),
        "open_timeout": 60.0,
        "login_timeout": 60.0,
        "label": "r1",
    }
    return Device("127.0.0.1", port, **(said | changes))


@contextmanager
def served(make: Callable[[], asyncssh.SSHServer] = asyncssh.SSHServer, **options: Any) -> Iterator[int]:
    """The port of an asyncssh server, in a loop and a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="asyncssh server")
    thread.start()

    connections: list[asyncssh.SSHServerConnection] = []

    def tracked() -> asyncssh.SSHServer:
        server = make()
        made = server.connection_made

        def connection_made(conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)
            made(conn)

        vars(server)["connection_made"] = connection_made
        return server

    async def begin() -> asyncssh.SSHAcceptor:
        keys = {"server_host_keys": [host_key()]}
        return await asyncssh.create_server(tracked, "127.0.0.1", 0, **({"login_timeout": 0} | keys | options))

    async def end(listener: asyncssh.SSHAcceptor) -> None:
        listener.close()
        for _ in range(_TURNS):  # one that was accepted just now is there some turns later
            for connection in connections:
                connection.abort()
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with suppress(asyncio.CancelledError, asyncssh.Error, OSError):
                await task

    listener = asyncio.run_coroutine_threadsafe(begin(), loop).result(30)
    try:
        yield listener.get_port()
    finally:
        asyncio.run_coroutine_threadsafe(end(listener), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
