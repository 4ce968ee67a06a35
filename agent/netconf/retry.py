"""What is transient and what is not, and how often the transient is tried again; tenacity is at home here."""

from __future__ import annotations

import random as _random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from agent.model.errors import (
    AccessDenied,
    AgentError,
    ConnectError,
    ConsoleError,
    HostKeyError,
    Interrupted,
    OutcomeUnknown,
    ReplyTimeout,
    RPCError,
    RpcErrorInfo,
    SessionLost,
    SSHAuthenticationError,
)

if TYPE_CHECKING:
    from tenacity import BaseRetrying, RetryCallState

T = TypeVar("T")


class Disposition(Enum):
    """What an error asks for.

    TRANSIENT is tried again soon, SLOW after a minute, ONCE a single time. REDO: discard, read again, plan again, edit
    again. SUCCESS: what was wanted is so already. NEXT_MODEL: this model is not there, another may be. READ_BACK: the
    state must be read before anything else is sent.
    """

    TRANSIENT = "transient"
    SLOW = "slow"
    ONCE = "once"
    REDO = "redo"
    SUCCESS = "success"
    NEXT_MODEL = "next-model"
    PERMANENT = "permanent"
    READ_BACK = "read-back"


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
"""Texts by which IOS XR says more than its error-tag, in lower case; they stand in error-info or error-message."""

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
_GRAVITY = (
    Disposition.SUCCESS,
    Disposition.TRANSIENT,
    Disposition.ONCE,
    Disposition.SLOW,
    Disposition.REDO,
    Disposition.NEXT_MODEL,
    Disposition.READ_BACK,
    Disposition.PERMANENT,
)
_XML_TAG = re.compile(r"<[^>]*>")


def classify(error: BaseException, *, deleting: bool = False) -> Disposition:
    """What *error* asks for; *deleting* makes ``data-missing`` a success.

    An rpc-error is judged by its error-tag, then its error-info, then its text, since XR often omits the message. Of
    several errors in one reply the gravest counts, warnings not at all. A read harms nobody: one that just failed is
    tried once more, whatever the text. What the CLI refused has its words alone.
    """
    match error:
        case AccessDenied() | HostKeyError() | SSHAuthenticationError():
            return Disposition.PERMANENT
        case OutcomeUnknown():
            return Disposition.READ_BACK
        case RPCError():
            reading = error.operation.partition(" ")[0] in _READS
            found = [_of(info, deleting, reading) for info in error.errors if info.is_error]
            return max(found, key=_GRAVITY.index, default=Disposition.PERMANENT)
        case ReplyTimeout() | SessionLost():
            return Disposition.TRANSIENT
        case ConnectError():
            return Disposition.SLOW if error.rate_limited else Disposition.TRANSIENT
        case ConsoleError() if not error.unauthorized:
            said = _of(RpcErrorInfo(message=error.message), deleting=False, reading=False)  # the router's words in it
            return said if said in (Disposition.TRANSIENT, Disposition.SLOW) else Disposition.PERMANENT
    return Disposition.PERMANENT


def awaits_confirmation(error: AgentError) -> bool:
    """Whether it was refused because a confirmed commit, somebody's, waits for its confirmation."""
    if not isinstance(error, RPCError):
        return False
    said = [text for info in error.errors if info.is_error for text in (_plain(info.info), _plain(info.message))]
    return any(word in text for text in said for word in _ON_TRIAL)


def bare(error: AgentError) -> bool:
    """Whether it is an ``operation-failed`` that says nothing more."""
    return isinstance(error, RPCError) and all(_bare(info) for info in error.errors if info.is_error)


def _bare(error: RpcErrorInfo) -> bool:
    said = [_plain(error.info), _plain(error.message)]
    return error.tag == "operation-failed" and all(text.strip(" .") in ("", "operation failed") for text in said)


def _of(error: RpcErrorInfo, deleting: bool, reading: bool) -> Disposition:
    if error.tag == "data-missing" and deleting:
        return Disposition.SUCCESS
    if error.tag in _TAGS:
        return _TAGS[error.tag]
    if error.tag is None and error.session_id is not None:
        return Disposition.TRANSIENT  # only lock-denied names a session (RFC 6241 appendix A)
    said = [_plain(error.info), _plain(error.message)]
    for text in said:
        for known, disposition in _TEXTS:
            if known in text:
                return disposition
    if error.tag not in _SENT_WRONG and any(_PASSING.search(text) for text in said):
        return Disposition.TRANSIENT
    # "Operation failed" without more says nothing; it is tried once more.
    once = _bare(error) or (reading and error.tag in (None, "operation-failed"))
    return Disposition.ONCE if once else Disposition.PERMANENT


