"""What came of a run: live as results, kept as records of plain values that a journal stores and a report shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import field

from agent.fleet.results import objects
from agent.fleet.results.basis import Basis
from agent.fleet.results.renewal import Renewal, interrupted, renewal
from agent.fleet.results.structs import (
    Answer,
    Assess,
    Check,
    Count,
    Deadlines,
    Error,
    Moment,
    Printed,
    Push,
    Step,
    Texts,
    about,
)
from agent.model.check import Check as Checked
from agent.model.check import Readiness
from agent.model.errors import LoginWithheld
from agent.model.method import Method
from agent.model.outcome import Failure, Outcome, Status
from agent.model.outcome import Result as PushResult
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Evidence
from agent.model.plan import Plan as Planned
from agent.model.plan import Skip, Verdict, VerdictKind
from agent.model.state import AuthorizationState, Licensing
from agent.remedy.assess import deadlines_of

if TYPE_CHECKING:
    from agent.remedy.poll import Sample

PLANNED = "planned"
"""What a router is called that is to be changed."""
_RENEWAL, _OPEN = ("renew-auth", "contact"), (Status.FAILED, Status.UNKNOWN)
_EXPIRED = (
    AuthorizationState.EVAL_EXPIRED,
    AuthorizationState.AUTHORIZATION_EXPIRED,
    AuthorizationState.NOT_AUTHORIZED,
)


class Kind(Enum):
    """What a run does with each router."""

    CHECK = "check"
    ASSESS = "assess"
    PLAN = "plan"
    PUSH = "push"
    POLL = "poll"


class RunState(Enum):
    """How a run stands. STOPPED: too many failures, or its maintenance window ended; LOST: its process died."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one router; exactly one of *check*, *verdict*, *plan*, *outcome*, *sample* and *error* is set.

    ``sample``: of a poll its last look that said something new, one that failed as well.
    ``error``: the router could not be reached or read, or its own entry cannot be used; nothing was changed.
    ``legacy_ssh``: whether it was reached with legacy SSH algorithms.
    ``due``: the licensing deadlines, as they were read before anything was done.
    ``basis``: what a plan was made from; only a plan run has it.
    ``began``, ``ended``: UTC, by this machine's clock.
    """

    device: str
    kind: Kind
    address: str | None = None
    release: str | None = None
    check: Checked | None = None
    verdict: Verdict | None = None
    plan: Planned | Skip | None = None
    outcome: Outcome | None = None
    sample: Sample | None = None
    error: Failure | None = None
    legacy_ssh: bool = False
    due: tuple[tuple[str, datetime], ...] = ()
    basis: Basis | None = None
    began: datetime | None = None
    ended: datetime | None = None

    @property
    def word(self) -> str:
        """The readiness, the verdict, the push's result, ``planned``, ``nothing-to-do`` or ``skipped``; ``failed`` or
        ``unknown`` of one that could not be read, ``skipped`` of one that was not tried. Of a poll ``contacted``,
        ``not-contacted``, ``policy-based``, or the authorization state that knows no contact."""
        if self.check is not None:
            return self.check.readiness.value
        if self._licensing is not None:
            return _contact(self._licensing)
        if self.verdict is not None:
            return self.verdict.kind.value
        if self.outcome is not None:
            return self.outcome.result.value
        if isinstance(self.plan, Skip):
            return PushResult.SKIPPED.value
        if self.plan is not None:
            return PLANNED if self.plan else "nothing-to-do"
        return VerdictKind.UNKNOWN.value if self.kind in (Kind.ASSESS, Kind.CHECK) else self._unread.value

    @property
    def well(self) -> bool:
        """Whether nobody has to look at the router."""
        if self.check is not None:
            return self.check.readiness is Readiness.READY
        if self._licensing is not None:
            return self._licensing.last_comm_success is not False and self._licensing.authorization not in _EXPIRED
        if self.verdict is not None:
            return self.verdict.kind not in (VerdictKind.AFFECTED, VerdictKind.UNKNOWN)
        if self.outcome is not None:
            return self.outcome.well
        return self.plan is not None and not isinstance(self.plan, Skip)

    @property
    def failure(self) -> Failure | None:
        """Why it did not go well, where an error says so."""
        if self.sample is not None and self.sample.error is not None:
            return Failure(self.sample.kind or "error", self.sample.error)
        return self.outcome.error if self.outcome is not None else self.error

    @property
    def renewal(self) -> Renewal | None:
        """What a push that proved the root left open of the licence's renewal."""
        return renewal(self.outcome.steps) if self.outcome is not None and self.outcome.well else None

    @property
    def _unread(self) -> PushResult:
        untried = self.error is not None and self.error.kind == LoginWithheld.kind
        return PushResult.SKIPPED if untried else PushResult.FAILED

    @property
    def _deadlines(self) -> tuple[tuple[str, datetime], ...]:
        """Those of the verdict, or of a poll; of a plan or a push those of a router that is still in need."""
        if self.verdict is not None:
            return self.verdict.deadlines
        if self.sample is not None:
            return self._polled_deadlines
        return self.due if not self.well or self.word == PLANNED else ()

    @property
    def _polled_deadlines(self) -> tuple[tuple[str, datetime], ...]:
        """Those of the last look; of a router that needs none further only what is to come."""
        found, sample = deadlines_of(self._licensing), self.sample
        if sample is None or not self.well:
            return found
        return tuple((name, when) for name, when in found if when >= sample.time)

    @property
    def _licensing(self) -> Licensing | None:
        return self.sample.licensing if self.sample is not None else None

    def plain(self, anchor: TrustAnchor) -> Answer:
        """What the command for one router prints; *anchor* is what was wanted."""
        if self.sample is not None:
            return objects.poll_object(self.sample)
        if self.plan is not None:
            return objects.plan_object(self.plan, anchor, address=self.address)
        if self.kind is Kind.PLAN:
            return objects.unplanned_object(self.device, self.address, anchor, self.error)
        if self.kind is Kind.CHECK:
            if self.check is not None:
                return objects.check_object(self.check)
            return Check(device=self.device, address=self.address, error=objects.failure(self.error))
        if self.kind is Kind.ASSESS:
            said = (self.error.message,) if self.error else ()
            return objects.assess_object(self.verdict or Verdict(self.device, VerdictKind.UNKNOWN, said))
        unread = Outcome(self.device, self._unread, address=self.address, error=self.error)
        return objects.push_object(self.outcome or unread)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is so: of the verdict, of a plan that was skipped, of a check the points that are not ok."""
        if self.check is not None:
            return self.check.reasons
        if self.verdict is not None:
            return self.verdict.reasons
        return (self.plan.reason,) if isinstance(self.plan, Skip) else ()

    def record(self, anchor: TrustAnchor) -> DeviceRecord:
        """As it is kept; *anchor* as of :meth:`plain`."""
        plain, outcome = self.plain(anchor), self.outcome
        return DeviceRecord(
            device=self.device,
            address=self.address,
            word=self.word,
            well=self.well,
            release=self.release,
            method=outcome.method if outcome else None,
            evidence=outcome.evidence if outcome else None,
            deadlines=dict(self._deadlines),
            reasons=self.reasons,
            steps=plain.steps if isinstance(plain, Push) else (),
            error=objects.failure(self.failure),
            legacy_ssh=self.legacy_ssh,
            began=self.began,
            ended=self.ended,
            plain=plain,
        )


def _contact(seen: Licensing) -> str:
    if seen.last_comm_success is not None:
        return "contacted" if seen.last_comm_success else "not-contacted"
    if seen.policy_based:
        return "policy-based"
    return seen.authorization.value if seen.authorization else VerdictKind.UNKNOWN.value


_WORDS = sorted(
    {PLANNED, "nothing-to-do", "doubtful", "waiting", "contacted", "not-contacted", "policy-based"}.union(
        word.value for words in (Readiness, VerdictKind, PushResult, AuthorizationState) for word in words
    )
)
Word = Annotated[
    str,
    about(
        "the readiness, the verdict, the push's outcome, planned, nothing-to-do, skipped or failed; of a poll the "
        "contact, else the authorization; doubtful where it was begun and nothing came of it, waiting where it was not",
        enum=_WORDS,
    ),
]
Counts = Annotated[dict[str, Count], about("how many routers ended in each word", propertyNames={"enum": _WORDS})]


class DeviceRecord(Printed, frozen=True, rename={"plain": "result"}):
    """One router of a run as the journal gives it back and the report shows it; ``word`` as of :attr:`Result.word`.

    While nothing has come of it ``word`` is ``doubtful`` where it was begun, else ``waiting``, and ``plain`` is None.
    """

    device: str
    word: Word
    well: Annotated[bool, about("whether it ended, and nobody has to look at it")] = False
    address: str | None = None
    release: str | None = None
    method: Method | None = None
    evidence: Evidence | None = None
    batch: Annotated[str | None, about("of a run in batches")] = None
    deadlines: Deadlines = field(default_factory=dict)
    reasons: Texts = ()
    steps: Annotated[
        tuple[Step, ...], about("those of the outcome; of a router in doubt what was written down until then")
    ] = ()
    error: Error | None = None
    legacy_ssh: Annotated[bool, about("whether it was reached with legacy SSH algorithms")] = False
    began: Moment | None = None
    ended: Moment | None = None
    plain: Annotated[
        Answer | None, about("what the command for one router prints: schema check, assess, plan, push or poll")
    ] = None
    site: Annotated[str | None, about("what the inventory says under site")] = None
    groups: Annotated[Texts, about("the groups of the inventory that it is in, the nearest first")] = ()

    @property
    def passing(self) -> bool:
        """Whether it has the root, and loses it at its next reload."""
        return self.well and isinstance(self.plain, Assess | Push) and self.plain.persistent is False

    @property
    def unheard(self) -> bool:
        """Whether it did not reach the licensing server, as far as was waited for that."""
        return self.word == "not-contacted" or any(
            step.step in _RENEWAL and (step.status in _OPEN or interrupted(step)) for step in self.steps
        )

    @property
    def reached(self) -> str | None:
        """How far it came, where it is in doubt: its last step."""
        if self.ended is not None or not self.steps:
            return None
        return f"{self.steps[-1].step} {self.steps[-1].status.value}"

    @property
    def renewal(self) -> Renewal | None:
        """As of :attr:`Result.renewal`."""
        return renewal(self.steps) if self.well else None

    @property
    def in_need(self) -> bool:
        """Whether something is to be done to it, or may be: it is not known to have the root or to need none."""
        return not self.well or self.word == PLANNED


class Router(DeviceRecord, frozen=True, kw_only=True):
    """The same as ``history`` prints it, with its run."""

    run: str
    kind: Kind
    word: Word = field(name="result")
    plain: Annotated[
        Answer | None,
        about(
            "what the command printed for the router: schema check, assess, plan, push or poll; null before it ended"
        ),
    ] = field(name="object")


class RunRecord(Printed, frozen=True, kw_only=True):
    """One run: who did what, when and with which settings; the settings hold references, never secrets."""

    run: Annotated[str, about("the run's name in the journal")]
    kind: Kind
    state: Annotated[
        RunState,
        about("stopped: too many failures, or its maintenance window ended; lost: its process died"),
    ]
    change_ref: Annotated[str | None, about("the change it belongs to")] = None
    plan: Annotated[str | None, about("SHA-256 of the plan file that it goes by")] = None
    user: str
    host: Annotated[str, about("the machine it ran on")]
    version: Annotated[str, about("of xr-agent")]
    began: Moment
    ended: Annotated[Moment | None, about("null where it had not ended")] = None
    settings: Annotated[dict[str, Any], about("as the run was started; secrets by their references, or as ***")] = (
        field(default_factory=dict)
    )
    counts: Counts = field(default_factory=dict)
