"""A session channel on an authenticated SSH transport, opened within a bound."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Timer
from typing import TYPE_CHECKING

from agent.model.local.clock import Clock
from agent.ssh.connection import Deadline

if TYPE_CHECKING:
    from paramiko import Channel, Transport

log = logging.getLogger(__name__)

_LAST_MOMENT = 0.1


def open_channel(
    transport: Transport, begin: Callable[[Channel], object], timeout: float, clock: Clock | None = None
) -> Channel:
    """A channel on which *begin* has started a shell or a subsystem, within *timeout* seconds; it goes by *clock* then.

    paramiko waits for the answer to a channel request without any bound; here the channel is closed under it.

    Raises:
        paramiko.SSHException, EOFError, OSError: the peer refused, hung up or gave no answer.
    """
    deadline = Deadline(timeout)
    channel = transport.open_session(timeout=deadline.left())
    guard = Timer(deadline.left(), close_channel, (channel,))
    guard.daemon = True
    guard.start()
    try:
        begin(channel)
    except BaseException:
        close_channel(channel)
        raise
    finally:
        guard.cancel()
        guard.join()
    return channel if clock is None else clock.channel(channel)


def close_channel(channel: Channel) -> None:
    """Close it; that the connection below is gone is no error. Never raises."""
    try:
        channel.close()
    except (EOFError, OSError) as error:
        log.debug("the connection ended before the channel was closed: %s", type(error).__name__)


def has_ended(transport: Transport) -> bool:
    """Whether the whole connection is gone; its channels know that a moment before it does."""
    transport.join(_LAST_MOMENT)
    return not transport.is_active()
