"""Every way from untrusted bytes to a value, as a function: it returns, or a bug in it raises what is no AgentError.

tests/properties and the targets of tests/fuzz call the same ones. The first byte chooses a variant where there is one.
"""

from __future__ import annotations

import io
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from agent.cli.input.unpack import DAMAGE, texts
from agent.cli.view import render
from agent.fleet.results import objects
from agent.model.device import Device, Secret
from agent.model.errors import AgentError, InputError, RPCError, SessionLost
from agent.model.local.clock import Clock
from agent.model.masking.text import neutralise, without_secrets
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle
from agent.model.pki.certificate import CONSOLE, Certificate, Evidence
from agent.model.plan import Intent
from agent.model.state import Access, Reading, Software, State
from agent.netconf.framing import frame
from agent.netconf.payload import parse, template, to_dict
from agent.netconf.pending import Pending, Reply
from agent.netconf.query import Query
from agent.netconf.retry import classify
from agent.netconf.session import Session
from agent.netconf.transport import DirectSession
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema
from agent.remedy.access import access
from agent.remedy.assess import assess
from agent.remedy.notices.folder import FILE, ROOT, bundled
from agent.remedy.notices.folder import read as read_notice
from agent.remedy.plan import plan
from agent.remedy.support import of_hello
from agent.simulator import Persona
from agent.ssh.settings.knownhosts import KnownHosts, Recorded
from agent.ssh.settings.syntax import configuration
from agent.xr import callhome, httpclient, licensing, shellutil, software, syslog, trustpoint
from agent.xr import destination as transport
from agent.xr.cli import console, dialog, show
from agent.xr.cli.dialog import AuthenticateDialog
from agent.xr.cli.listening import Stop, one_line
from agent.xr.cli.prompts import Prompts
from agent.xr.cli.terminal import Terminal
from agent.xr.logs.scan import Findings, scan

HERE = Path(__file__).parent
ANCHOR = TrustAnchor.bundled()
INTENT = Intent(ANCHOR)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
NAME = "Trustpool"
# Releases whose models differ: cli-cfg, crypto-cepki-cfg, um-crypto-cfg, and ever more that can be read.
RELEASES = ("6.7.1", "7.3.2", "7.8.1", "24.2.1", "26.1.2")
MODULES = (licensing.ACT, trustpoint.ACT, shellutil.COPY, shellutil.DELETE, shellutil.DIR)
BASE = "urn:ietf:params:netconf:base"
NS = "urn:ietf:params:xml:ns:netconf:base:1.0"
END = b"]]>]]>"


class Model:
    """A device of one release: what it announces, allows and can be asked."""

    def __init__(self, release: str) -> None:
        self.uris = Persona(release=release).capabilities()
        self.capabilities = Capabilities.from_uris(self.uris)
        self.schema = Schema(self.capabilities)
        self.access: Access = access(self.capabilities, self.schema)
        schema = self.schema
        self.queries: dict[str, Query[Any]] = {
            "config": trustpoint.config_query(schema, self.access.config_model, NAME),
            "certificate": trustpoint.certificate_query(schema, NAME),
            "licensing": licensing.query(schema),
            "release": software.release_query(schema),
            "fixes": software.fixes_query(schema),
            "syslog": syslog.query(schema, bundled().signatures),
            "http_client": httpclient.query(schema),
            "name_validation": httpclient.names_query(schema),
            "reporting": licensing.reporting_query(schema),
            **{f"transport-{place}": query for place, query in enumerate(transport.queries(schema))},
        }


@cache
def model(release: str) -> Model:
    return Model(release)


class _Nowhere:
    """A channel that takes everything to nowhere."""

    def sendall(self, data: bytes) -> None:
        """What is sent goes nowhere."""

    def close(self) -> None:
        """There is nothing to end."""