def _plain(text: str | None) -> str:
    """The words in lower case, without XML tags, line breaks and runs of blanks, by which devices differ."""
    return " ".join(_XML_TAG.sub(" ", text or "").lower().split())


class Attempt:
    """One try, to be used in a ``with``: an error inside it goes through, unless another try follows.

    Attributes:
        number: 1 for the first try.
        error: what this try failed by where another one follows, else None.
        wait: seconds until that one begins.
    """

    def __init__(self, retrying: BaseRetrying, state: RetryCallState) -> None:
        self.number = state.attempt_number
        self.error: AgentError | None = None
        self.wait = 0.0
        self._retrying = retrying
        self._state = state

    def __enter__(self) -> Attempt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if kind is None or not isinstance(error, AgentError):
            return False
        self._state.set_exception((kind, error, trace))
        try:
            self._retrying.iter(self._state)
        except AgentError:  # tenacity raises the same error again where no further try is due
            return False
        self.error, self.wait = error, self._state.upcoming_sleep
        return True


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
        now: the time of day, aware, for what outlasts this process.
        stop: waits up to that many seconds for the wish to end and says whether it came, as
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
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = _random.random
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    stop: Callable[[float], bool] | None = None

    def wait(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            Interrupted: the wish to end came, now or before.
        """
        if self.stop is None:
            if seconds:
                self.sleep(seconds)
        elif self.stop(seconds):
            raise Interrupted("interrupted", hint="run it again: it reads what is there before it does anything")

    def unstopped(self) -> Policy:
        """The same for cleaning up, which the wish to end does not end."""
        return replace(self, stop=None)

    def opening(self) -> Policy:
        """The same for a first connection: tried again only where the device limits new sessions.

        That nothing listens or a name is unknown then means a wrong address rather than a device that restarts.
        """
        return replace(self, repeats=frozenset((Disposition.SLOW,)))

    def pause(self, error: AgentError, number: int = 1) -> float:
        """Seconds to let pass after the try of that *number* failed by *error*; each call draws its jitter anew."""
        try:
            wait = min(self.longest, self.first * self.factor ** (number - 1))
        except OverflowError:  # a lock may be waited for more than a thousand times
            wait = self.longest
        if classify(error) is Disposition.SLOW:
            wait = max(wait, self.slow)
        return wait * (1 + self.jitter * self.random())

    def tries(self) -> Iterator[Attempt]:
        """Tries; between two of them it sleeps. One that succeeded, or left its ``with`` by an error, is the last.

        A ``for`` over them sees the failed try's ``error`` and ``wait`` before the sleep begins.
        """
        from tenacity import RetryCallState, Retrying, retry_if_exception

        retrying = Retrying(
            sleep=self.sleep,
            stop=self._stop(),
            wait=self._wait,
            reraise=True,
            retry=retry_if_exception(lambda error: classify(error) in self.repeats),
        )
        retrying.begin()
        state = RetryCallState(retrying, None, (), {})
        while True:
            attempt = Attempt(retrying, state)
            yield attempt
            if attempt.error is None:
                return
            state.prepare_for_next_attempt()
            if self.told is not None and classify(attempt.error) is Disposition.SLOW:
                self.told(attempt.error, attempt.wait)
            self.wait(attempt.wait)

    def run(
        self,
        action: Callable[[], T],
        *,
        before_repeat: Callable[[], T | None] | None = None,
        on_retry: Callable[[int, AgentError], None] | None = None,
    ) -> T:
        """*action*'s value, tried as the policy says; the error of the last try, or a permanent one, is raised.

        *before_repeat* reads the state before every repeat; what it returns, unless None, ends the tries. *on_retry*
        is told the number and the error of a failed try before the wait for the next.
        """
        for attempt in self.tries():
            with attempt:
                if attempt.number > 1 and before_repeat is not None and (found := before_repeat()) is not None:
                    return found
                return action()
            if on_retry is not None and attempt.error is not None:
                on_retry(attempt.number, attempt.error)
        raise AssertionError("a try neither returned nor raised, and none followed")

    def _stop(self) -> Callable[[RetryCallState], bool]:
        """Whether a failed try was the last: too many, a second bare failure, or the next would begin too late."""
        started = self.clock()
        seen: list[Disposition] = []

        def stop(state: RetryCallState) -> bool:
            seen.append(_disposition(state))
            spent = self.clock() - started + state.upcoming_sleep
            return len(seen) >= self.attempts or seen.count(Disposition.ONCE) > 1 or spent > self.deadline

        return stop

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return self.pause(error, state.attempt_number) if isinstance(error, AgentError) else 0.0


def _disposition(state: RetryCallState) -> Disposition:
    error = state.outcome.exception() if state.outcome else None
    return Disposition.PERMANENT if error is None else classify(error)
