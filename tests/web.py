"""Web servers on loopback: simulated routers fetch files from one, the other takes notifications."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@contextmanager
def served(content: bytes) -> Iterator[str]:
    """The URL under which *content* is, whatever follows its last slash."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/file"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Hook:
    """What takes notifications.

    Attributes:
        url: where; bodies, headers: what was posted by then, and with which headers.
        answers: the statuses of the next answers, then 200; silent: whether it answers none.
    """

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    silent: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)

    def took(self, path: str, body: bytes, headers: dict[str, str]) -> int:
        """Its answer to what is posted."""
        self.bodies.append(json.loads(body))
        self.headers.append({**headers, "path": path})
        if self.silent:
            self._ended.wait()
        return self.answers.pop(0) if self.answers else 200

    @property
    def events(self) -> list[str]:
        """What was posted of a run, in its order."""
        return [str(body["event"]) for body in self.bodies]


@contextmanager
def hook(context: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """A server that takes what is posted to it, by TLS where there is a *context*."""
    made = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = made.took(self.path, body, dict(self.headers.items()))
            self.send_response(status)
            if status in (301, 302, 307, 308):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    with _Quiet(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        made.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            made._ended.set()
            server.shutdown()
            thread.join()


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that hangs up, or does not trust the certificate, is none of ours."""
