"""Where licensing messages go by configuration, for releases without licensing state.

YANG paths: ``/licensing`` (smart-license-cfg), ``/license`` and ``/license-smart-reservation`` (um-license-smart-cfg),
``/call-home`` (call-home-cfg).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.model.state import LicensingTransport, Reading, TransportType
from agent.netconf.payload import Element, template
from agent.netconf.schema import Schema
from agent.xr.query import Query
from agent.xr.tree import Tree, entries, text, walk

NATIVE = "Cisco-IOS-XR-smart-license-cfg"
UNIFIED = "Cisco-IOS-XR-um-license-smart-cfg"
CALL_HOME = "Cisco-IOS-XR-call-home-cfg"
_KINDS = {
    "transport-type-callhome": TransportType.CALLHOME,
    "transport-type-smart": TransportType.SMART,
    "transport-type-cslu": TransportType.CSLU,
    "transport-type-off": TransportType.OFF,
}


def queries(schema: Schema) -> list[Query[LicensingTransport]]:
    """One query for each of the three models; :func:`merged` makes one reading of the answers."""
    return [
        _query(schema, NATIVE, "/licensing/transport", "filter-transport.smart-license-cfg", _native),
        _query(schema, UNIFIED, "/license/smart", "filter-transport.um-license-smart-cfg", _unified),
        _query(schema, CALL_HOME, "/call-home/profiles/profile", "filter-transport.call-home-cfg", _call_home),
    ]


def merged(readings: Sequence[Reading[LicensingTransport]]) -> Reading[LicensingTransport]:
    """What all models say together; the first that names a kind, proxy or VRF decides it."""
    found = [reading for reading in readings if reading.value is not None]
    notes = tuple(dict.fromkeys(note for reading in readings for note in reading.notes))
    if not found:
        answered = [reading for reading in readings if reading.answered]
        if answered:
            return Reading(source=answered[0].source, notes=notes)
        return Reading(missing="; ".join(dict.fromkeys(str(reading.missing) for reading in readings)), notes=notes)
    values = [reading.value for reading in found if reading.value is not None]
    return Reading(
        LicensingTransport(
            kind=next((value.kind for value in values if value.kind), None),
            urls=tuple(dict.fromkeys(url for value in values for url in value.urls)),
            proxy=next((value.proxy for value in values if value.proxy), None),
            vrf=next((value.vrf for value in values if value.vrf), None),
            reservation=any(value.reservation for value in values),
        ),
        source=", ".join(str(reading.source) for reading in found),
        notes=notes,
    )


def _query(
    schema: Schema, module: str, path: str, subtree: str, read: Callable[[Tree], LicensingTransport]
) -> Query[LicensingTransport]:
    if not schema.has(module, path):
        name = module.removeprefix("Cisco-IOS-XR-")
        return Query(f"transport of {name}", missing=f"no model of this device has the licensing transport ({name})")

    def decode(data: Element) -> LicensingTransport | None:
        tree = schema.decode(data, module=module)
        return read(tree) if tree else None

    return Query("licensing transport", schema.source(module), lambda: template(subtree), decode, config=True)


def _native(tree: Tree) -> LicensingTransport:
    transport = walk(tree, "licensing/transport")
    urls = walk(transport, "transport-smart/urls")
    flexible = walk(tree, "licensing/flex-consumption")
    return LicensingTransport(
        kind=_KINDS.get(text(transport, "transport-type") or ""),
        urls=tuple(url for name in ("url-registration", "url-cslu") if (url := text(urls, name))),
        proxy=text(walk(transport, "transport-smart/proxy"), "host-name"),
        reservation=flexible.get("reservation") is True,
    )


def _unified(tree: Tree) -> LicensingTransport:
    smart = walk(tree, "license/smart")
    url = text(smart, "url")
    return LicensingTransport(
        kind=TransportType.SMART if "smart" in walk(smart, "transport") else None,
        urls=(url,) if url else (),
        proxy=text(walk(smart, "proxy"), "hostname"),
    )


def _call_home(tree: Tree) -> LicensingTransport:
    home = walk(tree, "call-home")
    urls = [
        url
        for profile in entries(home, "profiles/profile")
        for address in entries(profile, "addresses/address")
        if address.get("method") == "http" and (url := text(address, "destination-addr"))
    ]
    return LicensingTransport(
        urls=tuple(dict.fromkeys(urls)), proxy=text(walk(home, "http-proxy"), "server-address"), vrf=text(home, "vrf")
    )
