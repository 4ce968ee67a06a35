"""Keepalives that are not answered: they go on, and pile up nothing."""

from __future__ import annotations

import asyncio
import queue
from contextlib import closing
from typing import Any

import asyncssh
import pytest

from agent.ssh.connect import open_ssh
from agent.ssh.connection import Deadline
from agent.ssh.loop import EventLoop
from agent.ssh.peer.service import Service
from tests.ssh.server import PASSWORD, device, served

INTERVAL = 30
GIVE_UP = 600.0
"""Seconds after which a test ends that waits for what is sure to come."""
GLOBAL_REQUEST, REQUEST_FAILURE = 80, 82


class Time:
    """The time of an event loop, which passes as the test says."""

    def __init__(self, loop: EventLoop) -> None:
        self._loop, self._now = loop, 0.0
        vars(loop._loop)["time"] = lambda: self._now

    def passes(self, seconds: float) -> None:
        def pass_by() -> None:
            self._now += seconds

        self._loop.soon(pass_by)


class Deaf(asyncssh.SSHServer):
    """Answers no keepalive until it is told to; *asked* has for each whether an answer is wanted."""

    def __init__(self) -> None:
        self.asked: queue.Queue[bool] = queue.Queue()

    def connection_made(self, conn: Any) -> None:
        process = conn.process_packet

        def taken(kind: int, number: int, packet: Any) -> Any:
            if kind != GLOBAL_REQUEST:
                return process(kind, number, packet)
            assert packet.get_string() == b"keepalive@openssh.com"
            self.asked.put(packet.get_boolean())
            packet.check_end()
            return True

        conn.process_packet = taken
        self._connection, self._loop = conn, asyncio.get_running_loop()

    def answer(self) -> None:
        self._loop.call_soon_threadsafe(self._connection.send_packet, REQUEST_FAILURE)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == PASSWORD


def test_one_keepalive_waits_for_an_answer_and_those_behind_it_want_none(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, server = EventLoop(), Deaf()
    time = Time(loop)
    for place in ("connect", "connection"):
        monkeypatch.setattr(f"agent.ssh.{place}.event_loop", lambda: loop)

    async def waiting() -> int:
        return len(asyncio.all_tasks()) - 1

    async def nothing_waits() -> None:
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(tasks)

    def asked(times: int) -> list[bool]:
        wanted = []
        for _ in range(times):
            time.passes(INTERVAL)
            wanted.append(server.asked.get(timeout=GIVE_UP))
        return wanted

    with (
        served(lambda: server) as port,
        closing(open_ssh(device(port, keepalive=INTERVAL), Deadline(60), Service.NETCONF)) as connection,
    ):
        connection.run(nothing_waits(), GIVE_UP)
        assert asked(20) == [True] + 19 * [False]
        assert connection.run(waiting(), GIVE_UP) == 1
        server.answer()
        connection.run(nothing_waits(), GIVE_UP)
        assert asked(2) == [True, False]
        assert connection.alive
    loop.run(nothing_waits(), lambda done: done.wait(GIVE_UP))
