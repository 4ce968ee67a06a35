"""One session and one rpc: ours, stock ncclient, and bare paramiko with TCP_NODELAY, in turns on one server.

``python -m bench.rpc [--json] [--rounds N]`` prints medians and these ratios, theirs divided by ours:

- ``session_vs_stock``, ``session_vs_bare_paramiko``: open, one get, close;
- ``rpc_vs_stock``: one get on an open session.
"""

from __future__ import annotations

import argparse
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import paramiko
from ncclient import manager

import agent
from agent.netconf import operations, payload
from agent.netconf.framing import END_OF_MESSAGE, FrameReader, frame
from bench.measure import in_turns, report
from bench.servers import Servers, servers

_HELLO = (
    b'<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities>'
    b"<capability>urn:ietf:params:netconf:base:1.1</capability></capabilities></hello>"
)
_SUBTREE = payload.serialize(payload.template("filter-licensing")).decode()
_GET = (
    '<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="{}"><get><filter type="subtree">'
    f"{_SUBTREE}</filter></get></rpc>"
)
_CLOSE = b'<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="9"><close-session/></rpc>'


def _ours(at: Servers, known_hosts: Path) -> agent.Session:
    return agent.connect(
        agent.Device(
            "127.0.0.1",
            at.ports[0],
            username=at.username,
            password=agent.Secret(at.password),
            host_keys=agent.HostKeys(known_hosts),
        )
    )


def _stock(at: Servers) -> manager.Manager:
    return manager.connect(
        host="127.0.0.1",
        port=at.ports[0],
        username=at.username,
        password=at.password,
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=30,
    )


class _Bare:
    """As little as a paramiko client can do: connect, hello, one rpc, close."""

    def __init__(self, at: Servers) -> None:
        sock = socket.create_connection(("127.0.0.1", at.ports[0]))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport = paramiko.Transport(sock)
        self.transport.connect(username=at.username, password=at.password)
        self.channel = self.transport.open_session()
        self.channel.invoke_subsystem("netconf")
        self.frames = FrameReader()
        self.channel.sendall(_HELLO + END_OF_MESSAGE)
        self.read()
        self.frames.chunked = True

    def read(self) -> bytes:
        while (message := self.frames.next()) is None:
            self.frames.feed(self.channel.recv(65536))
        return message

    def call(self, message: bytes) -> bytes:
        self.channel.sendall(frame(message, chunked=True))
        return self.read()

    def close(self) -> None:
        self.call(_CLOSE)
        self.transport.close()


def _get_ours(session: agent.Session) -> None:
    operations.send_get(session, payload.template("filter-licensing")).result()


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with servers(1) as at, TemporaryDirectory() as folder:
        known_hosts = Path(folder, "known_hosts")
        known_hosts.write_text(at.host_keys[0] + "\n")

        def session_ours() -> None:
            with _ours(at, known_hosts) as session:
                _get_ours(session)

        def session_stock() -> None:
            with _stock(at) as client:
                client.get(("subtree", _SUBTREE))

        def session_bare() -> None:
            client = _Bare(at)
            client.call(_GET.format(1).encode())
            client.close()

        whole = in_turns(
            {
                "open+get+close, xr-agent": session_ours,
                "open+get+close, stock ncclient": session_stock,
                "open+get+close, bare paramiko": session_bare,
            },
            chosen.rounds,
        )
        with _ours(at, known_hosts) as session, _stock(at) as client:
            single = in_turns(
                {
                    "one get, xr-agent": lambda: _get_ours(session),
                    "one get, stock ncclient": lambda: client.get(("subtree", _SUBTREE)) and None,
                },
                chosen.rounds * 3,
            )
    ours, stock, bare = whole.values()
    rpc_ours, rpc_stock = single.values()
    report(
        "One session and one rpc on loopback",
        {**whole, **single},
        {
            "session_vs_stock": stock.median / ours.median,
            "session_vs_bare_paramiko": bare.median / ours.median,
            "rpc_vs_stock": rpc_stock.median / rpc_ours.median,
        },
        as_json=chosen.json,
    )


if __name__ == "__main__":
    main()
