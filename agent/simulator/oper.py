"""Operational data as XML, in the shape that the release's modules give it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from lxml import etree

from agent.model.anchor import TrustAnchor
from agent.simulator.agent_state import State, shown
from agent.simulator.models import Model

Tree = Mapping[str, object]


def build(parent: etree._Element, name: str, value: object, namespace: str) -> None:
    """Append *value* under *name*: a mapping is a container, a sequence a list, None nothing, the rest a leaf."""
    if value is None:
        return
    entries = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    for entry in entries:
        element = etree.SubElement(parent, f"{{{namespace}}}{name}")
        if isinstance(entry, Mapping):
            for below, content in entry.items():
                build(element, str(below), content, namespace)
        else:
            element.text = str(entry)


def top(name: str, tree: Tree, namespace: str) -> etree._Element:
    """One top-level element."""
    root = etree.Element("root", nsmap={None: namespace})  # type: ignore[dict-item]
    build(root, name, tree, namespace)
    return root[0]


def trustpoints(model: Model, state: State, names: Sequence[str]) -> etree._Element | None:
    """crypto-cepki-oper: every trustpoint with the CA certificate it holds, as far as the release shows it."""
    ca = ["crypto-certificate-authority", "trustpoints", "trustpoint", "certificate-authority-certificate"]
    entries = []
    for name in dict.fromkeys([*names, *state.certificates]):
        entry: dict[str, object] = {"name": name}
        if name in state.certificates:
            leaves = certificate(state.certificates[name])
            entry[ca[-1]] = {leaf: text for leaf, text in leaves.items() if model.node([*ca, leaf]) is not None}
        entries.append(entry)
    if not entries:
        return None
    return top(ca[0], {"trustpoints": {"trustpoint": entries}}, model.namespace)


def certificate(pem: str) -> dict[str, object]:
    """The leaves of a certificate container."""
    anchor = TrustAnchor.from_pem(pem)
    return {
        "subject": str(anchor.subject),
        "certificate-valid-from": int(anchor.not_before.timestamp()),
        "certificate-expires-on": int(anchor.not_after.timestamp()),
        "serial-num": anchor.serial.zfill(len(anchor.serial) + len(anchor.serial) % 2),
        "finger-print": anchor.sha1,
        "issuer": str(anchor.issuer),
        "certificate-data": anchor.pem,
    }


def licensing(namespace: str, state: State) -> etree._Element:
    """infra-smartlicense-oper: the licensing agent."""
    persona = state.persona
    contact = {
        "last-comm-status-success": "yes" if state.last_success else "no",
        "fail-message": state.fail_message,
        "last-comm-time": shown(state.last_contact),
        "next-comm-time": shown(state.last_contact + timedelta(days=30)),
        "comm-deadline-time": shown(state.last_contact + timedelta(days=90)),
    }
    carries = persona.authorization in ("authorized", "out-of-compliance", "authorization-expired")
    registration: dict[str, object] = {}
    if persona.registration == "complete":
        registration["registration-complete"] = {
            "complete-time": "Jan 10 2022 08:00:00 UTC",
            "last-renew-success": "yes",
            "smart-account": "Example",
            "virtual-account": "Simulated",
        }
    authorization: dict[str, object] = {}
    if carries:
        authorization[f"authorization-{persona.authorization}"] = {"authorization-info": contact}
    info = {
        "registration": {**registration, "registration-state": persona.registration},
        "authorization": {**authorization, "authorization-state": persona.authorization},
        "transport": {"url-settings": {"url-registration": persona.url}, "transport-type": persona.transport},
        "evaluation": {"eval-period-left": {"time-left": 7776000}, "eval-in-use": "no", "eval-expired": "no"},
        "usage": [
            {
                "entitlement-tag": "regid.2018-01.com.example,1.0_0",
                "license-name": "ESS-CA-100G-RTU-2",
                "count": 4,
                "enforce-mode": "in-compliance" if carries else "evaluation",
            }
        ],
    }
    return top("smart-agent", {"licensing": {"state": {"state-info": info}}}, namespace)


def install(namespace: str, state: State) -> etree._Element:
    """install-oper: the release and the fixes that are active."""
    fixes = [{"ddts": ddts} for ddts in state.persona.fixes]
    tree: dict[str, object] = {"version": {"label": state.persona.release}}
    if fixes:
        tree["fixes"] = {"active": {"fixes": fixes}}
    return top("install", tree, namespace)
