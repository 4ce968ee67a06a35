"""Reading over the CLI what no model shows: each area's commands, and its reading."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from agent.model.errors import AgentError, ConsoleError, Interrupted
from agent.model.pki.certificate import CONSOLE, Certificate
from agent.model.state import Licensing, LicensingTransport, PoolEntry, Reading, Software, TrustpointConfig
from agent.xr import destination as licensing_transport
from agent.xr import httpclient
from agent.xr.cli import show
from agent.xr.cli.listening import one_line
from agent.xr.httpclient import HttpClient

if TYPE_CHECKING:
    from agent.xr.cli.sshport import Ssh

log = logging.getLogger(__name__)

T = TypeVar("T")


def config(ssh: Ssh, name: str) -> Reading[TrustpointConfig]:
    """The running configuration of trustpoint *name*; no value: it is not configured."""
    command = f"show running-config crypto ca trustpoint {name}"
    return _reading(ssh, command, (command,), lambda text: show.trustpoint_config(text, name), show.says_nothing)


def certificate(ssh: Ssh, name: str) -> Reading[Certificate]:
    """The CA certificate of trustpoint *name*; no value: the trustpoint shows none."""
    command = f"show crypto ca certificates {name}"
    return _reading(ssh, command, (command,), lambda text: show.certificates(text, name), show.says_nothing)


def trustpool(ssh: Ssh) -> Reading[tuple[PoolEntry, ...]]:
    """The trustpool's certificates."""
    command = "show crypto ca trustpool"
    return _reading(ssh, command, (command,), show.trustpool, show.says_nothing)


def licensing(ssh: Ssh) -> Reading[Licensing]:
    """Licensing; on 32-bit XR from the admin plane, where it is kept."""
    commands = ("show license all", "show license status")
    reading = _reading(ssh, "show license", commands, show.licensing, _is_blank)
    if reading.value is not None:
        return reading
    in_admin = [f"admin {command}" for command in commands]
    admin = _reading(ssh, "admin show license", in_admin, show.licensing, _is_blank)
    if admin.value is not None:
        return admin
    missing = [why for why in (reading.missing, admin.missing) if why]
    return Reading(source=CONSOLE, missing="; ".join(missing) or None)


def software(ssh: Ssh) -> Reading[Software]:
    """The release, and the defects that the names of active packages say are fixed."""
    reading = _reading(ssh, "show version", ("show version",), show.version, _is_blank)
    if reading.value is None:
        return reading
    active = _reading(ssh, "show install active", ("show install active summary",), show.fixes)
    return Reading(Software(reading.value.release, active.value or frozenset()), CONSOLE)


def clock_offset(ssh: Ssh, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Reading[timedelta]:
    """The device's clock minus ours, *now*, to within what the command takes; no value: its zone is not UTC."""
    sent = now()
    shown = _reading(ssh, "show clock", ("show clock",), show.clock)
    if shown.value is None:
        return Reading(source=shown.source, missing=shown.missing)
    # Within the time that the answer took, the clocks agree.
    late = shown.value - now()
    early = shown.value - sent
    return Reading(late if late > timedelta(0) else min(early, timedelta(0)), CONSOLE)


def transport(ssh: Ssh) -> Reading[LicensingTransport]:
    """The transport that licensing and Call Home are configured with."""
    commands = ("show running-config call-home", "show running-config license")
    return _reading(ssh, "show running-config call-home", commands, licensing_transport.of_text)


def http_client(ssh: Ssh) -> Reading[HttpClient]:
    """What the HTTP client is seen not to verify; no value where the CLI shows nothing switched off.

    Below 7.5.2 that proves nothing: the lines that switch verification off are hidden in the configuration.
    """
    command = "show running-config http client"
    return _reading(ssh, command, (command,), httpclient.of_text)


def _reading(
    ssh: Ssh,
    what: str,
    commands: Sequence[str],
    parse: Callable[..., T | None],
    says_nothing: Callable[[str], bool] = lambda _: True,
) -> Reading[T]:
    """What *parse* makes of all outputs; a command that the release does not have counts as not shown.

    Where it finds nothing in an output that does not say so itself, by *says_nothing*, the words are not understood,
    and the reading is missing.

    Whatever fails is the reading's reason, and the other areas still count.

    Raises:
        Interrupted: it was cancelled, which tells nothing of the router.
    """
    texts, refusals = [], []
    for command in commands:
        try:
            texts.append(ssh.console().show(command))
        except ConsoleError as error:
            refusals.append(error.message)
        except Interrupted:
            raise
        except AgentError as error:
            return Reading(source=CONSOLE, missing=f"{what}: {error.message}")
    if not texts:
        return Reading(source=CONSOLE, missing=f"{what}: {'; '.join(refusals)}")
    found = parse(*texts)
    odd = [text for text in texts if not says_nothing(text)]
    if not found and odd:
        words = "; ".join([*refusals, f"not understood: {one_line(odd[0], end=False)}"])
        return Reading(source=CONSOLE, missing=f"{what}: {words}")
    return Reading(found, CONSOLE)


def _is_blank(text: str) -> bool:
    return not text.strip()
