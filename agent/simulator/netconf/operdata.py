"""Operational data as XML, in the shape that the release's modules give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache

from lxml import etree

from agent.model.pki.anchor import TrustAnchor
from agent.simulator.datastores.trustpoints import PREFIX
from agent.simulator.datastores.yangmodels import Model
from agent.simulator.device.operstate import State, moment_of, shown
from agent.simulator.device.simdevice import Device
from agent.simulator.netconf.subtree import selects
from agent.simulator.personas.yanglibrary import DATASTORES, LIBRARY, Tree, library_trees

MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"


def operational(device: Device, rule: etree._Element | None = None) -> list[etree._Element]:
    """Operational data of a device, in the modules it has: all of it, or the trees that *rule*, of a filter, names."""

    def wanted(root: str, namespace: str) -> bool:
        return rule is None or selects(rule, root, namespace)

    found = [_sessions(device)] if wanted("netconf-state", MONITORING) else []
    for root, tree in library_trees(device.persona).items():
        found += [top(root, tree, LIBRARY, ds=DATASTORES)] if wanted(root, LIBRARY) else []
    for module, (root, make) in _TREES.items():
        model = device.models.get(PREFIX + module)
        if model is not None and wanted(root, model.namespace) and (made := make(device, model)) is not None:
            found.append(top(root, made, model.namespace))
    return found


def _sessions(device: Device) -> etree._Element:
    """netconf-state/sessions (RFC 6022 section 2.1.3): who is logged in by NETCONF, and from where."""
    known = [(number, "admin", "127.0.0.1") for number in device.sessions]
    known += [(number, user, "192.0.2.7") for number, user in device.other_sessions.items()]
    listed = [
        {"session-id": number, "transport": "netconf-ssh", "username": user, "source-host": host}
        for number, user, host in known
    ]
    return top("netconf-state", {"sessions": {"session": listed}}, MONITORING)


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


def top(name: str, tree: Tree, namespace: str, **prefixes: str) -> etree._Element:
    """One top-level element; *prefixes* are those that its text names."""
    root = etree.Element("root", nsmap={None: namespace, **prefixes})  # type: ignore[dict-item]
    build(root, name, tree, namespace)
    return root[0]


def _trustpoints(device: Device, model: Model) -> Tree | None:
    """crypto-cepki-oper: every trustpoint with the CA certificate it holds, as far as the release shows it."""
    held = device.state.certificates
    ca = ["crypto-certificate-authority", "trustpoints", "trustpoint", "certificate-authority-certificate"]
    entries = []
    for name in dict.fromkeys([*device.trustpoints(), *held]):
        entry: dict[str, object] = {"name": name}
        if name in held:
            leaves = _certificate(held[name])
            entry[ca[-1]] = {leaf: text for leaf, text in leaves.items() if model.node([*ca, leaf]) is not None}
        entries.append(entry)
    return {"trustpoints": {"trustpoint": entries}} if entries else None


@lru_cache(maxsize=256)
def _certificate(pem: str) -> Tree:
    """The leaves of a certificate container; how routers write them is not known (H28)."""
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


def _licensing(device: Device, _: Model) -> Tree:
    """infra-smartlicense-oper: the licensing agent."""
    state = device.state
    contact = {
        "last-comm-status-success": "yes" if state.last_success else "no",
        "fail-message": state.fail_message,
        "last-comm-time": shown(state.last_contact),
        "next-comm-time": shown(state.last_contact + timedelta(days=30)),
        "comm-deadline-time": shown(state.last_contact + timedelta(days=90)),
    }
    carries = state.authorization in ("authorized", "out-of-compliance", "authorization-expired")
    authorization = {f"authorization-{state.authorization}": {"authorization-info": contact} if carries else None}
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
    return {"licensing": {"state": {"state-info": info}}}


def _filesystems(device: Device, _: Model) -> Tree:
    """shellutil-filesystem-oper: the file systems of the one node that there is."""
    listed = [
        {"size": size, "free": free, "type": "harddisk", "flags": "rw", "prefixes": prefix}
        for prefix, size, free in device.disk.space()
    ]
    return {"node": {"node-name": "0/RP0/CPU0", "file-system": listed}}


def _folders(device: Device, _: Model) -> Tree:
    """shellutil-dir-oper: what the folders hold, under each of the names that a read may give them."""
    names = [
        f"{slash}{prefix}{end}" for prefix, _, _ in device.disk.space() for slash in ("", "/") for end in ("", "/")
    ]
    names += ["/tmp"] if device.persona.copy_reaches_tmp else []  # noqa: S108 - the simulated router's
    paths = []
    for name in names:
        files = [
            {"inode": number, "permission": "-rw-r--r--", "links": 1, "size": size, "name": file}
            for number, (file, size) in enumerate(device.disk.listing(name) or (), 11)
        ]
        paths.append({"name": name, "directory": {"path": device.disk.path(name), "content": files}})
    return {"nodes": {"node": {"dir-paths": {"dir-path": paths}, "node-name": "0/RP0/CPU0"}}}


def _registration(state: State) -> dict[str, object]:
    failed = {"fail-time": shown(state.last_contact), "fail-message": state.fail_message}
    done = {
        "complete-time": "Jan 10 2022 08:00:00 UTC",
        "last-renew-success": "yes",
        "smart-account": "Example",
        "virtual-account": "Simulated",
    }
    detail: dict[str, dict[str, object]] = {
        "complete": {"registration-complete": done},
        "retry": {"registration-retry": {"registration-info": failed}},
        "failed": {"registration-failed": failed},
    }
    return detail.get(state.registration, {})


def _reporting(device: Device, _: Model) -> Tree | None:
    """smart-license-platform-oper: when usage is reported, where licensing is by policy."""
    if not device.persona.policy:
        return None
    last = device.state.last_contact
    times = {"last": shown(last), "next": shown(last + timedelta(days=30))}
    both = {"collection": times, "reporting": times}
    return {"detail": both, "summary": both}


def _syslog(device: Device, _: Model) -> Tree | None:
    """infra-syslog-oper: the buffer."""
    entries = []
    for number, (when, mnemonic, message) in enumerate(device.state.syslog, 1):
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
    return {"messages": {"message": entries}} if entries else None


_SEVERITIES = {
    "3": "message-severity-error",
    "4": "message-severity-warning",
    "5": "message-severity-notice",
    "6": "message-severity-informational",
}


def _label(device: Device, model: Model) -> Tree | None:
    """spirit-install-instmgr-oper: the release, as far as the revision shows it."""
    there = model.node(["install", "version", "label"]) is not None
    return {"version": {"label": device.persona.release}} if there else None


def _install(device: Device, _: Model) -> Tree:
    """install-oper: the release and the fixes that are active."""
    fixes = [{"ddts": ddts} for ddts in device.persona.fixes]
    return {"version": {"label": device.persona.release}, "fixes": {"active": {"fixes": fixes}} if fixes else None}


_TREES: Mapping[str, tuple[str, Callable[[Device, Model], Tree | None]]] = {
    "crypto-cepki-oper": ("crypto-certificate-authority", _trustpoints),
    "infra-smartlicense-oper": ("smart-agent", _licensing),
    "smart-license-platform-oper": ("plat-smart-license", _reporting),
    "install-oper": ("install", _install),
    "spirit-install-instmgr-oper": ("install", _label),
    "shellutil-filesystem-oper": ("file-system", _filesystems),
    "shellutil-dir-oper": ("dir", _folders),
    "infra-syslog-oper": ("syslog", _syslog),
}
"""By module: the tree it has, and what is in it; None where that is left out."""
