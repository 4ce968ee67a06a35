"""What is wanted, what will be done about it, and why something will not."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from agent.model.caution import Caution
from agent.model.device import Secret
from agent.model.errors import InputError
from agent.model.method import Method, Storage
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle
from agent.model.pki.certificate import Certificate, Evidence
from agent.model.state import ConfigModel, DeviceTime, Enrollment, EnrollmentKind, State

RELOAD = (
    "a reload forgets what this enrollment brings: a trustpool import is the permanent way (--bundle FILE "
    "--then trustpool)"
)
"""What a plan and a verdict say of an anchor that a reload takes away."""

DRIFTED = "drifted"
"""What a router is called that is no longer as an approved plan saw it, which is then left alone."""

# The character set of trustpoint names in Cisco-IOS-XR-um-crypto-cfg.
_NAME = re.compile(r"[A-Za-z0-9_\-.:,@#%$+=|;]{1,128}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]")


def _plain(word: str) -> bool:
    """Whether it is one word of printable ASCII."""
    return word.isascii() and word.isprintable() and bool(word) and " " not in word


@dataclass(frozen=True, slots=True)
class Intent:
    """What is wanted: *anchor* trusted under *trustpoint*.

    Attributes:
        enrollment_url: from where the router fetches the certificate itself, instead of terminal enrollment.
        replace: allow replacing an enrollment that is configured otherwise, and another certificate that the trustpoint
            holds.
        discard_foreign: allow discarding a candidate that somebody else left dirty.
        renew: renew the licence authorization afterwards and wait for contact.
        renew_anyway: also where the anchor is there already and the last contact did not fail: an earlier try of this
            push may have brought it and was ended before the renewal.
        contact_wait: seconds to wait for that contact.
        bundle, bundle_url: what a trustpool import brings. Both: the router copies the bundle from there before it
            imports it, and its size is to be the bundle's.
        pem_url: from where the router copies the certificate for method FILE, in place of SFTP.
        fetch_vrf: the VRF in which the router copies, from ``pem_url`` or ``bundle_url``.
        clean: make the import drop what was imported into the trustpool before.
        then_trustpool: import the bundle as well after a method that a reload undoes.
        storage: where a file that the router shall read is put for that while.
        token: registers an unregistered device, once the root is proven; never shown.
        caution: how carefully the router is changed.

    Raises:
        InputError: a trustpoint name or URL that XML or the CLI cannot carry, or settings that exclude each other.
    """

    anchor: TrustAnchor = field(default_factory=TrustAnchor.bundled)
    trustpoint: str = "Trustpool"
    method: Method = Method.AUTO
    enrollment_url: str | None = None
    replace: bool = False
    discard_foreign: bool = False
    renew: bool = True
    renew_anyway: bool = False
    contact_wait: float = 60.0
    bundle: Bundle | None = None
    bundle_url: str | None = None
    pem_url: str | None = None
    fetch_vrf: str | None = None
    clean: bool = False
    then_trustpool: bool = False
    storage: Storage = Storage.HARDDISK
    token: Secret | None = None
    caution: Caution = field(default_factory=Caution)

    def __post_init__(self) -> None:
        self._check_names()
        self._check_fetched()
        self._check_bundle()

    def _check_names(self) -> None:
        name = self.trustpoint
        if not _NAME.fullmatch(name):
            raise InputError(
                f"the trustpoint name {name!r} cannot be used",
                hint="1 to 128 of the characters IOS XR takes: ASCII letters, digits and - _ . : , @ # % $ + = | ;",
            )
        for what, url in (
            ("enrollment", self.enrollment_url),
            ("bundle", self.bundle_url),
            ("certificate", self.pem_url),
        ):
            if url is not None and not (_plain(url) and _URL.match(url)):
                raise InputError(f"the {what} URL {url!r} cannot be used", hint="e.g. http://ca.example/root.pem")
        if self.fetch_vrf is not None and not _plain(self.fetch_vrf):
            raise InputError(f"the VRF {self.fetch_vrf!r} cannot be used", hint="its name as configured, one word")

    def _check_fetched(self) -> None:
        if self.pem_url is not None and self.enrollment_url is not None:
            said = "the router is to copy the certificate, and to enroll by a URL"
            raise InputError(said, hint="give one of --pem-url and --enrollment-url")
        if self.fetch_vrf is not None and self.pem_url is None and self.bundle_url is None:
            raise InputError("a VRF is given, and nothing to copy in it", hint="give --pem-url or --bundle-url")

    def _check_bundle(self) -> None:
        if self.bundle is not None and not self.bundle.holds(self.anchor):
            raise InputError(
                f"the bundle does not hold {self.anchor.name}", hint="get the bundle that does, e.g. ios.p7b of Cisco"
            )
        wanted = self.method is Method.TRUSTPOOL or self.then_trustpool or self.clean
        if wanted and not self.has_bundle:
            raise InputError("a trustpool import needs a bundle", hint="give --bundle FILE or --bundle-url URL")

    @property
    def has_bundle(self) -> bool:
        """Whether there is something to import into the trustpool."""
        return self.bundle is not None or self.bundle_url is not None

    @property
    def copies_bundle(self) -> bool:
        """Whether the router is to copy the bundle from its URL before it imports it."""
        return self.bundle_url is not None and (self.bundle is not None or self.fetch_vrf is not None)

    @property
    def enrollment(self) -> Enrollment:
        """The enrollment that the methods ``rpc`` and ``dialog`` configure."""
        if self.enrollment_url:
            return Enrollment(EnrollmentKind.URL, self.enrollment_url)
        return Enrollment(EnrollmentKind.TERMINAL)


@dataclass(frozen=True, slots=True)
class Fetch:
    """A file that the router itself copies from *url*, in *vrf*, by rpc ``copy``.

    ``typed``: no model lists or deletes files, so that is done at the CLI.
    """

    url: str
    vrf: str | None = None
    typed: bool = False

    def diff(self, path: str, removed: str) -> str:
        """What is done, as a line of a plan."""
        vrf = f" vrf={self.vrf}" if self.vrf else ""
        how = "at the CLI" if self.typed else "by rpc delete"
        return f"> rpc copy {self.url}{vrf} to {path}, its size looked at, {removed} {how}"


@dataclass(frozen=True, slots=True)
class ConfigureTrustpoint:
    """The trustpoint with its enrollment: through *model*, or over the CLI where that is ``ConfigModel.NONE``.

    Through a model: lock, edit, validate, commit, unlock. Over the CLI: configure, the two lines, commit.
    """

    model: ConfigModel
    trustpoint: str
    enrollment: Enrollment
    replaces: Enrollment | None = None
    creates: bool = True

    @property
    def before(self) -> Enrollment | None:
        """The enrollment that is there before the change; None for no trustpoint."""
        return None if self.creates else self.replaces or Enrollment(EnrollmentKind.NONE)

    def diff(self) -> list[str]:
        """The change as CLI lines, prefixed ``+``, ``-`` or blank."""
        head = f"{'+' if self.creates else ' '} crypto ca trustpoint {self.trustpoint}"
        gone = [f"-  {self.replaces.cli}"] if self.replaces else []
        typed = ["# no model carries it: these lines are typed at the CLI over SSH"]
        return [*(typed if self.model is ConfigModel.NONE else []), head, *gone, f"+  {self.enrollment.cli}"]


@dataclass(frozen=True, slots=True)
class ClearCertificates:
    """rpc ``ca-clear-certificates``: *held*, another certificate than the anchor, is removed from *trustpoint*."""

    trustpoint: str
    held: Certificate

    def diff(self) -> list[str]:
        """The action and what goes by it."""
        return [f"> rpc ca-clear-certificates server-name={self.trustpoint}", f"- CA certificate {self.held.described}"]


class Installation(ABC):
    """A step that brings *anchor* by one method, whose class in ``remedy/methods`` carries it out.

    ``clears``: what has to go first, right ahead of the action that brings the anchor, so that what fails before it
    costs nothing.
    """

    __slots__ = ()
    anchor: TrustAnchor
    clears: ClearCertificates | None = None

    @property
    @abstractmethod
    def method(self) -> Method: ...

    @abstractmethod
    def diff(self) -> list[str]:
        """What it does, line by line, and the certificate expected from it."""


@dataclass(frozen=True, slots=True)
class Authenticate(Installation):
    """rpc ``ca-authenticate``, repeated by policy with the state read before each repeat, then read back.

    ``fetches``: the device fetches the certificate from its enrollment url, which takes a while. ``storage``: the PEM
    is put there first and given as ``file-path``; None for none. ``fetch``: from where the router copies it there, in
    place of SFTP.
    """

    trustpoint: str
    anchor: TrustAnchor
    fetches: bool = False
    storage: Storage | None = None
    fetch: Fetch | None = None
    clears: ClearCertificates | None = None

    @property
    def method(self) -> Method:
        """FILE where a file is put there first."""
        return Method.RPC if self.storage is None else Method.FILE

    def diff(self) -> list[str]:
        expected = f"+ CA certificate {self.anchor.name} sha1 {self.anchor.sha1}"
        rpc = f"> rpc ca-authenticate server-name={self.trustpoint}"
        if self.storage is None:
            return [*_cleared(self), rpc, expected]
        path = f"{self.storage.folder}/xr-agent-….pem"
        removed = "removed afterwards"
        put = f"> sftp {path}, {removed}" if self.fetch is None else self.fetch.diff(path, removed)
        return [put, *_cleared(self), f"{rpc} file-path={path}", expected]


@dataclass(frozen=True, slots=True)
class Dialog(Installation):
    """``crypto ca authenticate NAME`` at the CLI over SSH: paste the PEM, accept only the anchor, read back."""

    trustpoint: str
    anchor: TrustAnchor
    clears: ClearCertificates | None = None

    method = Method.DIALOG

    def diff(self) -> list[str]:
        expected = f"+ CA certificate {self.anchor.name} sha1 {self.anchor.sha1}"
        return [*_cleared(self), f"> ssh: crypto ca authenticate {self.trustpoint}", expected]


def _cleared(step: Installation) -> list[str]:
    return step.clears.diff() if step.clears else []


@dataclass(frozen=True, slots=True)
class ImportBundle(Installation):
    """Import a bundle into the trustpool, then find the anchor in ``show crypto ca trustpool``.

    Attributes:
        bundle: copied to the router by SFTP, on to /tmp, and removed from both; None where ``url`` is imported.
        fetch: from where the router copies it, in place of SFTP; ``bundle`` then tells its size, where it is given.
        rpc: by rpc ca-trustpool-import-url; else by exec ``crypto ca trustpool import url``.
        copy: rpc ``copy`` of shellutil-copy-act is there for the way to /tmp; else ``run cp``.
        clean: by the variant that drops what was imported before.
    """

    anchor: TrustAnchor
    bundle: Bundle | None = None
    url: str | None = None
    rpc: bool = True
    copy: bool = False
    clean: bool = False
    storage: Storage = Storage.HARDDISK
    fetch: Fetch | None = None

    method = Method.TRUSTPOOL

    @property
    def suffix(self) -> str:
        """How the file's name ends on the router."""
        return self.bundle.suffix if self.bundle is not None else ".p7b"

    def diff(self) -> list[str]:
        url, lines = self.url, list[str]()
        if url is None:
            path = f"{self.storage.folder}/xr-agent-…{self.suffix}"
            url = f"/tmp/xr-agent-…{self.suffix}"  # noqa: S108 - a path on the router
            removed = f"copied to {url}, both removed"
            lines = [f"> sftp {path}, {removed}" if self.fetch is None else self.fetch.diff(path, removed)]
        if self.rpc:
            lines.append(f"> rpc ca-trustpool-import-url{'-clean' if self.clean else ''} url={url}")
        else:
            lines.append(f"> ssh: crypto ca trustpool import url{' clean' if self.clean else ''} {url}")
        return [*lines, f"+ trustpool certificate {self.anchor.name} sha1 {self.anchor.sha1}"]


