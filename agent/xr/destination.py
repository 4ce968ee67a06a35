"""Where licensing messages go by configuration, for releases without licensing state.

YANG paths: ``/licensing`` (smart-license-cfg), ``/license`` and ``/license-smart-reservation`` (um-license-smart-cfg),
``/call-home`` (call-home-cfg), which :mod:`agent.xr.callhome` reads. The CLI shows the same as ``license smart`` lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.model.state import LicensingTransport, Reading, TransportType
from agent.netconf.query import Query
from agent.netconf.yang.schema import Schema
from agent.xr import callhome
from agent.xr.tree import Tree, at, queried, text, walk

_NODES = {
    "smart-license-cfg": "/licensing/transport",
    "um-license-smart-cfg": "/license/smart",
    "call-home-cfg": "/call-home/profiles/profile",
}
_PROXIES = (
    "licensing/transport/transport-smart/proxy/host-name",
    "license/smart/proxy/hostname",
    "call-home/http-proxy/server-address",
)
_KINDS = {
    "callhome": TransportType.CALLHOME,
    "smart": TransportType.SMART,
    "cslu": TransportType.CSLU,
    "off": TransportType.OFF,
}
"""As ``license smart transport`` names them, and ``transport-type`` with a prefix."""


def queries(schema: Schema) -> list[Query[LicensingTransport]]:
    """One query for each of the three models; :func:`merged` makes one reading of the answers."""
    what = "licensing transport"
    lacking, subtree = f"has the {what}", "filter-transport."
    return [
        queried(schema, what, (f"Cisco-IOS-XR-{name}", node), _read, subtree + name, lacking=lacking, config=True)
        for name, node in _NODES.items()
    ]


def merged(readings: Sequence[Reading[LicensingTransport]]) -> Reading[LicensingTransport]:
    """What all models say together; the first that names a kind, proxy or VRF decides it."""
    found = [reading for reading in readings if reading.value is not None]
    notes = tuple(dict.fromkeys(note for reading in readings for note in reading.notes))
    if not found:
        empty = next((reading for reading in readings if reading.answered), None)
        missing = "; ".join(dict.fromkeys(str(reading.missing) for reading in readings))
        return Reading(source=empty.source, notes=notes) if empty else Reading(missing=missing, notes=notes)
    values = [reading.value for reading in found if reading.value is not None]
    return Reading(
        LicensingTransport(
            kind=next((value.kind for value in values if value.kind), None),
            urls=tuple(dict.fromkeys(url for value in values for url in value.urls)),
            call_home=next((value.call_home for value in values if value.call_home is not None), None),
            proxy=next((value.proxy for value in values if value.proxy), None),
            vrf=next((value.vrf for value in values if value.vrf), None),
            reservation=any(value.reservation for value in values),
        ),
        source=", ".join(str(reading.source) for reading in found),
        notes=notes,
    )


def _read(tree: Tree) -> LicensingTransport | None:
    """What the one model shows whose data these are, or each of them."""
    if not tree:
        return None
    native = walk(tree, "licensing/transport")
    kind = _KINDS.get((text(native, "transport-type") or "").removeprefix("transport-type-"))
    if at(tree, "license/smart/transport/smart") is not None:
        kind = TransportType.SMART
    smart = text(native, "transport-smart/urls/url-registration") or text(tree, "license/smart/url")
    return LicensingTransport(
        kind=kind,
        urls=_of_kind(kind, smart, text(native, "transport-smart/urls/url-cslu")),
        proxy=next(filter(None, (text(tree, path) for path in _PROXIES)), None),
        vrf=text(tree, "call-home/vrf"),
        reservation=at(tree, "licensing/flex-consumption/reservation") is True,
        call_home=callhome.of_model(walk(tree, "call-home")) if "call-home" in tree else None,
    )


def _of_kind(kind: TransportType | None, smart: str | None, cslu: str | None) -> tuple[str, ...]:
    """Of the addresses for each transport those that *kind* uses; both where it is not known."""
    used = (None if kind is TransportType.CSLU else smart, None if kind is TransportType.SMART else cslu)
    return tuple(url for url in used if url)


def of_text(*printed: str) -> LicensingTransport | None:
    """The transport in ``show running-config call-home`` and ``… license``; None: neither shows any."""
    kind, smart, cslu = None, None, None
    for words in (line.split() for shown in printed for line in shown.splitlines()):
        match words[2:] if words[:2] == ["license", "smart"] else words:
            case ["transport", word, *_] if word in _KINDS:
                kind = _KINDS[word]
            case ["url", "cslu", url, *_]:
                cslu = url.strip('"')
            case ["url", *_, url] if "://" in url:
                smart = url.strip('"')
    homes = (callhome.of_text(shown) for shown in printed)
    home = next((home for home in homes if home is not None), None)
    found = LicensingTransport(kind=kind, urls=_of_kind(kind, smart, cslu), call_home=home)
    return None if found == LicensingTransport() else found
