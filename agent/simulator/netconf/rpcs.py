"""What each rpc does to a device, and what it answers."""

from __future__ import annotations

import asyncio
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from agent.simulator.datastores import trustpoints
from agent.simulator.datastores.rpcerrors import Refusal, rpc_error, unknown_element
from agent.simulator.device import actions
from agent.simulator.device.faults import Fault, FaultKind
from agent.simulator.device.prototype import BASE, CLI_CFG
from agent.simulator.netconf import operdata
from agent.simulator.netconf.subsystem import Channel
from agent.simulator.netconf.subtree import select

_OK = b"<ok/>"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)
"""One for all sessions: they are served in one thread."""


class NetconfSession(Channel):
    """A session with the netconf subsystem: its rpcs, as the device takes them."""

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
        self._device.log.append((self.session_id, operation))
        self._device.counters[operation] += 1
        attributes = " ".join(f"{key!s}={quoteattr(str(root.get(key)))}" for key in map(str, root.keys()))
        rule = _rule(body)
        fault = self._device.fault(operation, "" if rule is None else etree.QName(rule).localname)
        if self._device.persona.latency:
            await asyncio.sleep(self._device.persona.latency)
        if self.dropped:
            return None
        if fault is not None:
            if fault.kind is FaultKind.OVERTAKEN:
                self.overtaken.append(lambda: self._done(operation, body, attributes))
                return None
            early = await self._strike(fault, attributes, root.get("message-id", ""))
            if early is not None:
                return early or None
        reply = await self._done(operation, body, attributes)
        return self._struck(fault, reply, attributes) if fault else reply

    async def _done(self, operation: str, body: etree._Element, attributes: str) -> bytes:
        try:
            content = await self._perform(operation, body)
        except Refusal as refusal:
            content = refusal.xml
        return _reply(attributes, content)

    def _struck(self, fault: Fault, reply: bytes, attributes: str) -> bytes | None:
        """What a fault makes of the answer to an operation that was done."""
        match fault.kind:
            case FaultKind.DROP_ANSWERED:
                self.dropping = True
            case FaultKind.DROP_AFTER:
                self.drop()
                return None
            case FaultKind.HALF:
                self.cut(reply)
                return None
            case FaultKind.REBOOT_AFTER:
                self._device.reload()
                return None
            case FaultKind.ERROR_AFTER:
                return _reply(attributes, fault.data or rpc_error("operation-failed"))
            case FaultKind.EMPTY:
                return _reply(attributes, b"<data/>")
        return reply

    async def _strike(self, fault: Fault, attributes: str, message: str) -> bytes | None:
        """What a fault answers in place of the operation; empty for no answer, None where the operation goes on."""
        endings = {
            FaultKind.DROP_BEFORE: self.drop,
            FaultKind.RESET: self._connection.reset,
            FaultKind.REBOOT: self._device.reload,
            FaultKind.CRASH: self._device.crash,
        }
        if fault.kind in endings:
            endings[fault.kind]()
            return b""
        number, silence = self.session_id, self._device.silence
        match fault.kind:
            case FaultKind.ERROR:
                return _reply(attributes, fault.data or rpc_error("operation-failed"))
            case FaultKind.RAW:
                return fault.data
            case FaultKind.SILENT:
                silence.swallow(number, message)
                return b""
            case FaultKind.GARBAGE:
                if self.raw(fault.data or b"\x00\xff garbage, and no frame\r\n" * 4):
                    silence.swallow(number, message)
                return b""
            case FaultKind.OTHER_COMMITS:
                self._device.other_commits()
            case FaultKind.HELD:
                await self._held()
            case FaultKind.DELAY:
                silence.postpone(number, message, self._device.config.clock() + fault.seconds)
                await self._device.pause(fault.seconds)
        return None

    async def _held(self) -> None:
        """Wait for the test; what was begun is done even if the client is gone by then."""
        released = asyncio.Event()
        self._device.held.append(released)
        self.busy = True
        try:
            await released.wait()
        finally:
            self.busy = False

    async def _perform(self, operation: str, body: etree._Element) -> bytes:
        if etree.QName(body).namespace == BASE:
            return self._read(operation, body) or await self._protocol(operation, body)
        if operation == "get-schema":
            return self._schema(body)
        return await self._action(operation, body)

    # --- protocol operations -------------------------------------------------------------------------------------

    def _read(self, operation: str, body: etree._Element) -> bytes | None:
        """The data of get and get-config, None for the others."""
        if operation == "get":
            return _filtered(body, self._shown("running", body) + operdata.operational(self._device, _rule(body)))
        return _filtered(body, self._shown(_datastore(body, "source"), body)) if operation == "get-config" else None

    async def _protocol(self, operation: str, body: etree._Element) -> bytes:
        config, session = self._device.config, self.session_id
        match operation:
            case "lock":
                config.lock(_datastore(body, "target"), session)
            case "unlock":
                config.unlock(_datastore(body, "target"), session)
            case "edit-config":
                self._edit(body)
            case "validate":
                config.validate()
            case "commit" | "confirm":
                await self._commit(body)
            case "cancel-commit":
                config.idle(session)
                await self._serve("commit", body)
                config.cancel(session, _leaf(body, "persist-id"))
            case "discard-changes":
                config.discard(session)
            case "close-session":
                self.closing = True
                config.leave(session)
            case "kill-session":
                self._device.kill(_leaf(body, "session-id") or "", by=session)
            case _:
                raise Refusal("operation-not-supported", kind="protocol")
        return _OK

    def _shown(self, source: str, body: etree._Element) -> list[etree._Element]:
        """The configuration as NETCONF shows it; as CLI text, too, where that is asked for."""
        nodes = [node for node in self._device.config.get(source) if etree.QName(node).namespace != trustpoints.CONSOLE]
        if body.find(f"{{{BASE}}}filter/{{{CLI_CFG}}}cli") is not None and self._device.persona.cli_cfg_readable:
            leaf = etree.Element(f"{{{CLI_CFG}}}cli", nsmap={None: CLI_CFG})  # type: ignore[dict-item] # None is the default
            leaf.text = self._device.cli_text(source)
            nodes += [leaf] if f"{trustpoints.PREFIX}cli-cfg" in self._device.models and leaf.text else []
        return nodes

    def _edit(self, body: etree._Element) -> None:
        if _datastore(body, "target") != "candidate":
            raise Refusal("operation-not-supported", kind="protocol")
        content = body.find(f"{{{BASE}}}config")
        if content is None:
            raise Refusal("missing-element", kind="protocol", info="<bad-element>config</bad-element>")
        default = _leaf(body, "default-operation") or "merge"
        self._device.config.edit(content, default, self.session_id, _leaf(body, "error-option"))

    async def _commit(self, body: etree._Element) -> None:
        config, session, persist_id = self._device.config, self.session_id, _leaf(body, "persist-id")
        on_trial = body.find(f"{{{BASE}}}confirmed") is not None and self._device.persona.confirmed_commit
        if persist_id is not None and not on_trial:
            config.idle(session)
            await self._serve("commit", body)
            config.confirm(session, persist_id)
            return
        with config.committing(session, persist_id) as served:
            if served:
                await self._serve("commit", body)
            if on_trial:
                timeout = float(_leaf(body, "confirm-timeout") or 600)
                config.commit_confirmed(session, timeout=timeout, persist=_leaf(body, "persist"), persist_id=persist_id)
            else:
                config.commit(session)

    async def _serve(self, what: Literal["commit", "authenticate"], body: etree._Element) -> None:
        """Take the time that it takes; what was begun is done even if the client is gone by then."""
        seconds = self._device.draw(what)
        rpc = body.getparent()
        if not seconds or rpc is None:
            return
        until = self._device.config.clock() + seconds
        self._device.silence.postpone(self.session_id, rpc.get("message-id", ""), until)
        self.busy = True
        try:
            await self._device.pause(seconds)
        finally:
            self.busy = False

    # --- the modules' own ----------------------------------------------------------------------------------------

    def _schema(self, body: etree._Element) -> bytes:
        persona = self._device.persona
        file = persona.modules.get(body.findtext("{*}identifier") or "")
        if not persona.offers_get_schema or file is None:
            raise Refusal("invalid-value" if persona.offers_get_schema else "operation-not-supported")
        text = file.path.read_text(encoding="utf-8")
        return f'<data xmlns="{operdata.MONITORING}">{escape(text)}</data>'.encode()

    async def _action(self, operation: str, body: etree._Element) -> bytes:
        namespace = etree.QName(body).namespace
        module = next((one for one in self._device.models.values() if one.namespace == namespace), None)
        if module is None:
            raise Refusal("unknown-namespace", kind="protocol", info=f"<bad-namespace>{namespace}</bad-namespace>")
        if module.node([operation]) is None:
            raise unknown_element(operation)
        wrong = module.wrong(body, operation)
        if wrong:
            raise Refusal("invalid-value", wrong)
        if operation == "ca-authenticate":
            await self._serve("authenticate", body)
        output = await actions.perform(self._device, operation, body)
        if output is None:
            return _OK
        wrapped = etree.Element("output", nsmap={None: module.namespace})  # type: ignore[dict-item] # None is the default
        for name, value in output.items():
            operdata.build(wrapped, name, value, module.namespace)
        return b"".join(etree.tostring(node) for node in wrapped)


