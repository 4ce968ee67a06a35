"""What each rpc does to a device, and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from agent.simulator.datastores import trustpoints
from agent.simulator.datastores.rpcerrors import Refusal, rpc_error, unknown_element
from agent.simulator.device import actions
from agent.simulator.device.faults import Fault, FaultKind
from agent.simulator.device.prototype import BASE, CLI_CFG
from agent.simulator.device.simdevice import Device
from agent.simulator.netconf import operdata
from agent.simulator.netconf.subtree import select

_OK = b"<ok/>"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)
"""One for all sessions: they are served in one thread."""


class Session(Protocol):
    """The session that the rpcs come from.

    Attributes:
        busy: it has begun what it finishes even if its client is gone; dropped: it has ended, and nothing is answered.
        closing, dropping: it ends behind the answer, in order or without a word.
    """

    session_id: str
    busy: bool
    closing: bool
    dropped: bool
    dropping: bool

    def drop(self) -> None:
        """End the connection without a word, and what the session is about."""

    def cut(self, message: bytes) -> None:
        """Send half of a message, and end."""

    def raw(self, data: bytes) -> bool:
        """Send bytes as they are; whether their reader has to wait for more."""

    def reset(self) -> None:
        """Reset the TCP connection."""


class Rpcs:
    """Answers the rpcs of one session."""

    def __init__(self, device: Device, session: Session) -> None:
        self._device, self._session = device, session
        self._config = device.config

    async def answer(self, message: bytes) -> bytes | None:
        """The reply to one rpc; None where none is sent."""
        try:
            root = etree.fromstring(message, _PARSER)
            body = root[0]
        except (etree.XMLSyntaxError, IndexError):
            return _reply('message-id="0"', rpc_error("malformed-message", kind="rpc"))
        operation = etree.QName(body).localname
        if operation == "commit" and body.find(f"{{{BASE}}}persist-id") is not None:
            operation = "confirm"
        self._device.log.append((self._session.session_id, operation))
        self._device.counters[operation] += 1
        attributes = " ".join(f"{key!s}={quoteattr(str(root.get(key)))}" for key in map(str, root.keys()))
        fault = self._device.fault(operation, _selected(body))
        if self._device.persona.latency:
            await asyncio.sleep(self._device.persona.latency)
        if self._session.dropped:
            return None
        if fault is not None:
            early = await self._strike(fault, attributes, root.get("message-id", ""))
            if early is not None:
                return early or None
        try:
            content = await self._perform(operation, body)
        except Refusal as refusal:
            content = refusal.xml
        return self._struck(fault, _reply(attributes, content), attributes) if fault else _reply(attributes, content)

    def _struck(self, fault: Fault, reply: bytes, attributes: str) -> bytes | None:
        """What a fault makes of the answer to an operation that was done."""
        match fault.kind:
            case FaultKind.DROP_ANSWERED:
                self._session.dropping = True
            case FaultKind.DROP_AFTER:
                self._session.drop()
                return None
            case FaultKind.HALF:
                self._session.cut(reply)
                return None
            case FaultKind.REBOOT_AFTER:
                self._device.start_anew()
                return None
            case FaultKind.ERROR_AFTER:
                return _reply(attributes, fault.data or rpc_error("operation-failed"))
            case FaultKind.EMPTY:
                return _reply(attributes, b"<data/>")
        return reply

    async def _strike(self, fault: Fault, attributes: str, message: str) -> bytes | None:
        """What a fault answers in place of the operation; empty for no answer, None where the operation goes on."""
        endings = {
            FaultKind.DROP_BEFORE: self._session.drop,
            FaultKind.RESET: self._session.reset,
            FaultKind.REBOOT: self._device.start_anew,
            FaultKind.CRASH: self._device.end_server,
        }
        if fault.kind in endings:
            endings[fault.kind]()
            return b""
        number, silence = self._session.session_id, self._device.silence
        match fault.kind:
            case FaultKind.ERROR:
                return _reply(attributes, fault.data or rpc_error("operation-failed"))
            case FaultKind.RAW:
                return fault.data
            case FaultKind.SILENT:
                silence.swallow(number, message)
                return b""
            case FaultKind.GARBAGE:
                if self._session.raw(fault.data or b"\x00\xff garbage, and no frame\r\n" * 4):
                    silence.swallow(number, message)
                return b""
            case FaultKind.OTHER_COMMITS:
                self._device.other_commits()
            case FaultKind.HELD:
                await self._held()
            case FaultKind.DELAY:
                silence.postpone(number, message, self._config.clock() + fault.seconds)
                await self._device.pause(fault.seconds)
        return None

    async def _held(self) -> None:
        """Wait for the test; what was begun is done even if the client is gone by then."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._device.held.append(waiting)
        self._session.busy = True
        try:
            await waiting
        finally:
            self._session.busy = False

    async def _perform(self, operation: str, body: etree._Element) -> bytes:
        if etree.QName(body).namespace == BASE:
            handler = _PROTOCOL.get("commit" if operation == "confirm" else operation)
            if handler is None:
                raise Refusal("operation-not-supported", kind="protocol")
            return handler(self, body)
        if operation == "get-schema":
            return self._schema(body)
        return await self._action(operation, body)

    # --- protocol operations -------------------------------------------------------------------------------------

    def _get(self, body: etree._Element) -> bytes:
        wanted = body.find(f"{{{BASE}}}filter")
        rule = next(wanted.iterchildren("*"), None) if wanted is not None else None
        return _filtered(body, self._shown("running", body) + operdata.operational(self._device, rule))

    def _get_config(self, body: etree._Element) -> bytes:
        return _filtered(body, self._shown(_datastore(body, "source"), body))

    def _shown(self, source: str, body: etree._Element) -> list[etree._Element]:
        """The configuration as NETCONF shows it; as CLI text, too, where that is asked for."""
        nodes = [node for node in self._config.get(source) if etree.QName(node).namespace != trustpoints.CONSOLE]
        if body.find(f"{{{BASE}}}filter/{{{CLI_CFG}}}cli") is not None and self._device.persona.cli_cfg_readable:
            leaf = etree.Element(f"{{{CLI_CFG}}}cli", nsmap={None: CLI_CFG})  # type: ignore[dict-item] # None is the default
            leaf.text = self._device.cli_text(source)
            nodes += [leaf] if f"{trustpoints.PREFIX}cli-cfg" in self._device.models and leaf.text else []
        return nodes

    def _lock(self, body: etree._Element) -> bytes:
        self._config.lock(_datastore(body, "target"), self._session.session_id)
        return _OK

    def _unlock(self, body: etree._Element) -> bytes:
        self._config.unlock(_datastore(body, "target"), self._session.session_id)
        return _OK

    def _edit_config(self, body: etree._Element) -> bytes:
        if _datastore(body, "target") != "candidate":
            raise Refusal("operation-not-supported", kind="protocol")
        content = body.find(f"{{{BASE}}}config")
        if content is None:
            raise Refusal("missing-element", kind="protocol", info="<bad-element>config</bad-element>")
        default = body.findtext(f"{{{BASE}}}default-operation") or "merge"
        self._config.edit(content, default, self._session.session_id, body.findtext(f"{{{BASE}}}error-option"))
        return _OK

    def _validate(self, body: etree._Element) -> bytes:
        self._config.validate()
        return _OK

    def _commit(self, body: etree._Element) -> bytes:
        def leaf(name: str) -> str | None:
            return body.findtext(f"{{{BASE}}}{name}")

        session = self._session.session_id
        if body.find(f"{{{BASE}}}confirmed") is not None and self._device.persona.confirmed_commit:
            timeout = float(leaf("confirm-timeout") or 600)
            self._config.commit_confirmed(
                session, timeout=timeout, persist=leaf("persist"), persist_id=leaf("persist-id")
            )
        elif (persist := leaf("persist-id")) is not None:
            self._config.confirm(session, persist)
        else:
            self._config.commit(session)
        return _OK

    def _cancel_commit(self, body: etree._Element) -> bytes:
        self._config.cancel(self._session.session_id, body.findtext(f"{{{BASE}}}persist-id"))
        return _OK

    def _discard_changes(self, body: etree._Element) -> bytes:
        self._config.discard(self._session.session_id)
        return _OK

    def _close_session(self, body: etree._Element) -> bytes:
        self._session.closing = True
        self._config.leave(self._session.session_id)
        return _OK

    def _kill_session(self, body: etree._Element) -> bytes:
        self._device.kill(body.findtext(f"{{{BASE}}}session-id") or "", by=self._session.session_id)
        return _OK

    # --- the modules' own ----------------------------------------------------------------------------------------

    def _schema(self, body: etree._Element) -> bytes:
        persona = self._device.persona
        file = persona.modules.get(body.findtext("{*}identifier") or "")
        if not persona.offers_get_schema or file is None:
            raise Refusal("invalid-value" if persona.offers_get_schema else "operation-not-supported")
        text = file.path.read_text(encoding="utf-8")
        return f'<data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring">{escape(text)}</data>'.encode()

    async def _action(self, operation: str, body: etree._Element) -> bytes:
        namespace = etree.QName(body).namespace
        module = next((one for one in self._device.models.values() if one.namespace == namespace), None)
        if module is None:
            raise Refusal("unknown-namespace", kind="protocol", info=f"<bad-namespace>{namespace}</bad-namespace>")
        if module.node([operation]) is None:
            raise unknown_element(operation)
        wrong = module.wrong_input(body)
        if wrong:
            raise Refusal("invalid-value", wrong)
        output = await actions.perform(self._device, operation, body)
        if output is None:
            return _OK
        wrapped = etree.Element("output", nsmap={None: module.namespace})  # type: ignore[dict-item] # None is the default
        for name, value in output.items():
            operdata.build(wrapped, name, value, module.namespace)
        return b"".join(etree.tostring(node) for node in wrapped)


