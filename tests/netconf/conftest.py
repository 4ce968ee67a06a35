"""A jump host for the session tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import asyncssh
import pytest

from agent.simulator import Device


class _Jump(asyncssh.SSHServer):
    def __init__(self, connections: list[asyncssh.SSHServerConnection]) -> None:
        self._connections = connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connections.append(conn)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("jump", "jump")

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return dest_host == "127.0.0.1"


@pytest.fixture
def jump_host() -> Iterator[Callable[[Device], int]]:
    """An SSH server that forwards TCP connections; gives its port."""
    connections: list[asyncssh.SSHServerConnection] = []
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            lambda: _Jump(connections), "127.0.0.1", 0, server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")]
        )

    listener = asyncio.run_coroutine_threadsafe(listen(), loop).result(600)

    async def end() -> None:
        listener.close()
        await listener.wait_closed()
        for connection in connections:
            connection.abort()
            await connection.wait_closed()
        await asyncio.sleep(0.1)  # what they forwarded ends a few turns of the loop later
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()

    yield lambda device: listener.get_port()
    asyncio.run_coroutine_threadsafe(end(), loop).result(600)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