def cut(data: bytes, size: int) -> list[bytes]:
    """*data* in pieces of *size*, none of them empty."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def heard(pieces: Sequence[bytes], *, base_11: bool = True) -> tuple[DirectSession, Pending]:
    """What our session makes of *pieces* after a good hello, and the answer to its first rpc."""
    listed = "".join(f"<capability>{BASE}:1.{minor}</capability>" for minor in ((0, 1) if base_11 else (0,)))
    hello = f'<hello xmlns="{NS}"><capabilities>{listed}</capabilities><session-id>1</session-id></hello>'
    return _run([hello.encode() + END, *pieces])


def _run(pieces: Sequence[bytes]) -> tuple[DirectSession, Pending]:
    direct = DirectSession(Device("router"))
    channel: Any = _Nowhere()
    direct.use(channel)
    session = Session(direct, device="router")
    pending = session.send(template("get"), operation="get", timeout=0.0)
    for piece in (*pieces, b""):
        direct.received(piece)
    return direct, pending


def reply(data: bytes) -> None:
    """What follows the hello: framed by the device, or framed here so that the XML is reached."""
    mode, rest = data[:1] or b"\0", data[1:]
    chunked, framed = bool(mode[0] & 1), bool(mode[0] & 2)
    wire = rest if framed else frame(rest, chunked=chunked)
    _, pending = heard(cut(wire, 1 + (mode[0] >> 2)), base_11=chunked)
    try:
        answer = pending.result()
    except RPCError as error:
        classify(error)
        printed(str(error), objects.failure(error))
        return
    except AgentError as error:
        printed(str(error), objects.failure(error))
        return
    _judged(RELEASES[mode[0] % len(RELEASES)], answer)


def _judged(release: str, answer: Reply) -> None:
    """All that is read from an answer of a device of *release*, what follows from it, and how it is shown."""
    device = model(release)
    for module in MODULES:
        with suppress(AgentError):
            device.schema.decode(answer.root, module=module)
    if answer.data is None:
        return
    printed("", without_secrets(to_dict(answer.data)))
    readings: dict[str, Any] = {}
    for name, query in device.queries.items():
        if query.decode is None:
            readings[name] = Reading(missing=query.missing or "not asked")
            continue
        try:
            readings[name] = Reading(query.decode(answer.data), query.source)
        except AgentError as error:
            readings[name] = Reading(missing=error.message, source=query.source)
    if not any(reading.value for reading in readings.values()):
        return
    release_reading, fixes = readings.pop("release"), readings.pop("fixes")
    places = [readings.pop(name) for name in [*readings] if name.startswith("transport-")]
    client = readings.pop("http_client")
    readings["peer_verification"] = client.part(lambda shown: shown.peer)
    readings["host_verification"] = client.part(lambda shown: shown.host)
    _shown(
        State(
            device="router",
            trustpoint=NAME,
            access=device.access,
            software=Reading(Software(release_reading.value, fixes.value or frozenset()), "install-oper"),
            transport=transport.merged(places),
            **readings,
        )
    )


def _shown(state: State) -> None:
    """What is decided from a state, and what people and programs get to see of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cryptography's, on what it still takes
        made, verdict = plan(INTENT, state), assess(state, ANCHOR, NOW)
    # Made, not printed: rich takes ten times as long as all the rest.
    render.show_view(state, None), render.plan_view(made), render.verdict_view(verdict, NOW)
    printed("", objects.show_object(state, address=None))
    printed("", objects.plan_object(made, ANCHOR, address=None))
    printed("", objects.assess_object(verdict))


def printed(text: str, value: object = None) -> None:
    """That neither *text*, neutralised as it is for a terminal, nor *value* as JSON acts on one."""
    for said in (neutralise(text, lines=True), objects.dump(value, "jsonl")):
        bad = re.search("[^\n\x20-\x7e\xa0-\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\U0010ffff]", said)
        if bad is not None:
            raise AssertionError(f"a terminal would obey U+{ord(bad.group()):04X}")


def hello(data: bytes) -> None:
    """A hello over NETCONF, and one captured in a file."""
    direct, _ = _run(cut(data + END, 1000))
    with suppress(AgentError):
        Session(direct, device="router")
    with suppress(AgentError):
        of_hello(data)


class _Time(Clock):
    """The time of a scripted CLI."""

    def __init__(self, cli: Scripted) -> None:
        self._cli = cli

    def now(self) -> float:
        return self._cli.passed


