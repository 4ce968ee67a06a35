"""Actions on certificates: the rpcs of Cisco-IOS-XR-crypto-act."""

from __future__ import annotations

from agent.netconf import operations
from agent.netconf.payload import Element, template
from agent.netconf.session import Reply, Session
from agent.netconf.yang.schema import Schema

ACT = "Cisco-IOS-XR-crypto-act"


def can_authenticate(schema: Schema) -> bool:
    """Whether rpc ``ca-authenticate`` is there (6.2.1 and later)."""
    return schema.has(ACT, "/ca-authenticate/input/server-name")


def takes_file(schema: Schema) -> bool:
    """Whether rpc ``ca-authenticate`` takes ``file-path`` (25.2.1 and later)."""
    return schema.has(ACT, "/ca-authenticate/input/file-path")


def request(schema: Schema, trustpoint: str, file_path: str | None = None) -> Element:
    """The body of rpc ca-authenticate for *trustpoint*; *file_path* is a PEM file on the router.

    Raises:
        SchemaError: the device's model does not allow it.
    """
    body = template("rpc-ca-authenticate", server_name=trustpoint, file_path=file_path)
    schema.validate(body, module=ACT)
    return body


def authenticate(session: Session, trustpoint: str, file_path: str | None = None) -> Reply:
    """Ask the device to authenticate the CA of *trustpoint*; ``<ok/>`` proves nothing, read the state back.

    Raises:
        SchemaError, RPCError, OutcomeUnknown: as of :func:`request` and :meth:`agent.netconf.session.Pending.result`.
    """
    return operations.action(session, request(session.schema, trustpoint, file_path), operation="ca-authenticate")
