"""The demo's scenes, and the stage they are played on: simulated routers, one foreign lock, one web server."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from agent.model.pki.anchor import TrustAnchor
from agent.model.plan import VerdictKind

if TYPE_CHECKING:
    from agent.simulator import Persona, Simulator

_LOCKED_FOR = 0.5
"""Seconds for which somebody holds a lock after a push was refused it."""
_NEIGHBOUR = "4711"
"""The session that holds a lock."""
_CLOSED = 1
"""The CLI's port of a router without one: nothing answers there."""
_BUSY = (
    b'<rpc-error xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><error-type>protocol</error-type>'
    b"<error-tag>in-use</error-tag><error-severity>error</error-severity>"
    b"<error-message>A trial commit is underway</error-message></rpc-error>"
)


@dataclass(frozen=True)
class Scene:
    """One router: what it is like, and how it should end.

    Attributes:
        persona: the simulated device's settings beside its release.
        end: the outcome with the kind of its error, or the verdict where nothing is pushed.
        retried: whether something has to be repeated on the way.
        fetches: enrollment url instead of terminal; busy: the first commit is refused in passing; locked: somebody
            holds the lock for a while; bundle: the root is imported into the trustpool.
        assumed: whether the end rests on something that was never seen on hardware.
    """

    name: str
    release: str
    story: str
    verdict: VerdictKind
    end: str
    persona: Mapping[str, object] = field(default_factory=dict)
    retried: bool = False
    fetches: bool = False
    busy: bool = False
    locked: bool = False
    bundle: bool = False
    assumed: bool = False


_INSTALLS = {"terminal_rpc": "installs"}
SCENES = (
    Scene("r1", "7.4.1", "affected; installs over the rpc", VerdictKind.AFFECTED, "remedied", _INSTALLS, assumed=True),
    Scene(
        "r2",
        "7.3.2",
        "affected; no licensing model; the router fetches the root from a URL",
        VerdictKind.AFFECTED,
        "remedied",
        fetches=True,
    ),
    Scene(
        "r3",
        "7.5.1",
        "affected; the first commit is refused in passing",
        VerdictKind.AFFECTED,
        "remedied",
        _INSTALLS,
        retried=True,
        busy=True,
        assumed=True,
    ),
    Scene(
        "r4",
        "7.3.3",
        "affected; somebody holds the lock for a while",
        VerdictKind.AFFECTED,
        "remedied",
        retried=True,
        fetches=True,
        locked=True,
    ),
    Scene(
        "r5",
        "7.4.1",
        "affected; the rpc answers ok and brings nothing, the dialog at the CLI does",
        VerdictKind.AFFECTED,
        "remedied",
        retried=True,
    ),
    Scene("r6", "6.6.3", "affected; no model carries trustpoints: typed at the CLI", VerdictKind.AFFECTED, "remedied"),
    Scene(
        "r7", "7.9.2", "remedied before", VerdictKind.REMEDIED, "unchanged", {"certificate": TrustAnchor.bundled().pem}
    ),
    Scene(
        "r8",
        "24.2.1",
        "healthy: a later release, and contact works",
        VerdictKind.NOT_AFFECTED,
        "not-affected",
        {"contact": True},
    ),
    Scene(
        "r9",
        "7.4.1",
        "healthy: licences come from an on-prem server",
        VerdictKind.NOT_AFFECTED,
        "not-affected",
        {"transport": "smart", "url": "https://ssm.example/SmartTransport"},
    ),
    Scene(
        "r10",
        "7.2.1",
        "affected; a bundle goes into the trustpool, which a reload keeps",
        VerdictKind.AFFECTED,
        "remedied",
        bundle=True,
    ),
    Scene(
        "r11",
        "6.1.3",
        "old, and its SSH port is closed: nothing can be done from here",
        VerdictKind.UNKNOWN,
        "skipped",
        {"ssh": False},
    ),
)


class Stage:
    """What is running while the demo plays, and the files in *folder* by which the commands reach it."""

    def __init__(self, simulator: Simulator, folder: Path, url: str) -> None:
        self.url, self.folder = url, folder
        self._simulator = simulator
        self._ended = threading.Event()
        self._neighbours: list[threading.Thread] = []
        rows = ["name,host,port,ssh_port"]
        for scene in SCENES:
            played = simulator.add(persona(scene), name=scene.name)
            rows.append(f"{scene.name},127.0.0.1,{played.port},{played.ssh_port or _CLOSED}")
        for name, text in (
            ("routers.csv", "\n".join([*rows, ""])),
            ("known_hosts", simulator.known_hosts()),
            ("password", simulator.password),
            ("bundle.pem", TrustAnchor.bundled().pem),
        ):
            (folder / name).write_text(text, encoding="utf-8")

    @property
    def reach(self) -> tuple[str, ...]:
        """The options by which a command reaches the routers, their host keys really checked."""
        files = ("--password-file", self.folder / "password", "--known-hosts", self.folder / "known_hosts")
        return ("--username", self._simulator.username, *map(str, files), "--ssh-config", os.devnull)

    def host(self, scene: Scene) -> tuple[str, ...]:
        """The scene's router as HOST."""
        played = self._simulator.devices[scene.name]
        return ("127.0.0.1", "--port", str(played.port), "--ssh-port", str(played.ssh_port or _CLOSED))

    def begin_trouble(self) -> None:
        """What is to go wrong in the pushes, from now on."""
        from agent.simulator import Fault, FaultKind

        for scene in SCENES:
            if scene.busy:
                self._simulator.devices[scene.name].faults.append(Fault("commit", FaultKind.ERROR, _BUSY))
            if scene.locked:
                self._hold(scene)

    def _hold(self, scene: Scene) -> None:
        """Somebody has running locked until a push was refused it, and a little longer."""
        played = self._simulator.devices[scene.name]
        played.config.lock("running", _NEIGHBOUR)

        def give_back() -> None:
            while not (played.counters["lock"] or self._ended.wait(0.05)):
                pass
            self._ended.wait(_LOCKED_FOR)
            played.config.unlock("running", _NEIGHBOUR)

        self._neighbours.append(threading.Thread(target=give_back, name="neighbour"))
        self._neighbours[-1].start()

    def close(self) -> None:
        """End what :meth:`begin_trouble` began."""
        self._ended.set()
        for one in self._neighbours:
            one.join()


def persona(scene: Scene) -> Persona:
    """The simulated device of *scene*."""
    from agent.simulator import Persona

    return Persona(release=scene.release, **scene.persona)  # type: ignore[arg-type] # one mapping for settings of all types


@contextmanager
def stage() -> Iterator[Stage]:
    """Routers, their known_hosts file and the web server, for as long as the block lasts."""
    from agent.simulator import Simulator

    with tempfile.TemporaryDirectory() as folder, _web() as url, Simulator() as simulator:
        made = Stage(simulator, Path(folder), url)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def _web() -> Iterator[str]:
    """The URL of the bundled root on a web server of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Root)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="web", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/root.pem"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Root(BaseHTTPRequestHandler):
    """Serves the bundled root, whatever is asked for."""

    def do_GET(self) -> None:
        """Answer one request."""
        body = TrustAnchor.bundled().pem.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: stderr belongs to the demo."""
