"""What happened: events while it does, waits between them, one outcome at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from agent.model.errors import AgentError
from agent.model.method import Method
from agent.model.pki.certificate import Certificate, Evidence
from agent.model.state import ConfigModel


class Result(Enum):
    """How a push ended on one device."""

    REMEDIED = "remedied"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class Status(Enum):
    """How one step stands."""

    STARTED = "started"
    DONE = "done"
    RETRY = "retry"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One line of the outcome: the step, how it ended, and a sentence about it."""

    step: str
    status: Status
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as data: its kind (a word of the error tree), its message, what to do next."""

    kind: str
    message: str
    hint: str | None = None

    @classmethod
    def of(cls, error: AgentError) -> Failure:
        """The data of *error*."""
        return cls(error.kind, error.message, error.hint)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a push did on one device, and the evidence by which it is called done.

    Attributes:
        changed: whether the device was changed, or may have been.
        persistent: whether the certificate that is there outlives a reload; None where none is, or no source says.
        removed: the certificate that was removed from the trustpoint, or may have been, as the device showed it.
        elapsed_s: seconds by the injected clock, from the begin of the plan on: connecting and reading come before it.
    """

    device: str
    result: Result
    address: str | None = None
    release: str | None = None
    method: Method | None = None
    config_model: ConfigModel = ConfigModel.NONE
    evidence: Evidence = Evidence.NONE
    persistent: bool | None = None
    steps: tuple[StepRecord, ...] = ()
    retries: int = 0
    elapsed_s: float = 0.0
    error: Failure | None = None
    changed: bool = False
    removed: Certificate | None = None

    @property
    def well(self) -> bool:
        """Whether nobody has to look at the device: remedied or unchanged."""
        return self.result in (Result.REMEDIED, Result.UNCHANGED)


@dataclass(frozen=True, slots=True)
class Event:
    """One sign of progress; the last one of a run carries the outcome."""

    device: str
    step: str
    status: Status
    detail: str = ""
    outcome: Outcome | None = None


class Waiting(Enum):
    """What a device is waited for."""

    BUSY = "a device that is busy"
    LOCK = "a lock"
    TRIAL = "the end of a commit on trial"
    ANSWER = "a late answer"
    CERTIFICATE = "a certificate"
    CONFIGURATION = "what was committed"
    CONTACT = "contact with the licensing server"
    SESSION = "a new session"
    TURN = "its turn to open a session"
    INTERVAL = "the next look"
    PUSH = "another push of the router"


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done on a device for so many *seconds*: steps yield it to whoever drives them, who comes back.

    Attributes:
        detail: what was said of it, such as the refusal behind it; may be empty.
        breakable: whether a cancellation breaks it off: :class:`agent.model.errors.Interrupted` is then thrown
            into the steps. Where it does not, something was begun that is to be seen through.
        release: closes the connections to the device, which the steps open again; whoever drives many may call it ahead
            of the wait. None where something is held by them.
        until: where an answer is on its way, and no time has to pass: has what it is given called, once or more and in
            any thread, when that has come, and says for how many seconds it is waited for at most. Whoever comes back
            before has the steps wait for it themselves.
    """

    seconds: float
    why: Waiting
    detail: str = ""
    breakable: bool = True
    release: Callable[[], None] | None = field(default=None, repr=False, compare=False)
    until: Callable[[Callable[[], object]], float] | None = field(default=None, repr=False, compare=False)


def steps_of(events: Iterable[Event]) -> tuple[StepRecord, ...]:
    """The steps of a push that was broken off: those that ended, and as ``unknown`` the one that was under way."""
    steps: list[StepRecord] = []
    under_way: Event | None = None
    for event in events:
        if event.outcome is not None:
            continue
        if event.status is Status.STARTED:
            under_way = event
        elif event.status is not Status.RETRY:
            steps.append(StepRecord(event.step, event.status, event.detail))
            under_way = None if under_way is None or under_way.step == event.step else under_way
    if under_way is not None:
        steps.append(StepRecord(under_way.step, Status.UNKNOWN, under_way.detail))
    return tuple(steps)
