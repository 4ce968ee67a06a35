"""Where licensing messages go by configuration, for releases without licensing state.

YANG paths: ``/licensing`` (smart-license-cfg), ``/license`` and ``/license-smart-reservation`` (um-license-smart-cfg),
``/call-home`` (call-home-cfg), which :mod:`agent.xr.callhome` reads. The CLI shows the same as ``license smart`` lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.model.state import LicensingTransport, Reading, TransportType
from agent.netconf.query import Query
from agent.netconf.yang.schema import Schema
from agent.xr import callhome
from agent.xr.tree import Tree, queried, text, walk

NATIVE = "Cisco-IOS-XR-smart-license-cfg"
UNIFIED = "Cisco-IOS-XR-um-license-smart-cfg"
CALL_HOME = "Cisco-IOS-XR-call-home-cfg"
_KINDS = {
    "callhome": TransportType.CALLHOME,
    "smart": TransportType.SMART,
    "cslu": TransportType.CSLU,
    "off": TransportType.OFF,
}
"""As ``license smart transport`` names them, and ``transport-type`` with a prefix."""


def queries(schema: Schema) -> list[Query[LicensingTransport]]:
    """One query for each of the three models; :func:`merged` makes one reading of the answers."""
    return [
        _query(schema, NATIVE, "/licensing/transport", _native),
        _query(schema, UNIFIED, "/license/smart", _unified),
        _query(schema, CALL_HOME, "/call-home/profiles/profile", _call_home),
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
            call_home=next((value.call_home for value in values if value.call_home is not None), None),
            proxy=next((value.proxy for value in values if value.proxy), None),
            vrf=next((value.vrf for value in values if value.vrf), None),
            reservation=any(value.reservation for value in values),
        ),
        source=", ".join(str(reading.source) for reading in found),
        notes=notes,
    )


def _query(
    schema: Schema, module: str, path: str, read: Callable[[Tree], LicensingTransport]
) -> Query[LicensingTransport]:
    def seen(tree: Tree) -> LicensingTransport | None:
        return read(tree) if tree else None

    what, subtree = "licensing transport", f"filter-transport.{module.removeprefix('Cisco-IOS-XR-')}"
    return queried(schema, what, (module, path), seen, subtree, lacking=f"has the {what}", config=True)


def _native(tree: Tree) -> LicensingTransport:
    transport = walk(tree, "licensing/transport")
    urls = walk(transport, "transport-smart/urls")
    flexible = walk(tree, "licensing/flex-consumption")
    kind = _KINDS.get((text(transport, "transport-type") or "").removeprefix("transport-type-"))
    return LicensingTransport(
        kind=kind,
        urls=_of_kind(kind, text(urls, "url-registration"), text(urls, "url-cslu")),
        proxy=text(walk(transport, "transport-smart/proxy"), "host-name"),
        reservation=flexible.get("reservation") is True,
    )


def _of_kind(kind: TransportType | None, smart: str | None, cslu: str | None) -> tuple[str, ...]:
    """Of the addresses for each transport those that *kind* uses; both where it is not known."""
    used = (None if kind is TransportType.CSLU else smart, None if kind is TransportType.SMART else cslu)
    return tuple(url for url in used if url)


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
    return LicensingTransport(
        proxy=text(walk(home, "http-proxy"), "server-address"),
        vrf=text(home, "vrf"),
        call_home=callhome.of_model(home),
    )


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
    homes = [home for shown in printed if (home := callhome.of_text(shown)) is not None]
    urls = _of_kind(kind, smart, cslu)
    if kind is None and not urls and not homes:
        return None
    return LicensingTransport(kind=kind, urls=urls, call_home=homes[0] if homes else None)
