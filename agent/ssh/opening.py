"""The opening of an SSH channel, which may be given up at any moment without the router keeping the channel."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import asyncssh


class ChannelOpening:
    """What opens one channel, for asyncssh's own methods in place of the connection; all in the loop's thread.

    asyncssh passes over a channel that is confirmed after its opening was cancelled, and has no hold on one whose
    subsystem does not answer: the router would keep it, and allows few, as long as the connection is there.
    """

    def __init__(self, ssh: asyncssh.SSHClientConnection) -> None:
        self._ssh: Any = ssh
        self._channel: Any = None
        self._given_up = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ssh, name)

    async def create_session(self, factory: Any, *arguments: Any, **options: Any) -> Any:
        """As asyncssh's; where the caller is cancelled it goes on, since the channel may be confirmed yet."""

        def made() -> Any:
            session = factory()

            def confirmed(channel: Any) -> None:
                del session.connection_made  # which is this; the class's own is behind it
                session.connection_made(channel)
                self._channel = channel
                if self._given_up:
                    channel.abort()

            session.connection_made = confirmed
            return session

        opening = asyncio.ensure_future(self._ssh.create_session(made, *arguments, **options))
        opening.add_done_callback(_looked_at)
        return await asyncio.shield(opening)

    async def open_session(self, *arguments: Any, **options: Any) -> Any:
        """As asyncssh's."""
        return await asyncssh.SSHClientConnection.open_session(cast("Any", self), *arguments, **options)

    async def start_sftp_client(self) -> asyncssh.SFTPClient:
        """As asyncssh's."""
        return await asyncssh.SSHClientConnection.start_sftp_client(cast("Any", self))

    def give_up(self) -> None:
        """Close the channel, now or as soon as it is confirmed."""
        self._given_up = True
        if self._channel is not None:
            self._channel.abort()


def _looked_at(opening: asyncio.Future[Any]) -> None:
    """Nobody may be there any more to see why it failed, of which asyncio would complain."""
    if not opening.cancelled():
        opening.exception()
