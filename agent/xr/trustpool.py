"""The trustpool: its import over rpc."""

from __future__ import annotations

from agent.netconf import operations
from agent.netconf.payload import Payload, rendered
from agent.netconf.pending import Reply
from agent.netconf.session import Session
from agent.netconf.yang.schema import Schema

ACT = "Cisco-IOS-XR-crypto-act"
_IMPORT = "ca-trustpool-import-url"


def can_import(schema: Schema) -> bool:
    """Whether rpc ``ca-trustpool-import-url`` is there (crypto-act, 6.2.1 to 6.2.2 and from 6.3.1 on)."""
    return schema.has(ACT, f"/{_IMPORT}/input/url")


def can_clean(schema: Schema) -> bool:
    """Whether rpc ``ca-trustpool-import-url-clean`` is there."""
    return schema.has(ACT, f"/{_IMPORT}-clean/input/url")


def longest(schema: Schema, *, clean: bool = False) -> int | None:
    """The most characters of an import's URL (512 from 26.2.2 on); None where the model has no bound, or no import."""
    return schema.longest(ACT, f"/{_IMPORT}{'-clean' if clean else ''}/input/url")


def import_request(schema: Schema, url: str, *, clean: bool = False) -> Payload:
    """The body of the import rpc, checked against the device's model.

    Raises:
        SchemaError: the device's model does not allow it.
    """
    body = rendered(f"rpc-{_IMPORT}{'-clean' if clean else ''}", url=url)
    schema.validate(body, module=ACT)
    return body


def import_url(session: Session, url: str, *, clean: bool = False) -> Reply:
    """Import from *url*: http(s), or a path below /tmp on the router; ``<ok/>`` proves nothing.

    Raises:
        SchemaError, RPCError, OutcomeUnknown: as of :meth:`agent.netconf.session.Pending.result`.
    """
    return operations.action(session, import_request(session.schema, url, clean=clean), operation=_IMPORT)