@dataclass(frozen=True, slots=True)
class Register:
    """rpc ``register-id-token``, once the root is proven; the token is shown nowhere; None in a plan that is kept."""

    token: Secret | None

    def diff(self) -> list[str]:
        """The action."""
        return ["> rpc register-id-token id-token=*** (only after the root is proven)"]


@dataclass(frozen=True, slots=True)
class RenewAuthorization:
    """rpc ``renew-auth``, then wait up to ``wait`` seconds for a successful contact newer than the one before."""

    wait: float
    newer_than: DeviceTime | None = None

    def diff(self) -> list[str]:
        """The action and what is awaited."""
        return [f"> rpc renew-auth, then up to {self.wait:g} s for a newer contact"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something that will not be done although it might be expected, and why; ``about`` names it in the outcome."""

    text: str
    about: str = "note"

    def diff(self) -> list[str]:
        """The sentence as a comment."""
        return [f"# {self.text}"]


Step = ConfigureTrustpoint | Installation | Register | RenewAuthorization | Note


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried before anything is changed, ``CLI``, ``SFTP`` or ``space`` for a file, and what came of it."""

    way: str
    works: bool
    detail: str
    hint: str | None = None

    def diff(self) -> list[str]:
        """It as a comment."""
        return [f"# tried: {self.way}{'' if self.works else ' failed'}: {self.detail}"]


def following(fallbacks: Sequence[Method]) -> list[str]:
    """What may follow a method, as lines of a plan."""
    after = " then ".join(method.value for method in fallbacks)
    return [f"# if that is refused or brings no certificate: {after}"] if after else []


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps for one device, in order; falsy when no step changes anything.

    Attributes:
        present: the evidence by which the anchor was there before.
        persistent: whether what was there before outlives a reload; None where nothing was, or no source says.
        fallbacks: the methods that are tried after this one is refused or brings no certificate; each is planned anew
            from the state that is read then.
        tried: the ways beside NETCONF that it and its fallbacks need, as they were tried.
        state: what the plan is made from: a claim that is held against the device before anything is written to it.
            None, as in a plan that travelled, makes it planned anew.
        exact: whether it was approved as it is: where the device is no longer as it saw it, nothing is done.
    """

    device: str
    intent: Intent
    method: Method
    config_model: ConfigModel
    steps: tuple[Step, ...] = ()
    release: str | None = None
    present: Evidence = Evidence.NONE
    persistent: bool | None = None
    fallbacks: tuple[Method, ...] = ()
    tried: tuple[Tried, ...] = ()
    state: State | None = field(default=None, compare=False, repr=False)
    exact: bool = False

    def __bool__(self) -> bool:
        return bool(self.acts)

    @property
    def acts(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if not isinstance(step, Note))

    @property
    def clears(self) -> ClearCertificates | None:
        """The certificate that has to go for the anchor, if one has."""
        return next((step.clears for step in self.steps if isinstance(step, Installation) and step.clears), None)

    def diff(self) -> list[str]:
        """What will change, line by line; the comment ``# nothing to do`` when that is nothing."""
        lines = [line for step in self.steps for line in step.diff()]
        if not self:
            return ["# nothing to do", *lines]
        return [*lines, *following(self.fallbacks), *(line for one in self.tried for line in one.diff())]


@dataclass(frozen=True, slots=True)
class Skip:
    """No plan for this device, with the reason and what would help; always falsy.

    ``kind``: the word by which its outcome's error goes.
    """

    device: str
    reason: str
    hint: str | None = None
    release: str | None = None
    config_model: ConfigModel = ConfigModel.NONE
    tried: tuple[Tried, ...] = ()
    kind: str = "skipped"

    def __bool__(self) -> bool:
        return False

    def diff(self) -> list[str]:
        """The reason as comments."""
        tried = [line for one in self.tried for line in one.diff()]
        return [f"# skipped: {self.reason}", *([f"# {self.hint}"] if self.hint else []), *tried]


class VerdictKind(Enum):
    """What ``assess`` says of a device."""

    AFFECTED = "affected"
    NOT_AFFECTED = "not-affected"
    REMEDIED = "remedied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement over one device.

    ``warnings`` concern the device whatever the verdict, and stand among the reasons, too. ``deadlines`` are aware
    datetimes under the keys ``comm_failed`` (30 days after the last contact), ``authorization_expired`` (90) and
    ``unregistered`` (365); empty where the last contact is not known. Of a device that has the anchor, or needs none,
    only those to come are among them. ``persistent``: whether the anchor that is there outlives a reload.
    """

    device: str
    kind: VerdictKind
    reasons: tuple[str, ...]
    deadlines: tuple[tuple[str, datetime], ...] = ()
    warnings: tuple[str, ...] = ()
    persistent: bool | None = None
