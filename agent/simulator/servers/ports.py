"""Ports of 127.0.0.1 for simulated devices: one that is named, any, or thousands."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

MANY = range(10000, 65536)
"""Where thousands of devices get theirs, lowest first.

Most systems give clients theirs from 32768 on: there the system's own search for a free one takes minutes when half of
them are taken, and clients would find none.
"""


def bound(port: int, *, again: bool = True) -> socket.socket:
    """A socket that does not listen yet on *port*, on any free one for 0; *again* if it was somebody's a moment ago.

    Raises:
        OSError: the port is taken, or no free one is left.
    """
    with ExitStack() as undo:
        sock = undo.enter_context(socket.socket())
        if port and again:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        undo.pop_all()
    return sock


def free(ports: Iterable[int]) -> Iterator[socket.socket]:
    """Such sockets on those of *ports* that nobody has.

    Raises:
        OSError: nobody has none of those that are left, or there are no file descriptors.
    """
    for port in ports:
        try:
            sock = bound(port, again=False)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            yield sock
    raise OSError(errno.EADDRNOTAVAIL, "no port is free")
