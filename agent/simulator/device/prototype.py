"""What all devices of one persona share, since none of it ever changes: models, hello, and the first configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from lxml import etree

from agent.simulator.datastores import trustpoints
from agent.simulator.datastores.datastores import Datastores
from agent.simulator.datastores.grammar import NoCommand
from agent.simulator.datastores.licensingtransport import subtrees
from agent.simulator.datastores.rpcerrors import Refusal
from agent.simulator.datastores.yangmodels import Model, model
from agent.simulator.personas import yanglibrary
from agent.simulator.personas.othermodules import capability
from agent.simulator.personas.persona import Persona

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
CLI_CFG = "http://cisco.com/ns/yang/Cisco-IOS-XR-cli-cfg"


@dataclass(frozen=True)
class Prototype:
    """What a new device of one persona is made from.

    Attributes:
        models: by module name; configured: those of configuration by namespace; home: where trustpoints are.
        translate: the edits that cli-cfg's text means; any other element as it is.
        hello: with ``%b`` for the session-id.
        config: the configuration a new device has.
    """

    models: Mapping[str, Model]
    home: trustpoints.Home
    configured: Mapping[str, Any]
    translate: Callable[[etree._Element], Iterable[etree._Element]]
    hello: bytes
    config: tuple[etree._Element, ...]


@lru_cache(maxsize=1024)
def prototype(persona: Persona) -> Prototype:
    """What devices of *persona* share."""
    models = {name: model(file) for name, file in persona.modules.items()}
    home = trustpoints.home(models)
    configured: dict[str, Any] = {one.namespace: one for name, one in models.items() if name.endswith("-cfg")}
    configured[home.model.namespace] = home.model
    translate = partial(_translated, models, home)
    config = Datastores(configured, translate=translate)
    first = [etree.fromstring(subtree) for subtree in (*subtrees(persona, models), *persona.config)]
    if persona.enrollment or persona.certificate:
        first.append(home.edit("Trustpool", home.enroll(persona.enrollment or "terminal")))
    config.edit(first, "merge", "console")
    return Prototype(models, home, configured, translate, _hello(persona), tuple(config.candidate))


def _translated(models: Mapping[str, Model], home: trustpoints.Home, node: etree._Element) -> Iterable[etree._Element]:
    if etree.QName(node).namespace != CLI_CFG or f"{trustpoints.PREFIX}cli-cfg" not in models:
        return (node,)
    typing = trustpoints.Typing(home)
    try:
        for line in (node.text or "").splitlines():
            typing.take(line)
    except NoCommand as wrong:
        raise Refusal("operation-failed", f"% Invalid input detected at '^' marker: {wrong.line.strip()}") from wrong
    return typing.edits


def _hello(persona: Persona) -> bytes:
    listed = b"".join(capability(uri) for uri in yanglibrary.capabilities(persona))
    return b'<hello xmlns="%b"><capabilities>%b</capabilities><session-id>%%b</session-id></hello>' % (
        BASE.encode(),
        listed.replace(b"%", b"%%"),
    )
