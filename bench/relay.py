"""A TCP relay on loopback that holds every byte back for a while, to stand in for a distant router."""

from __future__ import annotations

import asyncio
import sys
from collections import deque


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Deliver what comes after *delay* seconds, keeping order and any number of pieces on the way."""
    loop = asyncio.get_running_loop()
    held: deque[tuple[float, bytes]] = deque()
    arrived = asyncio.Event()

    async def deliver() -> None:
        while True:
            while not held:
                arrived.clear()
                await arrived.wait()
            due, data = held.popleft()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

    task = asyncio.create_task(deliver())
    try:
        while data := await reader.read(65536):
            held.append((loop.time() + delay, data))
            arrived.set()
    except ConnectionError:
        pass  # a reset is the end of this direction, like an end of file
    held.append((loop.time(), b""))
    arrived.set()
    try:
        await task
    except ConnectionError:
        writer.close()


async def relay(port: int, delay: float) -> asyncio.Server:
    """Listen on a free port and pass everything on to *port*, each way *delay* seconds late."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        for one in (writer, far_writer):
            one.transport.get_extra_info("socket").setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY
        await asyncio.gather(_pump(reader, far_writer, delay), _pump(far_reader, writer, delay))

    return await asyncio.start_server(connected, "127.0.0.1", 0)


async def _main(delay: float, ports: list[int]) -> None:
    servers = [await relay(port, delay) for port in ports]
    print(" ".join(str(server.sockets[0].getsockname()[1]) for server in servers), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