class Scripted(Terminal):
    """The CLI of a router that says *pieces*, whatever is typed."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self.device, self.timeout = "router", 5.0
        self._head = self._rest = self._untold = ""
        self._tap = None
        self.passed = 0.0
        self._clock = _Time(self)
        self.prompts = Prompts("RP/0/RP0/CPU0:router")
        # After each piece there is silence, so that a question is taken for one.
        self._pieces = [said for piece in pieces for said in (piece, "")]
        self.typed: list[str] = []

    def write(self, text: str) -> None:
        self.typed.append(text)

    def close(self) -> None:
        self._pieces.clear()

    def drain(self) -> None:
        self._rest = ""

    def _receive(self, wait: float) -> str:
        if not self._pieces:
            raise SessionLost("the CLI session ended while being read", device=self.device)
        piece = self._pieces.pop(0)
        self.passed += 0.0 if piece else wait
        return piece


def prompts(data: bytes) -> None:
    """The dialog of ``crypto ca authenticate``, in pieces that a null byte ends; only the anchor is ever accepted."""
    pieces = [piece.decode("utf-8", "replace").replace("\r\n", "\n") for piece in data.split(b"\0")]
    cli = Scripted(pieces)
    try:
        accepted = AuthenticateDialog(cli, NAME, ANCHOR, 5.0).run()
    except AgentError as error:
        printed(str(error), objects.failure(error))
        return
    if accepted.proves(ANCHOR) in (None, Evidence.NONE):
        raise AssertionError(f"accepted is {accepted.name}")


def commands(data: bytes) -> None:
    """What a command prints, up to its prompt."""
    cli = Scripted([piece.decode("utf-8", "replace") for piece in data.split(b"\0")])
    try:
        said = cli.command("show x")
    except AgentError as error:
        printed(str(error))
        return
    if said.stop not in (Stop.EXEC, Stop.CONFIG):
        raise AssertionError(f"a command ended at a {said.stop.value}")
    for pattern in (console.REFUSED, console.COMMIT_REFUSED):
        pattern.search(said.text)
    console.only_takes_time(said.text)
    for line in said.text.splitlines():
        console.import_fails(line, "/tmp/a")
        console.shell_fails(line, ("/a", "/tmp/a"))
    printed(one_line(said.text))


def shows(data: bytes) -> None:
    """Output of show commands, read by all parsers, and a state made of what they found."""
    text = data.decode("utf-8", "replace")
    shown, found = show.version(text), show.licensing(text)
    urls = callhome.of_text(text) or ()
    httpclient.of_text(text)
    dialog.FAILURE.search(text)
    show.printed_certificate(text)
    show.clock(text)
    readings: dict[str, Any] = {
        "config": Reading(show.trustpoint_config(text, NAME), CONSOLE),
        "certificate": Reading(show.certificates(text, NAME), CONSOLE),
        "licensing": Reading(found, CONSOLE),
        "software": Reading(Software(shown.release if shown else None, show.fixes(text)), CONSOLE),
        "trustpool": Reading(show.trustpool(text), CONSOLE),
        "transport": Reading(transport.of_text(text), CONSOLE),
    }
    if shown or found or urls or readings["certificate"].value or readings["config"].value:
        _shown(State(device="router", trustpoint=NAME, access=model("6.7.1").access, **readings))


def certificates(data: bytes) -> None:
    """An anchor, a bundle, and the certificate-data of a device."""
    for read in (
        lambda: TrustAnchor.from_pem(data),
        lambda: Bundle.from_bytes(data),
        lambda: Certificate(pem=data.decode("utf-8", "replace")).proves(ANCHOR),
    ):
        with suppress(AgentError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read()


def logs(data: bytes) -> None:
    """A collector's text, as it is or packed; no more hosts than lines are found in it."""
    found = Findings()
    with suppress(*DAMAGE):
        for name, text in texts(io.BytesIO(data), "log"):
            if not isinstance(text, InputError):
                scan(text, bundled().signatures, found, unknown=name)
    for host in found.hosts.values():
        printed(host.host, objects.syslog_object(host))


def files(data: bytes) -> None:
    """Small files that the user names."""
    KnownHosts(data.decode("utf-8", "replace").splitlines()).of("router", HERE, Recorded())
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with suppress(AgentError):
            Secret.from_file(Path(file.name))
        with suppress(AgentError):
            configuration(Path(file.name))  # read, not applied: Match exec runs what it says
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_bytes(data)
        (Path(folder) / ROOT).write_text(TrustAnchor.bundled().pem)
        with suppress(AgentError):
            read_notice(folder)


def documents(data: bytes) -> None:
    """Any XML at all."""
    with suppress(AgentError):
        parse(data)


TARGETS: dict[str, tuple[Callable[[bytes], None], ...]] = {
    "reply": (reply,),
    "console": (prompts, commands, shows),
    "files": (hello, certificates, logs, files, documents),
}
"""The fuzz targets: each gives its bytes to all of these."""


def corpus(target: str) -> Iterator[Path]:
    """The files that a target begins with."""
    return iter(sorted((HERE / "corpus" / target).iterdir()))
