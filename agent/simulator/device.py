"""One simulated device: what each rpc does to it, and what it answers."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from agent.model.anchor import TrustAnchor
from agent.model.errors import InputError
from agent.simulator import oper
from agent.simulator.agent_state import State
from agent.simulator.datastore import Datastores
from agent.simulator.errors import Refusal, rpc_error, unknown_element
from agent.simulator.faults import Fault, FaultKind
from agent.simulator.models import Model, model
from agent.simulator.persona import Persona
from agent.simulator.subtree import select

if TYPE_CHECKING:
    from agent.simulator.server import NetconfSession

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
_PREFIX = "Cisco-IOS-XR-"
_OK = b"<ok/>"
_LARGEST_FETCH = 1 << 20


@dataclass
class Device:
    """A device under test.

    Attributes:
        state: certificates and licensing; config: running, candidate and locks. Both may be read and set by a test.
        log: (session-id, operation) of every rpc in the order of arrival; ``counters`` adds them up.
        faults: what is to go wrong.
    """

    name: str
    persona: Persona
    port: int = 0
    host_key: str = ""
    faults: list[Fault] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)
    sessions: dict[str, NetconfSession] = field(default_factory=dict)
    last_session: int = 0

    def __post_init__(self) -> None:
        self.state = State(self.persona)
        self._models = {name: model(file) for name, file in self.persona.modules.items()}
        configured = {one.namespace: one for name, one in self._models.items() if name.endswith("-cfg")}
        self.config = Datastores(configured, grants_dirty_lock=self.persona.grants_dirty_lock)
        self.hello = self._hello()
        if self.persona.enrollment or self.persona.certificate:
            self.configure("Trustpool", self.persona.enrollment or "terminal")

    @property
    def address(self) -> str:
        """``127.0.0.1:port``."""
        return f"127.0.0.1:{self.port}"

    def configure(self, name: str, enrollment: str) -> None:
        """Put a trustpoint into running and candidate, as somebody at the console would."""
        self.config.edit(etree.fromstring(f"<config>{self._trustpoint(name, enrollment)}</config>"), "merge", "console")
        self.config.running = self.config.get("candidate")
        self.config.discard()

    def dirty(self, name: str = "Trustpool", enrollment: str = "http://somebody.example/") -> None:
        """Leave the candidate changed by somebody else."""
        self.config.edit(etree.fromstring(f"<config>{self._trustpoint(name, enrollment)}</config>"), "merge", "console")

    def hold_lock(self, target: str = "running", session: str = "77") -> None:
        """Let another session hold a lock."""
        self.config.locks[target] = session

    def enrollment(self, name: str = "Trustpool") -> str | None:
        """The running enrollment of a trustpoint: ``terminal``, ``local``, a URL, or None."""
        for node in self.config.running:
            for entry in node.iter("{*}trustpoint"):
                key = next((child.text for child in entry if str(child.tag).endswith("name")), None)
                found = entry.find("{*}enrollment")
                if key == name and found is not None and len(found):
                    last = found[-1]
                    return (last.text or "").strip() or etree.QName(last).localname
        return None

    def trustpoints(self) -> list[str]:
        """The names of all configured trustpoints."""
        return [
            str(entry[0].text)
            for node in self.config.running
            for entry in node.iter("{*}trustpoint")
            if len(entry) and str(entry[0].tag).endswith("name")
        ]

    def _trustpoint(self, name: str, enrollment: str) -> str:
        if f"{_PREFIX}um-crypto-cfg" in self._models:
            kind = f"<{enrollment}/>" if enrollment in ("terminal", "local") else f"<url>{escape(enrollment)}</url>"
            return (
                f'<crypto xmlns="{self._models[f"{_PREFIX}um-crypto-cfg"].namespace}"><ca><trustpoint><trustpoints>'
                f"<trustpoint><trustpoint-name>{escape(name)}</trustpoint-name><enrollment>{kind}</enrollment>"
                "</trustpoint></trustpoints></trustpoint></ca></crypto>"
            )
        native = self._models[f"{_PREFIX}crypto-cepki-cfg"]
        root = "crypto-ca" if native.node(["crypto-ca"]) is not None else "crypto-cepki"
        return (
            f'<{root} xmlns="{native.namespace}"><certificate-authority><trustpoints><trustpoint>'
            f"<name>{escape(name)}</name><enrollment><url>{escape(enrollment)}</url></enrollment>"
            f"</trustpoint></trustpoints></certificate-authority></{root}>"
        )

    def _hello(self) -> bytes:
        listed = "".join(f"<capability>{escape(uri)}</capability>" for uri in self.persona.capabilities())
        return b'<hello xmlns="%b"><capabilities>%b</capabilities><session-id>%%b</session-id></hello>' % (
            BASE.encode(),
            listed.replace("%", "%%").encode(),
        )

    def fault(self, operation: str) -> Fault | None:
        """The fault that strikes this rpc, if any."""
        return next((fault for fault in self.faults if fault.strikes(operation)), None)

    async def answer(self, session: NetconfSession, message: bytes) -> bytes | None:
        """The reply to one rpc; None where none is sent."""
        try:
            root = etree.fromstring(message, etree.XMLParser(resolve_entities=False, no_network=True))
            body = root[0]
        except (etree.XMLSyntaxError, IndexError):
            return self._reply('message-id="0"', rpc_error("malformed-message", kind="rpc"))
        operation = etree.QName(body).localname
        self.log.append((session.session_id, operation))
        self.counters[operation] += 1
        attributes = " ".join(f"{key!s}={quoteattr(str(root.get(key)))}" for key in map(str, root.keys()))
        fault = self.fault(operation)
        if self.persona.latency:
            await asyncio.sleep(self.persona.latency)
        if fault is not None:
            early = await self._strike(session, fault, attributes)
            if early is not None:
                return early or None
        try:
            content = await self._perform(session, operation, body)
        except Refusal as refusal:
            content = refusal.xml
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            session.drop()
            return None
        if fault is not None and fault.kind is FaultKind.EMPTY:
            content = b"<data/>"
        return self._reply(attributes, content)

    async def _strike(self, session: NetconfSession, fault: Fault, attributes: str) -> bytes | None:
        """What a fault answers in place of the operation; empty for no answer, None where the operation goes on."""
        match fault.kind:
            case FaultKind.ERROR:
                return self._reply(attributes, fault.data or rpc_error("operation-failed"))
            case FaultKind.RAW:
                return fault.data
            case FaultKind.SILENT:
                return b""
            case FaultKind.DROP_BEFORE:
                session.drop()
                return b""
            case FaultKind.DELAY:
                await asyncio.sleep(fault.seconds)
        return None

    def _reply(self, attributes: str, content: bytes) -> bytes:
        return b'<rpc-reply xmlns="%b" %b>%b</rpc-reply>' % (BASE.encode(), attributes.encode(), content)

    async def _perform(self, session: NetconfSession, operation: str, body: etree._Element) -> bytes:
        if etree.QName(body).namespace == BASE:
            handler: Callable[[NetconfSession, etree._Element], bytes] | None = getattr(
                self, "_" + operation.replace("-", "_"), None
            )
            if handler is None:
                raise Refusal("operation-not-supported", kind="protocol")
            return handler(session, body)
        if operation == "get-schema":
            return self._schema(body)
        return await self._action(operation, body)

    # --- protocol operations -------------------------------------------------------------------------------------

    def _get(self, session: NetconfSession, body: etree._Element) -> bytes:
        return self._filtered(body, self.config.running + self._operational())

    def _get_config(self, session: NetconfSession, body: etree._Element) -> bytes:
        return self._filtered(body, self.config.get(_datastore(body, "source")))

    def _lock(self, session: NetconfSession, body: etree._Element) -> bytes:
        self.config.lock(_datastore(body, "target"), session.session_id)
        return _OK

    def _unlock(self, session: NetconfSession, body: etree._Element) -> bytes:
        self.config.unlock(_datastore(body, "target"), session.session_id)
        return _OK

    def _edit_config(self, session: NetconfSession, body: etree._Element) -> bytes:
        if _datastore(body, "target") != "candidate":
            raise Refusal("operation-not-supported", kind="protocol")
        content = body.find(f"{{{BASE}}}config")
        if content is None:
            raise Refusal("missing-element", kind="protocol", info="<bad-element>config</bad-element>")
        self.config.edit(content, body.findtext(f"{{{BASE}}}default-operation") or "merge", session.session_id)
        return _OK

    def _validate(self, session: NetconfSession, body: etree._Element) -> bytes:
        self.config.validate()
        return _OK

    def _commit(self, session: NetconfSession, body: etree._Element) -> bytes:
        self.config.commit(session.session_id)
        return _OK

    def _discard_changes(self, session: NetconfSession, body: etree._Element) -> bytes:
        self.config.discard()
        return _OK

    def _close_session(self, session: NetconfSession, body: etree._Element) -> bytes:
        session.closing = True
        self.config.leave(session.session_id)
        return _OK

    def _kill_session(self, session: NetconfSession, body: etree._Element) -> bytes:
        other = body.findtext(f"{{{BASE}}}session-id") or ""
        if other not in self.sessions or other == session.session_id:
            raise Refusal("invalid-value")
        self.sessions[other].drop()
        return _OK

    def _filtered(self, body: etree._Element, data: list[etree._Element]) -> bytes:
        wanted = body.find(f"{{{BASE}}}filter")
        if wanted is not None:
            # Several top-level subtrees in one filter return nothing, as on some releases.
            data = select(data, wanted) if len(wanted) == 1 else []
        return b"<data>" + b"".join(etree.tostring(node) for node in data) + b"</data>"

    # --- data and actions ----------------------------------------------------------------------------------------

    def _operational(self) -> list[etree._Element]:
        found = []
        if (cepki := self._models.get(f"{_PREFIX}crypto-cepki-oper")) is not None:
            shown = oper.trustpoints(cepki, self.state, self.trustpoints())
            found += [shown] if shown is not None else []
        if (licences := self._models.get(f"{_PREFIX}infra-smartlicense-oper")) is not None:
            found.append(oper.licensing(licences.namespace, self.state))
        if (install := self._models.get(f"{_PREFIX}install-oper")) is not None:
            found.append(oper.install(install.namespace, self.state))
        return found

    def _schema(self, body: etree._Element) -> bytes:
        name = body.findtext("{*}identifier") or ""
        file = self.persona.modules.get(name)
        if self.persona.no_get_schema or file is None:
            raise Refusal("operation-not-supported" if self.persona.no_get_schema else "invalid-value")
        text = file.path.read_text(encoding="utf-8")
        return f'<data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring">{escape(text)}</data>'.encode()

    async def _action(self, operation: str, body: etree._Element) -> bytes:
        module: Model | None = next(
            (one for one in self._models.values() if one.namespace == etree.QName(body).namespace), None
        )
        if module is None:
            raise Refusal(
                "unknown-namespace",
                kind="protocol",
                info=f"<bad-namespace>{etree.QName(body).namespace}</bad-namespace>",
            )
        if module.node([operation]) is None:
            raise unknown_element(operation)
        wrong = module.wrong_input(body)
        if wrong:
            raise Refusal("invalid-value", wrong)
        if operation == "ca-authenticate":
            await self._authenticate(body.findtext("{*}server-name") or "")
            return _OK
        if operation in ("renew-auth", "renew-id"):
            code = self.state.renew()
            status = "success" if code == "success" else "failed"
            return (
                f'<response xmlns="{module.namespace}"><operation-status>{status}</operation-status>'
                f"<return-code>{code}</return-code></response>"
            ).encode()
        raise Refusal("operation-not-supported")

    async def _authenticate(self, name: str) -> None:
        enrollment = self.enrollment(name)
        if enrollment is None:
            raise Refusal("operation-failed", "Trustpoint not found")
        if enrollment == "terminal":
            if self.persona.terminal_rpc == "refused":
                raise Refusal("operation-not-supported", "Operation not supported for terminal enrollment")
            if self.persona.terminal_rpc == "installs":
                self._install(name, self.persona.installs)
        elif enrollment.startswith("http://"):
            self._install(name, await asyncio.to_thread(_fetch, enrollment))

    def _install(self, name: str, pem: str) -> None:
        self.state.certificates[name] = pem
        self.state.authenticates += 1


def _fetch(url: str) -> str:
    """The PEM at *url*, as a router fetches it for ``enrollment url``."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - http only, checked by the caller
            return TrustAnchor.from_pem(answer.read(_LARGEST_FETCH)).pem
    except (urllib.error.URLError, OSError, InputError) as error:
        raise Refusal("operation-failed", f"Download failed, HTTP returned an error: {error}") from error


def _datastore(body: etree._Element, which: str) -> str:
    place = body.find(f"{{{BASE}}}{which}")
    if place is None or not len(place):
        raise Refusal("missing-element", kind="protocol", info=f"<bad-element>{which}</bad-element>")
    name = etree.QName(place[0]).localname
    if name not in ("running", "candidate"):
        raise Refusal("invalid-value", kind="protocol")
    return name
