"""The loop of all connections: what one of them waits for keeps no other, and an interrupted caller leaves nothing."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import pytest

import agent
from agent.model.local.clock import Clock
from agent.ssh import probe as probing
from agent.ssh.channel import Channel
from agent.ssh.loop import EventLoop, event_loop
from agent.ssh.peer.service import Service
from agent.ssh.settings import keys
from agent.ssh.settings.config import settings
from tests.ssh.server import device

SURE = 60.0


def ended(done: threading.Event) -> bool:
    return done.wait(SURE)


def test_a_call_that_an_interrupt_keeps_from_waking_the_loop_keeps_no_later_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, called = EventLoop(), threading.Event()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop._loop, "call_soon_threadsafe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            loop.soon(lambda: None)
    loop.soon(called.set)
    assert called.wait(SURE)


def test_a_key_file_is_opened_beside_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The passphrase takes a second by design; a second connection finds that file being read."""
    path, go_on = tmp_path / "id", threading.Event()
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(path)
    target, read, begun = settings(device(830, password=None, key_file=path)), keys._read, list[Callable[[], object]]()

    def slow(*arguments: Any) -> Any:
        for tell in begun:
            tell()
        assert go_on.wait(SURE)
        return read(*arguments)

    async def found() -> int:
        return len([pair async for pair in keys.key_pairs(target)])

    async def twice() -> int:
        reading = asyncio.Event()
        begun.append(partial(asyncio.get_running_loop().call_soon_threadsafe, reading.set))
        first = asyncio.create_task(found())
        await reading.wait()
        second = asyncio.create_task(found())
        await asyncio.sleep(0)
        went_on.append(not go_on.is_set())
        go_on.set()
        return await first + await second

    went_on: list[bool] = []
    monkeypatch.setattr(keys, "_read", slow)
    watchdog = threading.Timer(SURE / 2, go_on.set)
    watchdog.start()
    try:
        assert event_loop().run(twice(), ended) == 2
    finally:
        watchdog.cancel()
    assert went_on == [True]


def test_a_name_that_is_slow_to_resolve_keeps_no_connection_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    turned: list[bool] = []

    async def turn() -> bool:
        return True

    def resolve(*_: object, **__: object) -> list[Any]:
        other = asyncio.run_coroutine_threadsafe(turn(), event_loop()._loop)
        try:
            turned.append(other.result(5))
        except TimeoutError:
            turned.append(False)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    error = probing.probe(device(830), Service.NETCONF).error
    assert isinstance(error, agent.ConnectError)
    assert "cannot be resolved" in error.message
    assert turned == [True]


def test_a_channel_that_was_closed_while_the_peer_did_not_read_says_so_at_once() -> None:
    """The loop may be in the middle of writing, and tell of what waits, when another thread closes it."""
    channel = Channel(event_loop(), (0, 0), clock=Clock(), timeout=SURE)
    channel.close()
    channel.pause_writing()
    assert channel._writable.is_set()
    with pytest.raises(EOFError):
        channel.sendall(b"x")
