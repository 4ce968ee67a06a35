"""The trustpool: its import over rpc, and the copy of a file to where an import takes it from."""

from __future__ import annotations

from agent.netconf.payload import Element
from agent.netconf.schema import Schema
from agent.netconf.session import Reply, Session


def can_import(schema: Schema) -> bool:
    """Whether rpc ``ca-trustpool-import-url`` is there (crypto-act, 6.2.1–6.2.2 and 6.3.1 on)."""
    raise NotImplementedError


def can_clean(schema: Schema) -> bool:
    """Whether rpc ``ca-trustpool-import-url-clean`` is there."""
    raise NotImplementedError


def can_copy(schema: Schema) -> bool:
    """Whether rpc ``copy`` of shellutil-copy-act is there (6.6.2 on)."""
    raise NotImplementedError


def import_request(schema: Schema, url: str, *, clean: bool = False) -> Element:
    """The body of the import rpc, checked against the device's model.

    Raises:
        SchemaError: the device's model does not allow it.
    """
    raise NotImplementedError


def import_url(session: Session, url: str, *, clean: bool = False) -> Reply:
    """Import from *url*: http(s), or a path below /tmp on the router; ``<ok/>`` proves nothing.

    Raises:
        SchemaError, RPCError, OutcomeUnknown: as of :meth:`agent.netconf.session.Pending.result`.
    """
    raise NotImplementedError


def copy(session: Session, name: str, *, source: str, destination: str) -> str:
    """Copy file *name* between file systems (``harddisk:``, ``/tmp``); returns what the device says of it.

    Raises:
        SchemaError, RPCError, OutcomeUnknown: as of :meth:`agent.netconf.session.Pending.result`.
    """
    raise NotImplementedError
