"""The CLI over SSH, for what no model carries: show commands, the two trustpoint lines, the authenticate dialog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.model.anchor import TrustAnchor
from agent.model.certificate import Certificate


class Console:
    """A CLI session in exec mode over an authenticated SSH transport; netmiko underneath."""

    def __init__(self, transport: Any, *, device: str, timeout: float = 60.0) -> None:
        raise NotImplementedError

    @property
    def alive(self) -> bool:
        """Whether the session was alive when last heard of."""
        raise NotImplementedError

    def show(self, command: str, *, timeout: float | None = None) -> str:
        """What an exec command prints, without echo, time stamp and prompt; never paged.

        Raises:
            ConsoleError: the device does not know the command or the user may not use it (``unauthorized``).
            ReplyTimeout, SessionLost: no prompt came back.
        """
        raise NotImplementedError

    def configure(self, lines: Sequence[str]) -> None:
        """Enter configuration mode, type *lines*, commit, leave; on any failure before commit everything is aborted.

        Raises:
            ConsoleError: a line or the commit was refused (with ``show configuration failed``); nothing is committed.
            OutcomeUnknown: the session was lost between commit and its prompt.
            ReplyTimeout, SessionLost: it was lost before commit; nothing is committed.
        """
        raise NotImplementedError

    def authenticate(self, trustpoint: str, anchor: TrustAnchor) -> Certificate:
        """``crypto ca authenticate``: paste the anchor, compare what the device prints, accept only that.

        Returns:
            The certificate as the device printed it before it was accepted (source ``console``).

        Raises:
            AnchorMismatch: it printed another certificate, or too little to tell; the answer was ``no``.
            ConsoleError: it asked something unknown, refused the certificate or the command, or ended early.
            ReplyTimeout, SessionLost: before ``yes`` was sent; nothing was installed.
            OutcomeUnknown: ``yes`` was sent and what followed was lost.
        """
        raise NotImplementedError

    def import_bundle(self, url: str, *, clean: bool = False) -> str:
        """exec ``crypto ca trustpool import url [clean] URL``; returns what the device says.

        Raises:
            ConsoleError: it was refused or failed. OutcomeUnknown: the answer was lost.
        """
        raise NotImplementedError

    def copy(self, source: str, destination: str) -> None:
        """``run cp``: needs root-lr or cisco-support.

        Raises:
            ConsoleError: refused (``unauthorized``) or failed. ReplyTimeout, SessionLost.
        """
        raise NotImplementedError

    def remove(self, path: str) -> None:
        """``run rm -f``; errors as of :meth:`copy`."""
        raise NotImplementedError

    def close(self) -> None:
        """End the CLI session; the SSH connection stays. Never raises."""
        raise NotImplementedError
