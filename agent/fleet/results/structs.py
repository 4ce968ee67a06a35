"""The results of commands as types: what ``--format json`` prints, the journal keeps and reports show.

The schemas in ``agent/cli/schemas`` are made of them by ``scripts/schemas.py``. A journal may be of an older or a newer
xr-agent: what it has besides is passed over, and all that does not make a result what it is has a default.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import asdict, force_setattr

from agent.model.check import Readiness, Standing, Topic
from agent.model.masking.redact import masked
from agent.model.method import Method
from agent.model.outcome import Result, Status
from agent.model.pki.certificate import Evidence
from agent.model.plan import VerdictKind
from agent.model.state import AuthorizationState, ConfigModel, ReadBy, RegistrationState


def about(text: str, **schema: Any) -> Meta:
    """What a schema says of a member beside its type: a description, and further keywords."""
    return Meta(description=text or None, extra_json_schema=schema or None)


class Printed(Struct, frozen=True):
    """A result, or a part of one. Passwords of URLs are masked in all its texts, however it was made.

    But for ``device``, by which programs find their router; an inventory takes no name with a password.
    """

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, str):
                if name != "device" and (said := masked(value)) is not value:
                    force_setattr(self, name, said)
            elif isinstance(value, tuple | list) and value and isinstance(value[0], str):
                force_setattr(self, name, tuple(masked(text) for text in value))

    def evolve(self, **members: Any) -> Self:
        """The same with other *members*."""
        return type(self)(**{**asdict(self), **members})

    def members(self) -> dict[str, Any]:
        """The members as this program names them, not what is below them."""
        return asdict(self)


Moment = Annotated[datetime, Meta(tz=True, extra_json_schema={"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"})]
Count = Annotated[int, about("", minimum=0)]
Number = Annotated[int, about("", minimum=1)]
Texts = tuple[str, ...]
Deadlines = Annotated[
    dict[str, Moment],
    about(
        "by FN72290 30, 90 and 365 days after the last successful contact; empty where that is not known; of a device "
        "that is remedied or not affected only those to come",
        propertyNames={"enum": ["comm_failed", "authorization_expired", "unregistered"]},
    ),
]


class Step(Printed, frozen=True):
    """One step of a push, how it ended, and a sentence about it."""

    step: str
    status: Status
    detail: str = ""


class Error(Printed, frozen=True):
    """Why nothing came of a device."""

    kind: Annotated[
        str,
        about(
            "a word of the error tree, e.g. connect, host-key, lock-denied, and: skipped, drifted, unplanned, "
            "window, declined, worker-lost, interrupted, bug"
        ),
    ]
    message: str
    hint: Annotated[str | None, about("what to do next")] = None


class Push(Printed, frozen=True, kw_only=True):
    """What a push did on one device."""

    device: str
    address: Annotated[str | None, about("host:port")] = None
    release: str | None = None
    result: Result = field(name="outcome")
    method: Method | None = None
    config_model: ConfigModel = ConfigModel.NONE
    evidence: Annotated[Evidence, about("by what the certificate on the device is known to be the anchor")] = (
        Evidence.NONE
    )
    persistent: Annotated[
        bool | None,
        about("whether the certificate outlives a reload; null where nothing was installed or no source says"),
    ] = None
    steps: tuple[Step, ...] = ()
    retries: Count = 0
    elapsed_s: Annotated[float, about("", minimum=0)] = 0.0
    error: Error | None = None


class Assess(Printed, frozen=True, kw_only=True):
    """The verdict over one device."""

    device: str
    kind: VerdictKind = field(name="verdict")
    reasons: Annotated[Texts, about("", minItems=1)] = ()
    warnings: Annotated[Texts, about("what concerns the device whatever the verdict; among the reasons, too")] = ()
    deadlines: Deadlines = {}
    persistent: Annotated[
        bool | None, about("of a remedied device whether the root outlives a reload; null where no source says")
    ] = None


class Support(Printed, frozen=True, kw_only=True):
    """What a device that announces this allows."""

    source: Annotated[str, about("the file, or the devices (RELEASE PLATFORM, …) that announce the same")]
    config_model: ConfigModel = ConfigModel.NONE
    methods: Annotated[
        tuple[Method, ...],
        about("in order of preference; trustpool needs a bundle, dialog and trustpool the CLI over SSH"),
    ] = ()
    trustpoint_state: ReadBy = ReadBy.NONE
    licensing_state: ReadBy = ReadBy.NONE
    evidence: Annotated[Evidence, about("the best that can be had")] = Evidence.NONE
    files: Annotated[
        Texts, about("what of files its models do: space, copy, list, delete; SFTP and the CLI do the others")
    ] = ()
    clear_certificates: Annotated[bool, about("whether push --replace can remove another certificate")] = False
    reasons: Annotated[Texts, about("what is missing, or stands in for it")] = ()


class Syslog(Printed, frozen=True, kw_only=True):
    """What a syslog collector's text has of one host."""

    host: Annotated[
        str,
        about("as the device calls itself in its messages, else as the collector wrote it; unknown where nobody did"),
    ]
    state: Annotated[
        str,
        about("recovered: the server was reached after the last of its messages", enum=["lost", "recovered"]),
    ]
    first: Annotated[str | None, about("the time of the first message, as written")] = None
    last: str | None = None
    restored: Annotated[str | None, about("when the server was reached again, as written")] = None
    signatures: Annotated[
        dict[str, Annotated[int, about("", minimum=1)]],
        about("how often each message was seen, e.g. SMART_LIC-3-COMM_FAILED", minProperties=1),
    ]


