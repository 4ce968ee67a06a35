"""Keepalives that a router does not answer: asyncssh would keep a task, and a place in a queue, for each of them."""

from __future__ import annotations

from typing import Any

_GLOBAL_REQUEST = 80  # RFC 4254 section 4
_NAME = b"keepalive@openssh.com"


def one_outstanding(conn: Any) -> None:
    """Have *conn* wait for one answer at most; a keepalive meanwhile wants none, and keeps firewalls' state as well."""
    waiting = False

    async def keep_alive() -> None:
        nonlocal waiting
        if waiting:
            conn.send_packet(_GLOBAL_REQUEST, len(_NAME).to_bytes(4), _NAME, b"\0")
            return
        waiting = True
        try:
            await type(conn)._make_keepalive_request(conn)
        finally:
            waiting = False

    conn._make_keepalive_request = keep_alive
