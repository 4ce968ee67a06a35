"""What is transient and what is not, and how often the transient is tried again; tenacity is at home here.

A wait is a value (:class:`agent.model.outcome.Wait`) that steps yield: slept by :func:`driven`, the plain driver, and
by whoever drives many at once (:mod:`agent.fleet.parking`).
"""

from __future__ import annotations

import random as _random
import re
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, Never, TypeAlias, TypeVar, cast

from agent.model.errors import (
    AccessDenied,
    AgentError,
    ConnectError,
    ConsoleError,
    HostKeyError,
    Interrupted,
    LockDenied,
    OutcomeUnknown,
    ReplyTimeout,
    RPCError,
    RpcErrorInfo,
    SessionLost,
    SSHAuthenticationError,
    SSHNegotiationError,
)
from agent.model.local.clock import slept
from agent.model.outcome import Wait, Waiting

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

T = TypeVar("T")
Y = TypeVar("Y")
Waits: TypeAlias = Generator[Wait, None, T]
"""What has nothing to say on its way to a value, and may have to wait."""


class Disposition(Enum):
    """What an error asks for, the gravest last.

    TRANSIENT is tried again soon, SLOW after a minute, ONCE a single time. REDO: discard, read again, plan again, edit
    again. SUCCESS: what was wanted is so already. NEXT_MODEL: this model is not there, another may be. READ_BACK: the
    state must be read before anything else is sent.
    """

    SUCCESS = "success"
    TRANSIENT = "transient"
    ONCE = "once"
    SLOW = "slow"
    REDO = "redo"
    NEXT_MODEL = "next-model"
    READ_BACK = "read-back"
    PERMANENT = "permanent"


_TAGS = {
    "lock-denied": Disposition.TRANSIENT,
    "in-use": Disposition.TRANSIENT,
    "resource-denied": Disposition.TRANSIENT,
    "unknown-namespace": Disposition.NEXT_MODEL,
    "unknown-element": Disposition.NEXT_MODEL,
    "access-denied": Disposition.PERMANENT,
}
"""The error-tags (RFC 6241 appendix A) that say enough by themselves."""

_TEXTS = (
    ("no configuration changes to commit", Disposition.SUCCESS),
    ("one or more commits have occurred from other configuration sessions", Disposition.REDO),
    ("0x41866c00", Disposition.REDO),
    ("failed to commit one or more configuration items", Disposition.PERMANENT),
    ("not ready or active for login", Disposition.SLOW),
    ("datastore locked", Disposition.TRANSIENT),
    ("configuration namespace is locked by another agent", Disposition.TRANSIENT),
    ("a trial commit is underway", Disposition.TRANSIENT),
    ("ongoing confirmed commit", Disposition.TRANSIENT),
    ("not authorized", Disposition.PERMANENT),
)
"""Texts by which IOS XR says more than its error-tag (H50), in lower case, in error-info or error-message."""

_PASSING = re.compile(
    r"\b(?:try (?:it |this )?(?:again|later)|(?:please|and) retry|retry (?:later|after|in)|not (?:yet )?ready"
    r"|temporarily|is busy)\b"
)
"""Words by which a device says of itself that its refusal passes, in lower case; those of _TEXTS are stronger."""

_SENT_WRONG = frozenset(
    (
        "invalid-value",
        "too-big",
        "missing-attribute",
        "bad-attribute",
        "unknown-attribute",
        "missing-element",
        "bad-element",
        "data-exists",
        "data-missing",
        "operation-not-supported",
        "malformed-message",
    )
)
"""The error-tags that find fault with what was sent, which no words make pass."""

_ON_TRIAL = ("trial commit", "confirmed commit", "confirmed-commit")
"""By these words a refusal says that a commit waits for its confirmation: IOS XR's, netopeer2's and others'."""

_READS = ("get", "get-config")
_REPEATED = frozenset((Disposition.TRANSIENT, Disposition.SLOW, Disposition.ONCE))
_XML_TAG = re.compile(r"<[^>]*>")


def classify(error: BaseException) -> Disposition:
    """What *error* asks for.

    An rpc-error is judged by its error-tag, then its error-info, then its text, since XR often omits the message. Of
    several errors in one reply the gravest counts, warnings not at all. A read harms nobody: one that just failed is
    tried once more, whatever the text. What the CLI refused has its words alone.
    """
    match error:
        case AccessDenied() | HostKeyError() | SSHNegotiationError() | SSHAuthenticationError():
            return Disposition.PERMANENT
        case OutcomeUnknown():
            return Disposition.READ_BACK
        case RPCError():
            reading = error.operation.partition(" ")[0] in _READS
            found = [_of(info, reading) for info in error.errors if info.is_error]
            return max(found, key=list(Disposition).index, default=Disposition.PERMANENT)
        case ReplyTimeout() | SessionLost():
            return Disposition.TRANSIENT
        case ConnectError():
            return Disposition.SLOW if error.rate_limited else Disposition.TRANSIENT
        case ConsoleError() if not error.unauthorized:
            said = _of(RpcErrorInfo(message=error.message), reading=False)  # the router's words in it
            return said if said in (Disposition.TRANSIENT, Disposition.SLOW) else Disposition.PERMANENT
    return Disposition.PERMANENT


