"""What the router's TLS clients check of a server: its certificate, and the name in it.

YANG paths: ``/http/client/secure-verify-peer`` and ``secure-verify-host`` (um-http-client-cfg), and from 26.3.1
``/crypto/disable/tls/peer/name-validation`` (um-crypto-cfg).
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.netconf.query import Query
from agent.netconf.yang.schema import Schema
from agent.xr.tree import Tree, at, queried

CFG = "Cisco-IOS-XR-um-http-client-cfg"
CRYPTO = "Cisco-IOS-XR-um-crypto-cfg"
_NAMES = "crypto/disable/tls/peer/name-validation"


@dataclass(frozen=True, slots=True)
class HttpClient:
    """Whether the HTTP client verifies its peer's certificate, and the host name in it; None: it is not known."""

    peer: bool | None
    host: bool | None


def query(schema: Schema) -> Query[HttpClient]:
    """What the client verifies: all that is not switched off."""
    node, what = (CFG, "/http/client/secure-verify-peer/disable"), "peer verification"
    return queried(schema, what, node, _verifies, "filter-http-client", lacking=f"has {what}", config=True)


def names_query(schema: Schema) -> Query[bool]:
    """Whether TLS applications validate the name of their peer; True where that is not switched off."""
    node, what = (CRYPTO, f"/{_NAMES}"), "name validation"
    lacking = f"can switch off {what}"
    return queried(schema, what, node, _validates, "filter-name-validation", lacking=lacking, config=True)


def _validates(tree: Tree) -> bool:
    return at(tree, _NAMES) is None


def _verifies(tree: Tree) -> HttpClient:
    return HttpClient(*(at(tree, f"http/client/secure-verify-{what}/disable") is None for what in ("peer", "host")))


def of_text(printed: str) -> HttpClient | None:
    """What ``show running-config http client`` shows to be switched off; None: nothing, which proves nothing."""
    lines = [line.split() for line in printed.splitlines()]
    peer, host = (
        any(words[0] != "no" and words[-2:] == [f"secure-verify-{what}", "disable"] for words in lines if words)
        for what in ("peer", "host")
    )
    return HttpClient(False if peer else None, False if host else None) if peer or host else None
