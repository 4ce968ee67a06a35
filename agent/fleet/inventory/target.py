"""One router of an inventory, as data that may travel: secrets are references, resolved where the router is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.fleet.inventory.command import PLACEHOLDERS, Stop
from agent.fleet.inventory.reference import Reference
from agent.fleet.window.windows import Window
from agent.fleet.window.zone import Zone
from agent.model.device import Device, HostKeys
from agent.model.errors import InputError
from agent.model.method import Method
from agent.model.plan import Intent

if TYPE_CHECKING:
    from agent.fleet.results.planned import Approved


@dataclass(frozen=True, slots=True)
class Reach:
    """How routers are reached where their own entry says nothing else: what a :class:`Target` has of the same name.

    Attributes:
        ssh: whether the CLI and SFTP may be opened; strict_models: whether only models known exactly are used.
        connect_wait: seconds for which a router that limits new sessions is waited for.
        jump: the SSH host to go through, ``[user@]host[:port]``, or a list of them.
        login_timeout, legacy_ssh: as of :class:`agent.model.device.Device`.
    """

    port: int = 830
    ssh_port: int = 22
    username: str | None = None
    password: Reference | None = None
    key_file: Path | None = None
    key_passphrase: Reference | None = None
    host_keys: HostKeys = field(default_factory=HostKeys)
    jump: str | None = None
    ssh_config: Path | None = None
    timeout: float = 60.0
    open_timeout: float = 30.0
    login_timeout: float = 30.0
    legacy_ssh: bool = False
    connect_wait: float = 120.0
    keepalive: int = 30
    ssh: bool = True
    strict_models: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One router: its name, and what its entry says; None where the run's own settings count.

    Attributes:
        host: name or address; the router's name where the entry gives none.
        window, tz: when it may be begun with, and by the clock of which zone.
        groups: the groups it is in, the nearest first; data: further values, for ``--where``.
        until: when its window closes, of one that is begun: behind that no change of it is.
        unrenewed: whether an earlier try may have brought the root and was ended before the licence was renewed.
        approved: what the plan file says of it by which a push goes; None without one.
    """

    name: str
    host: str
    port: int | None = None
    ssh_port: int | None = None
    username: str | None = None
    password: Reference | None = None
    key_file: Path | None = None
    key_passphrase: Reference | None = None
    jump: str | None = None
    login_timeout: float | None = None
    legacy_ssh: bool | None = None
    platform: str | None = None
    trustpoint: str | None = None
    method: Method | None = None
    window: tuple[Window, ...] | None = None
    tz: Zone | None = None
    groups: tuple[str, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict, repr=False)
    unrenewed: bool = False
    approved: Approved | None = field(default=None, repr=False)
    until: datetime | None = None

    @property
    def site(self) -> str | None:
        """Where it is, as its data say under ``site``."""
        return self.data.get("site")

    def for_worker(self) -> Target:
        """What a job needs of it; what the inventory says besides, which may be secret, stays where it was read."""
        return replace(self, platform=None, window=None, tz=None, groups=(), data={})

    def written_to(self) -> Target:
        """The same, where its run may have changed it before: what is not as approved may be the run's own."""
        return self if self.approved is None else replace(self, approved=replace(self.approved, begun=True))

    def reach(self, run: Reach) -> Reach:
        """How this router is reached where *run* says how the others are: its own entry counts first."""
        own = {name: value for name in _OWN if (value := getattr(self, name)) is not None}
        return replace(run, **own) if own else run

    def device(self, run: Reach, stop: Stop | None = None) -> Device:
        """The router with its secrets, to be called where it is reached; *stop* cancels a program that says one.

        Raises:
            InputError: a secret cannot be read, or a value cannot be used; the error names the router.
            Interrupted: it was cancelled.
        """
        from agent.ssh.settings.config import jump_host

        reach = self.reach(run)
        said: dict[str, Any] = {name: getattr(reach, name) for name in _OF_DEVICE}
        router = {name: getattr(self, name) for name in PLACEHOLDERS}
        try:
            for name in ("password", "key_passphrase"):
                said[name] = said[name] and said[name].resolve(router, stop)
            said["jump"] = jump_host(reach.jump, reach.host_keys, reach.ssh_config) if reach.jump else None
            return Device(self.host, label=self.name, **said)
        except InputError as error:
            error.device = self.name
            raise

    def intent(self, wanted: Intent) -> Intent:
        """*wanted* with this router's own trustpoint and method.

        Raises:
            InputError: they do not go together; the error names the router.
        """
        try:
            return replace(
                wanted,
                trustpoint=self.trustpoint or wanted.trustpoint,
                method=self.method or wanted.method,
                renew_anyway=self.unrenewed or wanted.renew_anyway,
            )
        except InputError as error:
            error.device = self.name
            raise


def _shared(one: type, other: type) -> tuple[str, ...]:
    """The fields that both dataclasses have."""
    return tuple({field.name for field in fields(one)} & {field.name for field in fields(other)})


_OWN, _OF_DEVICE = _shared(Target, Reach), _shared(Device, Reach)