_PROTOCOL: dict[str, Callable[[Rpcs, etree._Element], bytes]] = {
    name.lstrip("_").replace("_", "-"): getattr(Rpcs, name)
    for name in (
        "_get",
        "_get_config",
        "_lock",
        "_unlock",
        "_edit_config",
        "_validate",
        "_commit",
        "_cancel_commit",
        "_discard_changes",
        "_close_session",
        "_kill_session",
    )
}


def _reply(attributes: str, content: bytes) -> bytes:
    return b'<rpc-reply xmlns="%b" %b>%b</rpc-reply>' % (BASE.encode(), attributes.encode(), content)


def _selected(body: etree._Element) -> str:
    """The name of the first tree that a get's or get-config's filter selects; empty for none."""
    rule = next(body.iterfind(f"{{{BASE}}}filter/*"), None)
    return "" if rule is None else etree.QName(rule).localname


def _filtered(body: etree._Element, data: list[etree._Element]) -> bytes:
    wanted = body.find(f"{{{BASE}}}filter")
    if wanted is not None:
        # Several top-level subtrees in one filter return nothing, as on some releases.
        data = select(data, wanted) if len(wanted) == 1 else []
    return b"<data>" + b"".join(etree.tostring(node) for node in data) + b"</data>"


def _datastore(body: etree._Element, which: str) -> str:
    place = body.find(f"{{{BASE}}}{which}")
    if place is None or not len(place):
        raise Refusal("missing-element", kind="protocol", info=f"<bad-element>{which}</bad-element>")
    name = etree.QName(place[0]).localname
    if name not in ("running", "candidate"):
        raise Refusal("invalid-value", kind="protocol")
    return name