def passes(error: BaseException) -> bool:
    """Whether what failed by *error* may go well later."""
    return classify(error) is not Disposition.PERMANENT


def awaits_confirmation(error: AgentError) -> bool:
    """Whether it was refused because a confirmed commit, somebody's, waits for its confirmation."""
    return isinstance(error, RPCError) and any(
        word in text for info in error.errors if info.is_error for text in _said(info) for word in _ON_TRIAL
    )


def bare(error: AgentError) -> bool:
    """Whether it is an ``operation-failed`` that says nothing more."""
    return isinstance(error, RPCError) and all(_bare(info) for info in error.errors if info.is_error)


def _bare(error: RpcErrorInfo) -> bool:
    silent = all(text.strip(" .") in ("", "operation failed") for text in _said(error))
    return error.tag == "operation-failed" and silent


def _of(error: RpcErrorInfo, reading: bool) -> Disposition:
    if error.tag in _TAGS:
        return _TAGS[error.tag]
    if error.tag is None and error.session_id is not None:
        return Disposition.TRANSIENT  # only lock-denied names a session (RFC 6241 appendix A)
    said = _said(error)
    for text in said:
        for known, disposition in _TEXTS:
            if known in text:
                return disposition
    if error.tag not in _SENT_WRONG and any(_PASSING.search(text) for text in said):
        return Disposition.TRANSIENT
    # "Operation failed" without more says nothing; it is tried once more.
    once = _bare(error) or (reading and error.tag in (None, "operation-failed"))
    return Disposition.ONCE if once else Disposition.PERMANENT


def _said(error: RpcErrorInfo) -> list[str]:
    """Its words in lower case, without XML tags, line breaks and runs of blanks, by which devices differ."""
    return [" ".join(_XML_TAG.sub(" ", text or "").lower().split()) for text in (error.info, error.message)]


@cache
def _tenacious() -> type[Retrying]:
    """Retrying that may go on in another thread than it began in, as the steps of a push do that was parked.

    tenacity keeps its statistics for each thread, and looks for them in the one of now.
    """
    from tenacity import Retrying

    class Tenacious(Retrying):
        @cached_property
        def statistics(self) -> dict[str, Any]:
            return {}

    return Tenacious


def _error(state: RetryCallState) -> AgentError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, AgentError):
        raise AssertionError("only a try that failed by an error of the tree is repeated")
    return error


