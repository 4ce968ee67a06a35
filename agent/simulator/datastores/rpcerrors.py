"""rpc-errors worded as reports have IOS XR word them (H50): the tag mostly, a message seldom."""

from __future__ import annotations

from xml.sax.saxutils import escape


class Refusal(Exception):
    """An rpc is answered with one rpc-error; at the CLI its ``message`` is printed."""

    def __init__(self, tag: str, message: str | None = None, **details: str) -> None:
        """*details* are those of :func:`rpc_error`."""
        super().__init__(tag)
        self.tag = tag
        self.message = message or tag
        self.xml = rpc_error(tag, message, **details)


def rpc_error(
    tag: str,
    message: str | None = None,
    *,
    kind: str = "application",
    severity: str = "error",
    path: str | None = None,
    info: str = "",
) -> bytes:
    """One ``<rpc-error>``; *info* is XML for error-info."""
    parts = [f"<error-type>{kind}</error-type><error-tag>{tag}</error-tag><error-severity>{severity}</error-severity>"]
    if path:
        parts.append(f"<error-path>{escape(path)}</error-path>")
    if message:
        parts.append(f'<error-message xml:lang="en">{escape(message)}</error-message>')
    if info:
        parts.append(f"<error-info>{info}</error-info>")
    return f"<rpc-error>{''.join(parts)}</rpc-error>".encode()


def unknown_element(name: str) -> Refusal:
    """A node that the module does not have."""
    return Refusal("unknown-element", kind="protocol", info=f"<bad-element>{escape(name)}</bad-element>")


def lock_refused(tag: str, holder: str, message: str | None = None) -> Refusal:
    """A lock that *holder* stands in the way of; session 0 is none of NETCONF's, or a candidate left changed."""
    if tag != "lock-denied":
        return Refusal(tag, message)
    return Refusal(tag, message, kind="protocol", info=f"<session-id>{escape(holder)}</session-id>")
