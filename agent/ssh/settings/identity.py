"""What one router is known by, however an inventory calls it: its addresses, and the path on which they count."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from agent.model.device import Device
from agent.ssh.settings.config import Destination, destination

Resolve = Callable[..., list[tuple[Any, ...]]]

_MOST = 16
_LONGEST_CHAIN = 8


def addresses(device: Device, resolve: Resolve | None = None, *, path: Destination | None = None) -> tuple[str, ...]:
    """``address:port`` of the NETCONF server, one for each address that its name has, sorted; two entries that share
    one of them mean the same router.

    The SSH configuration counts (``HostName``, ``ProxyJump``). Behind a jump host or a ProxyCommand an address means
    something else than here, so the path is part of it, and a name stays a name, since only the other end can resolve
    it. So does a name that cannot be resolved here. *path*: where its connection goes, where that is known already.

    Raises:
        InputError: an SSH configuration that cannot be read.
    """
    return _addresses(path or destination(device), resolve or socket.getaddrinfo, _LONGEST_CHAIN)


def _addresses(path: Destination, resolve: Resolve, further: int) -> tuple[str, ...]:
    if path.jump is not None and further:
        own = _joined(_literal(path.host) or _name(path.host), path.port)
        return tuple(f"{own} via {outer}" for outer in _addresses(destination(path.jump), resolve, further - 1))
    if path.proxy_command is not None:
        # A digest, since the command may hold a password.
        through = hashlib.sha256(path.proxy_command.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return (f"{_joined(_literal(path.host) or _name(path.host), path.port)} by ProxyCommand {through}",)
    found = {_joined(host, path.port) for host in _resolved(path.host, resolve)}
    return tuple(sorted(found or {_joined(_name(path.host), path.port)})[:_MOST])


def _resolved(host: str, resolve: Resolve, flags: int = 0) -> set[str]:
    """Every address of *host* in its one spelling; none where it has none."""
    try:
        found = resolve(host, None, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError):  # connecting says why
        return set()
    return {_canonical(str(entry[4][0])) for entry in found}


def _literal(host: str) -> str | None:
    """*host* in its one spelling where it is an address, in whatever form the system takes one; nobody is asked."""
    return next(iter(_resolved(host, socket.getaddrinfo, socket.AI_NUMERICHOST)), None)


def _canonical(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def _name(host: str) -> str:
    """A name as DNS compares it."""
    return host.rstrip(".").lower()


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
