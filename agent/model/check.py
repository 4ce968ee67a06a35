"""Whether a push would find a router ready: what a look that changes nothing found, point by point."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.model.method import Method


class Standing(Enum):
    """How a point stands; UNKNOWN: it could not be looked at, or what was seen does not tell."""

    OK = "ok"
    NOT_OK = "not-ok"
    UNKNOWN = "unknown"


class Topic(Enum):
    """What a point is about, in the order in which they are looked at."""

    NAME = "name"
    PORT = "port"
    SSH = "ssh"
    HOST_KEY = "host-key"
    LOGIN = "login"
    NETCONF = "netconf"
    MODELS = "models"
    READS = "reads"
    CLI = "cli"
    SFTP = "sftp"
    SPACE = "space"
    CLOCK = "clock"


class Readiness(Enum):
    """What the points come to: READY where some method is possible by all that can be seen without a change."""

    READY = "ready"
    NOT_READY = "not-ready"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Point:
    """One point: in *detail* what is so of any router in this state, in *own* what is this one's, such as addresses."""

    topic: Topic
    standing: Standing
    detail: str
    hint: str | None = None
    own: str | None = None


@dataclass(frozen=True, slots=True)
class MethodPoint:
    """What the points mean for one method."""

    method: Method
    standing: Standing
    detail: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class SSHServer:
    """What an SSH server offers (RFC 4253 section 7.1), names as on the wire, and what is taken of it.

    Attributes:
        version: its identification, such as ``SSH-2.0-Cisco-2.0``.
        kex, host_algorithms, ciphers, macs: those for what it sends.
        taken: the first of ours that it has, in the same order; no MAC where the cipher brings its own.
    """

    version: str
    kex: tuple[str, ...] = ()
    host_algorithms: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostKey:
    """The host key that the device showed, and that was accepted."""

    algorithm: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One file system by the names it goes by (``harddisk:``); bytes, None where the device shows none."""

    prefixes: tuple[str, ...]
    size: int | None = None
    free: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """All points of one router, and what they mean for each method, in the order in which ``auto`` takes them.

    Attributes:
        login_methods: those that the device offered first, by their names on the wire.
    """

    device: str
    points: tuple[Point, ...]
    methods: tuple[MethodPoint, ...]
    address: str | None = None
    release: str | None = None
    server: SSHServer | None = None
    identity: HostKey | None = None
    login_methods: tuple[str, ...] = ()
    file_systems: tuple[FileSystem, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """The points that are not as they should be: not ok, then unknown with something to do, then the rest."""
        found = sorted(self.points, key=lambda one: one.standing is not Standing.NOT_OK and 1 + (one.hint is None))
        return tuple(
            f"{one.topic.value} {one.standing.value.replace('-', ' ')}: {one.detail}"
            for one in found
            if one.standing is not Standing.OK
        )

    @property
    def readiness(self) -> Readiness:
        """READY where a method is possible; UNKNOWN where one may be."""
        found = {one.standing for one in self.methods}
        if Standing.OK in found:
            return Readiness.READY
        return Readiness.UNKNOWN if Standing.UNKNOWN in found else Readiness.NOT_READY
