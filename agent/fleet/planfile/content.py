"""What a plan file holds, and its text: the same bytes for the same plan, whoever makes it and when.

It has no time, no user and no secret. Its last member is a digest of all the others, which tells a file that was edited
by accident; what somebody approved is known by the SHA-256 of the file as a whole.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Self

import agent
from agent.fleet.inventory.target import Target
from agent.fleet.results import objects
from agent.fleet.results.basis import Basis, digest
from agent.fleet.results.planned import Approved, Planned, planned
from agent.fleet.results.record import Result
from agent.fleet.results.structs import Anchor, Printed, about
from agent.model.caution import Caution
from agent.model.method import Method, Storage
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle
from agent.model.plan import Intent

KIND, FORMAT = "xr-agent-plan", 1
_SHA256 = "^[0-9a-f]{64}$"


class Root(Anchor, frozen=True, kw_only=True):
    """The root that is to be trusted."""

    pem: str

    @classmethod
    def of(cls, anchor: TrustAnchor) -> Self:
        """*anchor* as a file has it."""
        return cls(**objects.anchor_object(anchor).members(), pem=anchor.pem)


class Packed(Printed, frozen=True, kw_only=True):
    """The bundle of a trustpool import."""

    sha256: Annotated[str, about("", pattern=_SHA256)]
    size: Annotated[int, about("bytes", minimum=1)]
    data: Annotated[str, about("the file itself in base64")]

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """*bundle* as a file has it."""
        text = base64.b64encode(bundle.data).decode("ascii")
        return cls(sha256=hashlib.sha256(bundle.data).hexdigest(), size=len(bundle.data), data=text)

    def opened(self) -> Bundle:
        """The bundle.

        Raises:
            ValueError: the text is no base64.
            InputError: it is no bundle.
        """
        return Bundle.from_bytes(base64.b64decode(self.data, validate=True), source="its bundle")


class Options(Printed, frozen=True, kw_only=True):
    """The options of the plan, which are those of its push; named as in the library."""

    trustpoint: str
    method: Method
    enrollment_url: str | None
    bundle_url: str | None
    pem_url: str | None
    fetch_vrf: str | None
    then_trustpool: bool
    clean: bool
    storage: Storage
    replace: bool
    discard_foreign: bool
    renew: bool
    contact_wait: Annotated[float, about("seconds")]
    register: Annotated[bool, about("whether a token is used, which is given to the push anew")]
    ssh: Annotated[bool, about("whether the CLI and SFTP may be opened")]
    strict_models: bool


_OF_PUSH = frozenset(("register", "ssh", "strict_models"))
_OF_INTENT = tuple(name for name in Options.__struct_fields__ if name not in _OF_PUSH)


class PlanFile(Printed, frozen=True, kw_only=True):
    """What a push would do to each router, and all that this depends on."""

    kind: Annotated[str, about("", const=KIND)]
    format: Annotated[int, about("raised where an older xr-agent would misread it", const=FORMAT)]
    version: Annotated[str, about("of the xr-agent that planned")]
    root: Root
    bundle: Packed | None
    options: Options
    states: Annotated[
        dict[str, Basis], about("what the plans were made from, by its SHA-256", propertyNames={"pattern": _SHA256})
    ]
    routers: Annotated[tuple[Planned, ...], about("in the inventory's order")]
    digest: Annotated[str, about("SHA-256 of this file's text with nothing in this place", pattern=_SHA256)]

    @property
    def text(self) -> str:
        """The file."""
        return f"{objects.dump(self, 'json')}\n"

    def sealed(self) -> Self:
        """The same with the digest that belongs to it."""
        return self.evolve(digest=hashlib.sha256(self.evolve(digest="").text.encode("ascii")).hexdigest())

    def intent(self, caution: Caution) -> Intent:
        """What was wanted of every router, without its token and with what a push adds.

        Raises:
            ValueError, InputError: what the file says cannot be used.
        """
        if self.options.contact_wait < 0:
            raise ValueError("its contact_wait is below 0")
        chosen = {name: getattr(self.options, name) for name in _OF_INTENT}
        bundle = self.bundle.opened() if self.bundle else None
        anchor = TrustAnchor.from_pem(self.root.pem, source="its root")
        return Intent(anchor=anchor, bundle=bundle, caution=caution, **chosen)

    def approved(self, *, replan: bool) -> dict[str, Approved]:
        """What it says of each router, by the router's name, in its order."""
        states = self.states
        return {one.device: Approved(one, states[one.state] if one.state else None, replan) for one in self.routers}


class Collected:
    """The results of a plan run, gathered for its file; only what the file has of each is kept."""

    def __init__(
        self, intent: Intent, targets: Iterable[Target], *, ssh: bool, strict_models: bool, register: bool
    ) -> None:
        self._intent = intent
        self._targets = {target.name: target for target in targets}
        self._further: dict[str, Any] = {"ssh": ssh, "strict_models": strict_models, "register": register}
        self._states: dict[str, Basis] = {}
        self._routers: dict[str, Planned] = {}

    def add(self, result: Result) -> None:
        """What came of one router."""
        target, intent = self._targets[result.device], self._intent
        one = planned(result, target.trustpoint or intent.trustpoint, target.method or intent.method)
        self._routers[one.device] = one
        if one.state is not None and result.basis is not None:
            self._states.setdefault(one.state, result.basis)

    def file(self) -> PlanFile:
        """The file, once each router had its turn."""
        intent = self._intent
        return PlanFile(
            kind=KIND,
            format=FORMAT,
            version=agent.__version__,
            root=Root.of(intent.anchor),
            bundle=Packed.of(intent.bundle) if intent.bundle is not None else None,
            options=objects.made(intent, Options, **self._further),
            states=dict(sorted(self._states.items())),
            routers=tuple(self._routers[name] for name in self._targets),
            digest="",
        ).sealed()


def genuine(found: PlanFile) -> bool:
    """Whether all in *found* that stands for something else is of just that: digests, fingerprints, names of states.

    Raises:
        ValueError, InputError: its root or its bundle is none.
    """
    bundle = found.bundle
    named = {one.state for one in found.routers} - {None}
    return (
        found.sealed() == found
        and Root.of(TrustAnchor.from_pem(found.root.pem, source="its root")) == found.root
        and (bundle is None or Packed.of(bundle.opened()) == bundle)
        and named == set(found.states)
        and all(digest(one) == name for name, one in found.states.items())
        and len({one.device for one in found.routers}) == len(found.routers)
    )