class Record(Printed, frozen=True, kw_only=True):
    """A recording that was made of one device."""

    device: str
    address: str | None
    file: Annotated[str, about("where it is")]
    release: str | None
    ended: Annotated[str, about("how", enum=["finished", "failed", "interrupted"])]
    why: Annotated[str | None, about("it failed")]
    sanitised: Annotated[bool, about("whether stand-ins are in the place of what is nobody's business")]
    sessions: int
    messages: Annotated[int, about("of NETCONF, both ways")]
    commands: Annotated[int, about("lines that were typed at the CLI")]
    files: Annotated[int, about("requests over SFTP")]
    bytes: Annotated[int, about("what messages, and what was typed and printed, come to")]
    replaced: Annotated[dict[str, int], about("how many different values of each kind have a stand-in")]
    unread: Annotated[Texts, about("what could not be read, and why")]


class Finding(Printed, frozen=True, kw_only=True):
    """What in a recording looks like a secret or like somebody's."""

    event: Annotated[Number, about("its number, which is that of its line in the file")]
    line: Annotated[Number, about("within its text")]
    what: str
    text: str


class Anchor(Printed, frozen=True, kw_only=True):
    """Which certificate is wanted."""

    subject: str
    serial: str
    sha1: Annotated[str, about("", pattern="^[0-9A-F]{40}$")]
    sha256: Annotated[str, about("", pattern="^[0-9A-F]{64}$")]
    not_before: Moment
    not_after: Moment


class Skip(Printed, frozen=True):
    """Why there is no plan."""

    reason: str
    hint: str | None = None


class Tried(Printed, frozen=True):
    """A way beside NETCONF that was tried, since the plan or what may follow it needs it."""

    way: Annotated[str, about("", enum=["CLI", "SFTP"])]
    works: bool
    detail: str
    hint: Annotated[str | None, about("what to do next")] = None


class Plan(Printed, frozen=True, kw_only=True):
    """What a push would do on one device."""

    device: str
    address: str | None = None
    release: str | None = None
    anchor: Anchor
    changes: Annotated[bool, about("whether anything is to be done")] = False
    method: Method | None = None
    config_model: ConfigModel = ConfigModel.NONE
    present: Annotated[
        Evidence | None, about("by what the anchor is known to be there already; null where there is no plan")
    ] = None
    fallbacks: Annotated[
        tuple[Method, ...], about("the methods tried after this one is refused or brings no certificate")
    ] = ()
    diff: Annotated[Texts, about("one line each: + added, - removed, > an action, # a remark, blank for context")] = ()
    tried: Annotated[tuple[Tried, ...], about("what was tried beside NETCONF; nothing where nothing needs it")] = ()
    skip: Skip | None = None
    error: Error | None = None


class Poll(Printed, frozen=True, kw_only=True):
    """One look at the licensing state of one device."""

    time: Annotated[Moment, about("when it was taken, by this machine's clock")]
    device: str
    registration: RegistrationState | None = None
    authorization: AuthorizationState | None = None
    last_comm_success: bool | None = None
    last_comm_time: Annotated[str | None, about("as the device wrote it")] = None
    changed: Annotated[Texts, about("the fields that differ from the sample before", uniqueItems=True)] = ()
    error: Annotated[str | None, about("why nothing could be read; null where it could")] = None
    anchor_present: Annotated[
        bool | UnsetType | None,
        about("whether the trustpoint shows the root; null where that cannot be told; not in what is kept"),
    ] = UNSET


class CheckPoint(Printed, frozen=True, kw_only=True):
    """One point."""

    topic: Topic = field(name="point")
    standing: Standing = field(name="state")
    detail: str
    hint: Annotated[str | None, about("what to do next")] = None
    own: Annotated[str | None, about("what only this device has of it, such as an address or a fingerprint")] = None


class CheckMethod(Printed, frozen=True, kw_only=True):
    """What the points mean for one method."""

    method: Method
    standing: Standing = field(name="state")
    detail: str
    hint: str | None = None


class SSHServer(Printed, frozen=True):
    """What the SSH server offers, by the names on the wire."""

    version: Annotated[str, about("its identification, e.g. SSH-2.0-Cisco-2.0")]
    kex: Texts = ()
    host_algorithms: Texts = ()
    ciphers: Texts = ()
    macs: Texts = ()
    taken: Annotated[
        Texts,
        about(
            "the first of ours that it has: key exchange, host key, encryption, MAC; none where the cipher needs none"
        ),
    ] = ()


class HostKey(Printed, frozen=True):
    """The host key that the device showed, and that was accepted."""

    algorithm: str
    fingerprint: Annotated[str, about("", pattern="^SHA256:")]


class FileSystem(Printed, frozen=True):
    """One file system."""

    prefixes: Annotated[Texts, about("the names it goes by, e.g. harddisk:")]
    size: Annotated[int | None, about("bytes")] = None
    free: Annotated[int | None, about("bytes")] = None


class Check(Printed, frozen=True, kw_only=True):
    """Whether a push would find a device ready."""

    device: str
    address: str | None = None
    release: str | None = None
    readiness: Annotated[Readiness, about("ready where some method is possible by all that can be seen")] = (
        Readiness.UNKNOWN
    )
    points: tuple[CheckPoint, ...] = ()
    methods: Annotated[tuple[CheckMethod, ...], about("in the order in which auto takes them")] = ()
    server: SSHServer | None = None
    identity: Annotated[HostKey | None, about("the host key that the device showed, where it was accepted")] = None
    login_methods: Annotated[Texts, about("those that the device offered first, by their names on the wire")] = ()
    file_systems: tuple[FileSystem, ...] = ()
    error: Annotated[Error | None, about("why the device was not looked at")] = None


if TYPE_CHECKING:
    Answer = Assess | Check | Plan | Poll | Push
else:
    Answer = dict[str, Any]  # as the schemas have it: msgspec tells no structs apart that have no tag
"""What a command of a run prints of one router."""