@dataclass(frozen=True, slots=True)
class Policy:
    """How often, how long and with what waits a transient failure is tried again.

    Attributes:
        attempts: tries in all.
        deadline: seconds from the first try after which none is begun.
        first, factor, longest: the exponential back-off, in seconds.
        slow: the least wait, in seconds, where the device limits the rate of sessions or is not ready.
        jitter: by what part of itself a wait may grow.
        repeats: what is tried again.
        told: is given the error and the seconds ahead of every wait for a device that limits the rate of sessions or
            is not ready.
        sleep, clock, random: time and chance, to be replaced in tests.
        idle: how a thread that has nothing to do waits on a condition for so many seconds, by the same time.
        now: the time of day, aware, for what outlasts this process.
        stop: waits up to that many seconds for a cancellation and says whether it came, as
            ``threading.Event.wait`` does; what is under way is then finished or undone.
    """

    attempts: int = 5
    deadline: float = 120.0
    first: float = 0.2
    factor: float = 2.0
    longest: float = 30.0
    slow: float = 60.0
    jitter: float = 0.25
    repeats: frozenset[Disposition] = _REPEATED
    told: Callable[[AgentError, float], None] | None = None
    sleep: Callable[[float], None] = slept
    idle: Callable[[threading.Condition, float], object] = threading.Condition.wait
    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = _random.random
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    stop: Callable[[float], bool] | None = None

    def wait(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            Interrupted: it was cancelled, now or before.
        """
        if self.stop is None:
            if seconds:
                self.sleep(seconds)
        elif self.stop(seconds):
            raise interrupted()

    def check(self) -> None:
        """As :meth:`wait`, for no time."""
        self.wait(0)

    def pause(
        self, seconds: float, why: Waiting, detail: str = "", *, release: Callable[[], None] | None = None
    ) -> Waits[None]:
        """A wait as a value; where none is needed the same as :meth:`check`."""
        if seconds > 0:
            yield Wait(seconds, why, detail, breakable=self.stop is not None, release=release)
        else:
            self.check()

    def unstopped(self) -> Policy:
        """The same for cleaning up, which no cancellation ends."""
        return replace(self, stop=None)

    def opening(self) -> Policy:
        """The same for a first connection: tried again only where the device limits new sessions.

        That nothing listens or a name is unknown then means a wrong address rather than a device that restarts.
        """
        return replace(self, repeats=frozenset((Disposition.SLOW,)))

    def repeated(
        self,
        attempt: Callable[[int], Generator[Y, None, T]],
        why: Waiting,
        *,
        never: tuple[type[AgentError], ...] = (),
        told: Callable[[AgentError], Iterable[Y]] = lambda _: (),
    ) -> Generator[Y | Wait, None, T]:
        """The steps of *attempt*, which is told its number, tried as the policy says, with waits between the tries.

        *told* says what is yielded of a failed try ahead of the wait for the next; errors that are *never* tried again,
        permanent ones and that of the last try are raised.
        """
        started = self.clock()
        try:
            return (yield from attempt(1))
        except AgentError as error:
            first = error
        from tenacity import retry_if_exception, retry_if_not_exception_type

        failed: list[AgentError] = []
        again = retry_if_exception(lambda error: classify(error) in self.repeats) & retry_if_not_exception_type(never)
        for current in _tenacious()(
            retry=again,
            stop=self._stop(started),
            wait=self._wait,
            before_sleep=lambda state: failed.append(_error(state)),
            sleep=lambda _: None,  # but yielded here
            reraise=True,
        ):
            if failed:
                yield from told(failed[-1])
                yield from self._waited(failed[-1], current.retry_state.upcoming_sleep, why)
            with current:
                if not failed:
                    raise first  # tenacity costs more than most tries, so it is told of one that failed alone
                return (yield from attempt(current.retry_state.attempt_number))
        raise AssertionError("a try neither returned nor raised, and none followed")

    def _waited(self, error: AgentError, seconds: float, why: Waiting) -> Waits[None]:
        if self.told is not None and classify(error) is Disposition.SLOW:
            self.told(error, seconds)
        holder = error.hint if isinstance(error, LockDenied) else None
        return self.pause(seconds, why, holder or error.message)

    def jittered(self, seconds: float) -> float:
        """*seconds* and a part of them, drawn anew each time, so that many do not come back at once."""
        return seconds * (1 + self.jitter * self.random())

    def _wait(self, state: RetryCallState) -> float:
        from tenacity import wait_exponential

        least = self.slow if classify(_error(state)) is Disposition.SLOW else 0.0
        grown = wait_exponential(multiplier=self.first, exp_base=self.factor, max=self.longest, min=least)
        return self.jittered(grown(state))

    def _stop(self, started: float) -> Callable[[RetryCallState], bool]:
        """Whether a failed try was the last: too many, a second bare failure, or the next would begin too late.

        By the policy's clock; tenacity's own ``stop_before_delay`` knows the machine's alone.
        """
        from tenacity import stop_after_attempt

        seen, attempts = list[Disposition](), stop_after_attempt(self.attempts)

        def stop(state: RetryCallState) -> bool:
            seen.append(classify(_error(state)))
            spent = self.clock() - started + state.upcoming_sleep
            return attempts(state) or seen.count(Disposition.ONCE) > 1 or spent > self.deadline

        return stop


def interrupted() -> Interrupted:
    """What a cancellation raises."""
    return Interrupted("interrupted", hint="run it again: it reads what is there before it does anything")


def at_once(action: Callable[[], T]) -> Waits[T]:
    """*action* as steps that wait for nothing."""
    yield from ()
    return action()


def relayed(
    steps: Generator[Y, None, T],
    *,
    around: Callable[[], AbstractContextManager[None]] = nullcontext,
    done: Callable[[Y], bool] = lambda _: False,
) -> Generator[Y, None, T]:
    """The same *steps*, each taken inside the context *around* it, less those that are *done* by themselves.

    What is thrown in, or raised by *done*, is raised where the steps are.
    """
    resume = partial(next, steps)
    while True:
        with around():
            try:
                step = resume()
            except StopIteration as end:
                value: T = end.value
                return value
        try:
            if not done(step):
                yield step
        except BaseException as error:  # noqa: BLE001 - it is the steps' to end by
            resume = partial(steps.throw, error)
        else:
            resume = partial(next, steps)


def driven(steps: Generator[Y | Wait, None, T], policy: Policy) -> Generator[Y, None, T]:
    """The plain driver: what *steps* yield, less the waits, which are slept by *policy* in between."""

    def slept(step: Y | Wait) -> bool:
        if isinstance(step, Wait):
            (policy if step.breakable else policy.unstopped()).wait(step.seconds)
        return isinstance(step, Wait)

    return cast("Generator[Y, None, T]", relayed(steps, done=slept))


def completed(steps: Waits[T], policy: Policy) -> T:
    """What *steps* return, their waits slept."""
    driving: Generator[Never, None, T] = driven(steps, policy)
    try:
        next(driving)
    except StopIteration as end:
        value: T = end.value
        return value
    raise AssertionError("steps that only wait yielded something else")
