"""What the router's TLS clients check of a server: its certificate, and the name in it.

YANG paths: ``/http/client/secure-verify-peer`` and ``secure-verify-host`` (um-http-client-cfg), and from 26.3.1
``/crypto/disable/tls/peer/name-validation`` (um-crypto-cfg).
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.netconf.payload import Element, template
from agent.netconf.query import Query
from agent.netconf.yang.schema import Schema
from agent.xr.tree import walk

CFG = "Cisco-IOS-XR-um-http-client-cfg"
CRYPTO = "Cisco-IOS-XR-um-crypto-cfg"
_NAMES = "crypto/disable/tls/peer"


@dataclass(frozen=True, slots=True)
class HttpClient:
    """Whether the HTTP client verifies its peer's certificate, and the host name in it; None: it is not known."""

    peer: bool | None
    host: bool | None


def query(schema: Schema) -> Query[HttpClient]:
    """What the client verifies: all that is not switched off."""
    if not schema.has(CFG, "/http/client/secure-verify-peer/disable"):
        return Query("peer verification", missing="no model of this device has peer verification (um-http-client-cfg)")

    def decode(data: Element) -> HttpClient:
        client = walk(schema.decode(data, module=CFG), "http/client")
        return HttpClient(*("disable" not in walk(client, f"secure-verify-{what}") for what in ("peer", "host")))

    return Query("peer verification", schema.source(CFG), lambda: template("filter-http-client"), decode, config=True)


def names_query(schema: Schema) -> Query[bool]:
    """Whether TLS applications validate the name of their peer; True where that is not switched off."""
    if not schema.has(CRYPTO, f"/{_NAMES}/name-validation"):
        return Query(
            "name validation", missing="no model of this device can switch off name validation (um-crypto-cfg)"
        )

    def decode(data: Element) -> bool:
        return "name-validation" not in walk(schema.decode(data, module=CRYPTO), _NAMES)

    return Query(
        "name validation", schema.source(CRYPTO), lambda: template("filter-name-validation"), decode, config=True
    )


def of_text(printed: str) -> HttpClient | None:
    """What ``show running-config http client`` shows to be switched off; None: nothing, which proves nothing."""
    lines = [line.split() for line in printed.splitlines()]
    peer, host = (
        any(words[0] != "no" and words[-2:] == [f"secure-verify-{what}", "disable"] for words in lines if words)
        for what in ("peer", "host")
    )
    return HttpClient(False if peer else None, False if host else None) if peer or host else None
