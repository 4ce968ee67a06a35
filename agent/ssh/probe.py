"""What an SSH server offers, read without logging in: its address, its identification, its algorithms.

One TCP connection, on which nothing is sent but our own identification.
"""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from threading import Event
from typing import Any

from agent.model.device import Device
from agent.model.errors import ConnectError, shortened
from agent.ssh.loop import event_loop
from agent.ssh.peer.hearing import Hearing, NotSSH
from agent.ssh.peer.negotiation import Offer
from agent.ssh.peer.service import Service
from agent.ssh.settings.config import destination

_LONGEST_QUOTE = 80
_OURS = b"SSH-2.0-xr_agent\r\n"
_LIMIT_WORDS = ("rate limit", "exceeded")  # "Exceeded MaxStartups" is OpenSSH's


@dataclass(slots=True)
class Probed:
    """How far a probe came.

    Attributes:
        through: what leads to the router, where that is no connection of our own: then nothing was tried.
        addresses: those of its name; address: the one that took the connection.
        offer: what the server offers, None where it did not come to say it; banner: the lines ahead of it.
        error: what ended the probe before that; ``rate_limited`` as of a connection that is to be used.
    """

    through: str | None = None
    addresses: tuple[str, ...] = ()
    address: str | None = None
    offer: Offer | None = None
    banner: tuple[str, ...] = ()
    error: ConnectError | None = None


def probe(device: Device, service: Service) -> Probed:
    """Look at *device*'s port for at most its ``open_timeout``; what fails is in the result.

    Behind a jump host or a ProxyCommand nothing is tried: there is no way there without logging in on the way.

    Raises:
        InputError: an SSH configuration that cannot be read.
    """
    to, heard = destination(device), Hearing()
    found = Probed(through=to.through)
    if found.through is not None:
        return found

    def ended(done: Event) -> bool:
        return device.clock.wait(done, device.open_timeout, message="handshake")

    try:
        # Here, not in the loop: whoever resolves may be slow, and every connection would wait.
        infos = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
        found.addresses = tuple(dict.fromkeys(str(info[4][0]) for info in infos))
        event_loop().run(_look(infos, found, heard), ended)
    except TimeoutError:
        found.error = _late(device, service, found, heard)
    except (socket.gaierror, UnicodeError) as error:
        said = getattr(error, "strerror", None) or "it is no name"
        found.error = ConnectError(f"its name cannot be resolved: {said}", hint="check the name, or give the address")
    except NotSSH as error:
        found.error = ConnectError(f"the port is not SSH's: {error}", hint=service.unreachable(device))
    except OSError as error:
        found.error = _closed(error, device, service, found, heard)
    found.banner = tuple(heard.banner)
    if found.error is not None:
        found.error.device = device.name
    return found


async def _look(infos: list[tuple[Any, ...]], found: Probed, heard: Hearing) -> None:
    reader, writer = await _connected(infos)
    try:
        found.address = str(writer.get_extra_info("peername")[0])
        writer.write(_OURS)
        while found.offer is None:
            data = await reader.read(4096)
            if not data:
                raise ConnectionResetError("the connection was closed")
            found.offer = heard.feed(data)
    finally:
        writer.transport.abort()


async def _connected(infos: list[tuple[Any, ...]]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The first of the addresses that takes a connection, as ``socket.create_connection`` tries them."""
    failed = OSError("it has no address")
    for *_, address in infos:
        try:
            return await asyncio.open_connection(*address[:2])
        except OSError as error:
            failed = error
    raise failed


def _late(device: Device, service: Service, found: Probed, heard: Hearing) -> ConnectError:
    seconds = f"within {device.open_timeout:g} s"
    if found.address is None:
        return ConnectError(f"no answer {seconds}", hint=service.unanswered)
    what = "does not say which algorithms it offers" if heard.version else "does not say that it is SSH's"
    hint = "it is busy or hangs; try again, or give a longer --open-timeout"
    return ConnectError(f"the port takes connections, and {what} {seconds}", hint=hint)


def _closed(error: OSError, device: Device, service: Service, found: Probed, heard: Hearing) -> ConnectError:
    """A connection that was refused, or ended early, which is also how a router limits new sessions."""
    # asyncio has words of its own for it, which quote the address.
    said = os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
    if found.address is None and not isinstance(error, ConnectionResetError | ConnectionAbortedError):
        return ConnectError(said, hint=service.unreachable(device))
    words = heard.ended or " ".join(heard.banner)
    limited = not (words or heard.version) or any(word in words.lower() for word in _LIMIT_WORDS)
    if not limited and not heard.version:
        return ConnectError(f"the port is not SSH's: it says {_quoted(words)}", hint=service.unreachable(device))
    why = f"{said}, with the words {_quoted(words)}" if words else said
    hint = service.limit if limited else service.unreachable(device)
    return ConnectError(f"no SSH session could be begun: {why}", hint=hint, rate_limited=limited)


def _quoted(words: str) -> str:
    return f"'{shortened(words, _LONGEST_QUOTE)}'"
