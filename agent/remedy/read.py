"""A reading by its model, else over the CLI: which of the two counts is decided here and nowhere else.

The model's answer counts where there is a model. The CLI is asked where there is none, and where an empty answer is
doubted: "nothing there", "not allowed" and "not ready" all look like that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import CONSOLE, Certificate
from agent.model.state import ConfigModel, Reading, TrustpointConfig, lists
from agent.netconf.retry import Waits
from agent.xr.cli import readings as cliread
from agent.xr.filesystems import FileSystems
from agent.xr.shellutil import Found

if TYPE_CHECKING:
    from agent.xr.cli.sshport import Ssh

T = TypeVar("T")

_BY_TEXT = (None, ConfigModel.NONE, ConfigModel.CLI)


def told(reading: Reading[T], by_cli: Callable[[], Reading[T]], *, doubted: bool = False) -> Reading[T]:
    """*reading*, or that of the CLI where no model shows it, or its empty answer is *doubted*, and the CLI answers."""
    if not untold(reading, doubted=doubted):
        return reading
    shown = by_cli()
    if shown.answered:
        return shown
    return reading if reading.empty else replace(shown, missing=f"{reading.missing}; {shown.missing}")


def certificate(
    ssh: Ssh | None, name: str, reading: Reading[Certificate], *, doubted: bool
) -> Waits[Reading[Certificate]]:
    """The CA certificate of trustpoint *name*, as :func:`told`; *reading* where there is no CLI."""
    if ssh is None or not untold(reading, doubted=doubted):
        return reading
    yield from ssh.opening()
    return told(reading, lambda: cliread.certificate(ssh, name), doubted=doubted)


def config(
    ssh: Ssh | None, name: str, reading: Reading[TrustpointConfig], *, model: ConfigModel | None = None
) -> Waits[Reading[TrustpointConfig]]:
    """The configuration of trustpoint *name*: of the CLI where *reading* is missing, for whatever reason.

    With *model*, the one that a plan would write by, only where that is text or none: what refuses to be read would
    not be written either.
    """
    if ssh is None or not config_untold(reading, model):
        return reading
    yield from ssh.opening()
    return cliread.config(ssh, name)


def config_untold(reading: Reading[Any], model: ConfigModel | None) -> bool:
    """Whether :func:`config` takes the CLI's word."""
    return not reading.answered and model in _BY_TEXT


def file_systems(ssh: Ssh, reading: Reading[FileSystems]) -> Reading[FileSystems]:
    """The file systems; the CLI is asked whatever keeps the model from showing any, since every router has some."""
    if reading.value is not None:
        return reading
    shown = cliread.file_systems(ssh)
    if shown.answered:
        return shown
    return Reading(missing=f"{reading.absent('the device shows no file systems')}; {shown.missing}")


def file(ssh: Ssh, folder: str, name: str) -> Reading[Found]:
    """The file *name* of *folder* by the CLI, which is asked where no model lists that folder."""
    return cliread.file(ssh, folder, name)


def clock_offset(ssh: Ssh, now: Callable[[], datetime]) -> Reading[timedelta]:
    """The device's clock minus ours, *now*, which no model shows."""
    return cliread.clock_offset(ssh, now)


def everything(ssh: Ssh, name: str, now: Callable[[], datetime]) -> Iterator[tuple[str, Reading[Any]]]:
    """All that the CLI shows of the areas that anything here reads, whether a model shows them or not."""
    yield "trustpoint", cliread.config(ssh, name)
    yield "certificate", cliread.certificate(ssh, name)
    yield "trustpool", cliread.trustpool(ssh)
    yield "licensing", cliread.licensing(ssh)
    yield "release", cliread.software(ssh)
    yield "licensing transport", cliread.transport(ssh)
    yield "HTTP client", cliread.http_client(ssh)
    yield "file systems", cliread.file_systems(ssh)
    yield "clock", cliread.clock_offset(ssh, now)


def listed(ssh: Ssh, anchor: TrustAnchor, *, own: bool = False) -> Waits[Reading[bool]]:
    """Whether *anchor* is in the trustpool, which no model shows; *own* as of :func:`agent.model.state.lists`."""
    yield from ssh.opening()
    return cliread.trustpool(ssh).part(lambda pool: lists(pool, anchor, own=own))


def verification(ssh: Ssh, of_peer: Reading[bool], of_host: Reading[bool]) -> tuple[Reading[bool], Reading[bool]]:
    """What the HTTP client verifies, *of_peer* and *of_host* by its model; over the CLI where that is missing or empty.

    An empty answer is seconded where the CLI, which hides nothing from 7.5.2 on, shows nothing switched off either.
    """
    if not untold(of_peer, doubted=True):
        return of_peer, of_host
    shown = cliread.http_client(ssh)
    if of_peer.empty and shown.value is None:
        return (_seconded(of_peer), _seconded(of_host)) if shown.answered else (of_peer, of_host)
    if shown.answered and shown.value is None:
        shown = replace(shown, missing="the CLI shows nothing switched off, which it hides below 7.5.2")
    return shown.part(lambda client: client.peer), shown.part(lambda client: client.host)


def untold(reading: Reading[Any], *, doubted: bool = False) -> bool:
    """Whether :func:`told` asks the CLI: nothing was asked because no model has it, or the answer is in doubt."""
    return (reading.missing is not None and reading.source is None) or (doubted and reading.empty)


def _seconded(reading: Reading[bool]) -> Reading[bool]:
    return replace(reading, source=f"{reading.source}, {CONSOLE}", empty=False)