def _reply(attributes: str, content: bytes) -> bytes:
    return b'<rpc-reply xmlns="%b" %b>%b</rpc-reply>' % (BASE.encode(), attributes.encode(), content)


def _rule(body: etree._Element) -> etree._Element | None:
    """What a get's or get-config's filter selects first, if it has one."""
    return next(body.iterfind(f"{{{BASE}}}filter/*"), None)


def _filtered(body: etree._Element, data: list[etree._Element]) -> bytes:
    wanted = body.find(f"{{{BASE}}}filter")
    if wanted is not None:
        # Several top-level subtrees in one filter return nothing, as on some releases (H30).
        data = select(data, wanted.iterchildren("*")) if len(wanted) == 1 else []
    return b"<data>" + b"".join(etree.tostring(node) for node in data) + b"</data>"


def _leaf(body: etree._Element, name: str) -> str | None:
    return body.findtext(f"{{{BASE}}}{name}")


def _datastore(body: etree._Element, which: str) -> str:
    place = body.find(f"{{{BASE}}}{which}")
    if place is None or not len(place):
        raise Refusal("missing-element", kind="protocol", info=f"<bad-element>{which}</bad-element>")
    name = etree.QName(place[0]).localname
    if name not in ("running", "candidate"):
        raise Refusal("invalid-value", kind="protocol")
    return name
