"""Reading over the CLI what no model shows: each area's commands, and its reading."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from agent.model.errors import AgentError, ConsoleError, Interrupted
from agent.model.pki.certificate import CONSOLE, Certificate
from agent.model.state import Licensing, LicensingTransport, PoolEntry, Reading, Software, TrustpointConfig
from agent.netconf.retry import passes
from agent.xr import destination, filesystems, httpclient, shellutil
from agent.xr.cli import show
from agent.xr.cli.listening import one_line
from agent.xr.filesystems import FileSystems
from agent.xr.httpclient import HttpClient

if TYPE_CHECKING:
    from agent.xr.cli.sshport import Ssh

T = TypeVar("T")


def config(ssh: Ssh, name: str) -> Reading[TrustpointConfig]:
    """The running configuration of trustpoint *name*; no value: it is not configured."""
    command = f"show running-config crypto ca trustpoint {name}"
    return _reading(ssh, lambda text: show.trustpoint_config(text, name), command, says_nothing=show.says_nothing)


def certificate(ssh: Ssh, name: str) -> Reading[Certificate]:
    """The CA certificate of trustpoint *name*; no value: the trustpoint shows none."""
    command = f"show crypto ca certificates {name}"
    return _reading(ssh, lambda text: show.certificates(text, name), command, says_nothing=show.says_nothing)


def trustpool(ssh: Ssh) -> Reading[tuple[PoolEntry, ...]]:
    """The trustpool's certificates."""
    return _reading(ssh, show.trustpool, "show crypto ca trustpool", says_nothing=show.says_nothing)


def licensing(ssh: Ssh) -> Reading[Licensing]:
    """Licensing; on 32-bit XR from the admin plane, where it is kept."""
    missing, passing = [], False
    for what in ("show license", "admin show license"):
        reading = _reading(ssh, show.licensing, f"{what} all", f"{what} status", what=what, says_nothing=_is_blank)
        if reading.value is not None:
            return reading
        missing += [reading.missing] if reading.missing else []
        passing = passing or reading.passing
    return Reading(source=CONSOLE, missing="; ".join(missing) or None, passing=passing)


def software(ssh: Ssh) -> Reading[Software]:
    """The release, and the defects that the names of active packages say are fixed."""
    reading = _reading(ssh, show.version, "show version", says_nothing=_is_blank)
    if reading.value is None:
        return reading
    active = _reading(ssh, show.fixes, "show install active summary")
    return Reading(Software(reading.value.release, active.value or frozenset()), CONSOLE)


def clock_offset(ssh: Ssh, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Reading[timedelta]:
    """The device's clock minus ours, *now*, to within what the command takes; no value: its zone is not UTC."""
    sent = now()
    shown = _reading(ssh, show.clock, "show clock")
    if shown.value is None:
        return Reading(source=shown.source, missing=shown.missing)
    # Within the time that the answer took, the clocks agree.
    late = shown.value - now()
    early = shown.value - sent
    return Reading(late if late > timedelta(0) else min(early, timedelta(0)), CONSOLE)


def transport(ssh: Ssh) -> Reading[LicensingTransport]:
    """The transport that licensing and Call Home are configured with."""
    return _reading(ssh, destination.of_text, "show running-config call-home", "show running-config license")


def http_client(ssh: Ssh) -> Reading[HttpClient]:
    """What the HTTP client is seen not to verify; no value where the CLI shows nothing switched off.

    Below 7.5.2 that proves nothing: the lines that switch verification off are hidden in the configuration.
    """
    return _reading(ssh, httpclient.of_text, "show running-config http client")


def file_systems(ssh: Ssh) -> Reading[FileSystems]:
    """The file systems; a router has some, so an answer without any is not understood."""
    return _reading(ssh, filesystems.of_text, "show filesystem", says_nothing=lambda _: False)


def file(ssh: Ssh, folder: str, name: str) -> Reading[shellutil.Found]:
    """The file *name* of *folder*: ``harddisk:`` and the like, or a path, which the router's own shell lists."""
    command = f"run ls -l {folder}/{name}" if folder.startswith("/") else f"dir {folder}"

    def read(printed: str) -> shellutil.Found | None:
        return shellutil.of_text(printed, name)

    return _reading(ssh, read, command, says_nothing=lambda printed: read(printed) is not None)


def _reading(
    ssh: Ssh,
    parse: Callable[..., T | None],
    *commands: str,
    what: str = "",
    says_nothing: Callable[[str], bool] = lambda _: True,
) -> Reading[T]:
    """What *parse* makes of all outputs; a command that the release does not have counts as not shown.

    Where it finds nothing in an output that does not say so itself, by *says_nothing*, the words are not understood,
    and the reading is missing.

    Whatever fails is the reading's reason, and the other areas still count.

    Raises:
        Interrupted: it was cancelled, which tells nothing of the router.
    """
    what = what or commands[0]
    texts, refusals, passing = [], [], False
    for command in commands:
        try:
            texts.append(ssh.console().show(command))
        except ConsoleError as error:
            refusals.append(error.message)
            passing = passing or passes(error)
        except Interrupted:
            raise
        except AgentError as error:
            return Reading(source=CONSOLE, missing=f"{what}: {error.message}", passing=passes(error))
    if not texts:
        return Reading(source=CONSOLE, missing=f"{what}: {'; '.join(refusals)}", passing=passing)
    found = parse(*texts)
    odd = [text for text in texts if not says_nothing(text)]
    if not found and odd:
        printed = one_line(odd[0], end=False) or "nothing was printed"
        words = "; ".join([*refusals, f"not understood: {printed}"])
        return Reading(source=CONSOLE, missing=f"{what}: {words}", passing=passing)
    return Reading(found, CONSOLE)


def _is_blank(text: str) -> bool:
    return not text.strip()
