"""What is wanted, what is judged, what will be done about it, and why something will not."""

from __future__ import annotations

import re
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
from agent.model.pki.certificate import Evidence
from agent.model.state import ConfigModel, Enrollment, EnrollmentKind, State
from agent.model.steps import ClearCertificates, Installation, Note, Step

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
