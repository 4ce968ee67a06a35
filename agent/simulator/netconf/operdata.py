"""Operational data as XML, in the shape that the release's modules give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache

from lxml import etree

from agent.model.pki.anchor import TrustAnchor
from agent.simulator.datastores.trustpoints import PREFIX
from agent.simulator.datastores.yangmodels import Model
from agent.simulator.device.operstate import State, moment_of, shown
from agent.simulator.device.simdevice import Device
from agent.simulator.netconf.subtree import selects
from agent.simulator.personas import yanglibrary

Tree = Mapping[str, object]

_SESSIONS = "netconf-state"
_MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"


def operational(device: Device, rule: etree._Element | None = None) -> list[etree._Element]:
    """Operational data of a device, in the modules it has: all of it, or the trees that *rule*, of a filter, names."""
    found = [sessions(device)] if rule is None or selects(rule, _SESSIONS, _MONITORING) else []
    found += [tree for tree in yanglibrary.trees(device.persona) if rule is None or _selects_root(rule, tree)]
    for module, (root, make) in _TREES.items():
        model = device.models.get(PREFIX + module)
        if model is not None and (rule is None or selects(rule, root, model.namespace)):
            made = make(device, model)
            found += [made] if made is not None else []
    return found


def _selects_root(rule: etree._Element, tree: etree._Element) -> bool:
    name = etree.QName(tree)
    return selects(rule, name.localname, name.namespace or "")


def sessions(device: Device) -> etree._Element:
    """netconf-state/sessions (RFC 6022 section 2.1.3): who is logged in by NETCONF, and from where."""
    known = [(number, "admin", "127.0.0.1") for number in device.sessions]
    known += [(number, user, "192.0.2.7") for number, user in device.other_sessions.items()]
    listed = [
        {"session-id": number, "transport": "netconf-ssh", "username": user, "source-host": host}
        for number, user, host in known
    ]
    return top(_SESSIONS, {"sessions": {"session": listed}}, _MONITORING)


def build(parent: etree._Element, name: str, value: object, namespace: str) -> None:
    """Append *value* under *name*: a dict is a container, a list a list, None nothing, the rest a leaf."""
    if value is None:
        return
    for entry in value if isinstance(value, list) else (value,):
        element = etree.SubElement(parent, f"{{{namespace}}}{name}")
        if isinstance(entry, dict):
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


@lru_cache(maxsize=256)
def certificate(pem: str) -> Tree:
    """The leaves of a certificate container."""
    anchor = TrustAnchor.from_pem(pem)
    return {
        "subject": str(anchor.subject),
        "certificate-valid-from": int(anchor.not_before.timestamp()),
        "certificate-expires-on": int(anchor.not_after.timestamp()),
        "serial-num": anchor.serial,
        "finger-print": anchor.sha1,
        "issuer": str(anchor.issuer),
        "certificate-data": anchor.pem,
    }


def licensing(namespace: str, state: State) -> etree._Element:
    """infra-smartlicense-oper: the licensing agent."""
    contact = {
        "last-comm-status-success": "yes" if state.last_success else "no",
        "fail-message": state.fail_message,
        "last-comm-time": shown(state.last_contact),
        "next-comm-time": shown(state.last_contact + timedelta(days=30)),
        "comm-deadline-time": shown(state.last_contact + timedelta(days=90)),
    }
    carries = state.authorization in ("authorized", "out-of-compliance", "authorization-expired")
    authorization: dict[str, object] = {}
    if carries:
        authorization[f"authorization-{state.authorization}"] = {"authorization-info": contact}
    info = {
        "registration": {**_registration(state), "registration-state": state.registration},
        "authorization": {**authorization, "authorization-state": state.authorization},
        "transport": {"url-settings": {"url-registration": state.url or None}, "transport-type": state.transport},
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


def filesystems(namespace: str, device: Device) -> etree._Element:
    """shellutil-filesystem-oper: the file systems of the one node that there is."""
    listed = [
        {"size": size, "free": free, "type": "harddisk", "flags": "rw", "prefixes": prefix}
        for prefix, size, free in device.disk.space()
    ]
    return top("file-system", {"node": {"node-name": "0/RP0/CPU0", "file-system": listed}}, namespace)


def _registration(state: State) -> dict[str, object]:
    failed = {"fail-time": shown(state.last_contact), "fail-message": state.fail_message}
    match state.registration:
        case "complete":
            done = {
                "complete-time": "Jan 10 2022 08:00:00 UTC",
                "last-renew-success": "yes",
                "smart-account": "Example",
                "virtual-account": "Simulated",
            }
            return {"registration-complete": done}
        case "retry":
            return {"registration-retry": {"registration-info": failed}}
        case "failed":
            return {"registration-failed": failed}
    return {}


def reporting(namespace: str, state: State) -> etree._Element | None:
    """smart-license-platform-oper: when usage is reported, where licensing is by policy."""
    if not state.persona.policy:
        return None
    times = {"last": shown(state.last_contact), "next": shown(state.last_contact + timedelta(days=30))}
    both = {"collection": times, "reporting": times}
    return top("plat-smart-license", {"detail": both, "summary": both}, namespace)


def syslog(namespace: str, state: State) -> etree._Element | None:
    """infra-syslog-oper: the buffer."""
    entries = []
    for number, (when, mnemonic, message) in enumerate(state.syslog, 1):
        *where, severity, name = mnemonic.split("-")
        entries.append(
            {
                "message-id": number,
                "node-name": "0/RP0/CPU0",
                "time-stamp": int(when.timestamp() * 1000),
                "time-of-day": moment_of(when),
                "time-zone": "UTC",
                "process-name": "smartlicserver",
                "category": where[0],
                "group": where[1] if len(where) > 1 else None,
                "message-name": name,
                "severity": _SEVERITIES.get(severity, "message-severity-unknown"),
                "text": f"%{mnemonic} : {message}",
            }
        )
    return top("syslog", {"messages": {"message": entries}}, namespace) if entries else None


_SEVERITIES = {
    "3": "message-severity-error",
    "4": "message-severity-warning",
    "5": "message-severity-notice",
    "6": "message-severity-informational",
}


def instmgr(model: Model, state: State) -> etree._Element | None:
    """spirit-install-instmgr-oper: the release, as far as the revision shows it."""
    if model.node(["install", "version", "label"]) is None:
        return None
    return top("install", {"version": {"label": state.persona.release}}, model.namespace)


def install(namespace: str, state: State) -> etree._Element:
    """install-oper: the release and the fixes that are active."""
    fixes = [{"ddts": ddts} for ddts in state.persona.fixes]
    tree: dict[str, object] = {"version": {"label": state.persona.release}}
    if fixes:
        tree["fixes"] = {"active": {"fixes": fixes}}
    return top("install", tree, namespace)


_TREES: Mapping[str, tuple[str, Callable[[Device, Model], etree._Element | None]]] = {
    "crypto-cepki-oper": (
        "crypto-certificate-authority",
        lambda device, model: trustpoints(model, device.state, device.trustpoints()),
    ),
    "infra-smartlicense-oper": ("smart-agent", lambda device, model: licensing(model.namespace, device.state)),
    "smart-license-platform-oper": (
        "plat-smart-license",
        lambda device, model: reporting(model.namespace, device.state),
    ),
    "install-oper": ("install", lambda device, model: install(model.namespace, device.state)),
    "spirit-install-instmgr-oper": ("install", lambda device, model: instmgr(model, device.state)),
    "shellutil-filesystem-oper": ("file-system", lambda device, model: filesystems(model.namespace, device)),
    "infra-syslog-oper": ("syslog", lambda device, model: syslog(model.namespace, device.state)),
}
"""By module: the tree it has, and what makes it."""
