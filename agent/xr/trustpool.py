"""The trustpool: its import over rpc, and the copy of a file to where an import takes it from."""

from __future__ import annotations

from agent.netconf import operations
from agent.netconf.payload import Element, template
from agent.netconf.pending import Reply
from agent.netconf.session import Session
from agent.netconf.yang.schema import Schema
from agent.xr.tree import text

ACT = "Cisco-IOS-XR-crypto-act"
COPY = "Cisco-IOS-XR-shellutil-copy-act"
_IMPORT = "ca-trustpool-import-url"


def can_import(schema: Schema) -> bool:
    """Whether rpc ``ca-trustpool-import-url`` is there (crypto-act, 6.2.1 to 6.2.2 and from 6.3.1 on)."""
    return schema.has(ACT, f"/{_IMPORT}/input/url")


def can_clean(schema: Schema) -> bool:
    """Whether rpc ``ca-trustpool-import-url-clean`` is there."""
    return schema.has(ACT, f"/{_IMPORT}-clean/input/url")


def can_copy(schema: Schema) -> bool:
    """Whether rpc ``copy`` of shellutil-copy-act is there (6.6.2 and later)."""
    return schema.has(COPY, "/copy/input/sourcename")


def import_request(schema: Schema, url: str, *, clean: bool = False) -> Element:
    """The body of the import rpc, checked against the device's model.

    Raises:
        SchemaError: the device's model does not allow it.
    """
    body = template(f"rpc-{_IMPORT}{'-clean' if clean else ''}", url=url)
    schema.validate(body, module=ACT)
    return body


def import_url(session: Session, url: str, *, clean: bool = False) -> Reply:
    """Import from *url*: http(s), or a path below /tmp on the router; ``<ok/>`` proves nothing.

    Raises:
        SchemaError, RPCError, OutcomeUnknown: as of :meth:`agent.netconf.session.Pending.result`.
    """
    return operations.action(session, import_request(session.schema, url, clean=clean), operation=_IMPORT)


def copy(session: Session, name: str, *, source: str, destination: str) -> str:
    """Copy file *name* between file systems (``harddisk:``, ``/tmp``); returns what the device says of it.

    Whether the rpc takes /tmp as a file system is unconfirmed (H9).

    Raises:
        SchemaError, RPCError, OutcomeUnknown: as of :meth:`agent.netconf.session.Pending.result`.
    """
    schema = session.schema
    body = template(
        "rpc-copy", source_name=name, destination_name=name, source_system=source, destination_system=destination
    )
    schema.validate(body, module=COPY)
    reply = operations.action(session, body, operation="copy")
    return text(schema.decode(reply.root, module=COPY), "response") or ""
