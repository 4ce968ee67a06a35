"""Retrying: every answer IOS XR gives has its meaning, and no try is begun too often, too soon or too late."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.errors import (
    AccessDenied,
    AgentError,
    AnchorMismatch,
    CapabilityMissing,
    CertificateMissing,
    ConnectError,
    HostKeyError,
    InputError,
    Interrupted,
    LockDenied,
    OutcomeUnknown,
    PolicyRefused,
    ProtocolError,
    ReplyTimeout,
    RPCError,
    RpcErrorInfo,
    SchemaError,
    SessionLost,
    SSHAuthenticationError,
    TransportError,
)
from agent.model.outcome import Wait, Waiting
from agent.netconf.retry import Disposition, Policy, Waits, at_once, classify, completed, driven

FOREIGN = "One or more commits have occurred from other configuration sessions since this session started"
# SYNTHETIC: the words are IOS XR's, the replies around them are not recorded.
ANSWERS = [
    (RpcErrorInfo(tag="lock-denied", session_id="17"), Disposition.TRANSIENT),
    (RpcErrorInfo(tag="lock-denied"), Disposition.TRANSIENT),
    (RpcErrorInfo(session_id="17"), Disposition.TRANSIENT),
    (RpcErrorInfo(tag="in-use"), Disposition.TRANSIENT),
    (RpcErrorInfo(tag="resource-denied"), Disposition.TRANSIENT),
    (RpcErrorInfo(tag="operation-failed", message="Datastore locked"), Disposition.TRANSIENT),
    (
        RpcErrorInfo(tag="operation-failed", message="Configuration Namespace is locked by another agent"),
        Disposition.TRANSIENT,
    ),
    (RpcErrorInfo(tag="operation-failed", message="A trial commit is underway"), Disposition.TRANSIENT),
    (RpcErrorInfo(tag="operation-failed", message="No configuration changes to commit"), Disposition.SUCCESS),
    (RpcErrorInfo(tag="operation-failed", message="\n  No configuration changes\n  to commit.\n"), Disposition.SUCCESS),
    (
        RpcErrorInfo(tag="operation-failed", info="<error-info><e>No configuration changes to commit</e></error-info>"),
        Disposition.SUCCESS,
    ),
    (RpcErrorInfo(tag="operation-failed", message=FOREIGN), Disposition.REDO),
    (RpcErrorInfo(tag="operation-failed", info="<error-info><code>0x41866c00</code></error-info>"), Disposition.REDO),
    (
        RpcErrorInfo(tag="operation-failed", message="'CfgMgr' detected the 'warning' condition (0x41866C00)"),
        Disposition.REDO,
    ),
    (
        RpcErrorInfo(tag="operation-failed", message="Failed to commit one or more configuration items"),
        Disposition.PERMANENT,
    ),
    (
        RpcErrorInfo(tag="operation-failed", message="This (D)RP Node is not ready or active for login /configuration"),
        Disposition.SLOW,
    ),
    # What itself says that it passes.
    (
        RpcErrorInfo(
            tag="operation-failed",
            message="'sysdb' detected the 'try again' condition 'Could not create connection to SysDB or an EDM'",
        ),
        Disposition.TRANSIENT,
    ),
    (
        RpcErrorInfo(tag="operation-failed", message="'CEPKI' detected the 'warning' condition 'Process not ready'"),
        Disposition.TRANSIENT,
    ),
    (RpcErrorInfo(tag="operation-failed", message="Backend is not yet ready."), Disposition.TRANSIENT),
    (RpcErrorInfo(tag="operation-failed", message="Resource temporarily unavailable"), Disposition.TRANSIENT),
    (RpcErrorInfo(tag="operation-failed", message="The server is busy; please retry later"), Disposition.TRANSIENT),
    (
        RpcErrorInfo(tag="operation-failed", info="<error-info><reason>TRY  AGAIN</reason></error-info>"),
        Disposition.TRANSIENT,
    ),
    (RpcErrorInfo(tag="rpc-error", message="Please try again later"), Disposition.TRANSIENT),
    (RpcErrorInfo(tag="operation-failed", message="Not authorized: log in and try again"), Disposition.PERMANENT),
    (RpcErrorInfo(tag="invalid-value", message="Correct the value and try again"), Disposition.PERMANENT),
    (
        RpcErrorInfo(tag="operation-failed", message="Interface busybox0 retry-count is out of range"),
        Disposition.PERMANENT,
    ),
    (RpcErrorInfo(tag="unknown-namespace"), Disposition.NEXT_MODEL),
    (RpcErrorInfo(tag="unknown-element"), Disposition.NEXT_MODEL),
    (RpcErrorInfo(tag="access-denied"), Disposition.PERMANENT),
    (RpcErrorInfo(tag="operation-failed", message="This command is not authorized"), Disposition.PERMANENT),
    (RpcErrorInfo(tag="operation-failed"), Disposition.ONCE),
    (RpcErrorInfo(tag="operation-failed", message="Operation failed"), Disposition.ONCE),
    (RpcErrorInfo(tag="operation-failed", message="Operation failed.", info="<error-info/>"), Disposition.ONCE),
    (
        RpcErrorInfo(tag="operation-failed", message="Operation failed", info="<error-info><e>bad</e></error-info>"),
        Disposition.PERMANENT,
    ),
    (RpcErrorInfo(tag="operation-failed", message="the disk is on fire"), Disposition.PERMANENT),
    (RpcErrorInfo(tag="invalid-value"), Disposition.PERMANENT),
    (RpcErrorInfo(tag="data-missing"), Disposition.PERMANENT),
    # The tag decides before error-info, and error-info before the text.
    (RpcErrorInfo(tag="in-use", message="Failed to commit one or more configuration items"), Disposition.TRANSIENT),
    (
        RpcErrorInfo(
            tag="operation-failed",
            info="<error-info>Datastore locked</error-info>",
            message="Failed to commit one or more configuration items",
        ),
        Disposition.TRANSIENT,
    ),
]

ERRORS = [
    (ReplyTimeout("no answer"), Disposition.TRANSIENT),
    (SessionLost("it ended"), Disposition.TRANSIENT),
    (OutcomeUnknown("the answer was lost"), Disposition.READ_BACK),
    (ConnectError("reset", rate_limited=True), Disposition.SLOW),
    (ConnectError("refused"), Disposition.TRANSIENT),
    (SSHAuthenticationError("no"), Disposition.PERMANENT),
    (HostKeyError("changed"), Disposition.PERMANENT),
    (TransportError("as before"), Disposition.PERMANENT),
    (ProtocolError("no XML"), Disposition.PERMANENT),
    (SchemaError("too long"), Disposition.PERMANENT),
    (CapabilityMissing("no candidate"), Disposition.PERMANENT),
    (PolicyRefused("dirty"), Disposition.PERMANENT),
    (InputError("no PEM"), Disposition.PERMANENT),
    (CertificateMissing("nothing there"), Disposition.PERMANENT),
    (AnchorMismatch("another one"), Disposition.PERMANENT),
    (ValueError("a bug"), Disposition.PERMANENT),
]

BUSY = RPCError([RpcErrorInfo(tag="in-use")])
BARE = RPCError([RpcErrorInfo(tag="operation-failed")])
NOT_READY = RPCError([RpcErrorInfo(tag="operation-failed", message="not ready or active for login")])
REFUSED = RPCError([RpcErrorInfo(tag="invalid-value")])


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def policy(self, *, attempts: int = 5, deadline: float = 120.0, longest: float = 30.0, draw: float = 0.0) -> Policy:
        return Policy(
            attempts=attempts,
            deadline=deadline,
            longest=longest,
            sleep=self.sleep,
            clock=lambda: self.now,
            random=lambda: draw,
        )


class Action:
    """Raises *failures* one after the other, then returns ``done``."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


def tried(policy: Policy, action: Callable[[], str]) -> str:
    """*action*, its waits slept."""
    return completed(steps_of(policy, action), policy)


def steps_of(policy: Policy, action: Callable[[], str], **how: Any) -> Waits[str]:
    return policy.repeated(lambda _: at_once(action), Waiting.LOCK, **how)


@pytest.mark.parametrize("info, expected", ANSWERS, ids=str)
def test_an_answer_is_classified_by_tag_then_info_then_text(info: RpcErrorInfo, expected: Disposition) -> None:
    assert classify(RPCError([info])) is expected


@pytest.mark.parametrize("error, expected", ERRORS, ids=repr)
def test_every_other_error_is_classified_by_its_type(error: Exception, expected: Disposition) -> None:
    assert classify(error) is expected


@pytest.mark.parametrize("operation", ["get certificate", "get-config trustpoint"])
def test_a_read_that_just_failed_is_tried_once_more(operation: str) -> None:
    def failed(tag: str) -> RPCError:
        return RPCError([RpcErrorInfo(tag=tag, message="the disk is on fire")], operation=operation)

    assert classify(failed("operation-failed")) is Disposition.ONCE
    for final in ("invalid-value", "data-missing", "access-denied", "operation-not-supported"):
        assert classify(failed(final)) is Disposition.PERMANENT
    assert classify(failed("unknown-element")) is Disposition.NEXT_MODEL


def test_refusals_of_a_type_of_their_own_are_classified_as_such() -> None:
    assert classify(LockDenied([RpcErrorInfo(tag="lock-denied")])) is Disposition.TRANSIENT
    # Not authorized is permanent even where the tag alone would be tried once more.
    assert classify(AccessDenied([RpcErrorInfo(tag="operation-failed")])) is Disposition.PERMANENT


@pytest.mark.parametrize("first", [info for info, _ in ANSWERS], ids=str)
def test_one_permanent_error_makes_the_reply_permanent(first: RpcErrorInfo) -> None:
    grave = RpcErrorInfo(tag="invalid-value")
    assert classify(RPCError([first, grave])) is Disposition.PERMANENT
    assert classify(RPCError([grave, first])) is Disposition.PERMANENT


def test_warnings_do_not_count() -> None:
    warning = RpcErrorInfo(tag="invalid-value", severity="warning")
    assert classify(RPCError([warning, RpcErrorInfo(tag="in-use", severity="error")])) is Disposition.TRANSIENT
    assert classify(RPCError([warning])) is Disposition.PERMANENT


def test_a_transient_failure_is_repeated_with_growing_waits() -> None:
    time, action = Time(), Action(BUSY, SessionLost("gone"), ReplyTimeout("slow"))
    assert tried(time.policy(), action) == "done"
    assert action.calls == 4
    assert time.slept == [0.2, 0.4, 0.8]


def test_a_wait_is_capped_and_grows_by_the_jitter_at_most() -> None:
    time = Time()
    tried(time.policy(longest=0.3, draw=1.0), Action(BUSY, BUSY, BUSY))
    assert time.slept == pytest.approx([0.25, 0.375, 0.375])


def test_the_last_error_is_raised_itself_when_the_tries_are_used_up() -> None:
    time, last = Time(), ReplyTimeout("the last one")
    action = Action(BUSY, BUSY, last, BUSY)
    with pytest.raises(ReplyTimeout) as caught:
        tried(time.policy(attempts=3), action)
    assert caught.value is last
    assert action.calls == 3
    assert len(time.slept) == 2


@pytest.mark.parametrize(
    "error",
    [
        REFUSED,
        OutcomeUnknown("lost"),
        AnchorMismatch("another"),
        RPCError([RpcErrorInfo(tag="unknown-element")]),
        RPCError([RpcErrorInfo(tag="operation-failed", message=FOREIGN)]),
        RPCError([RpcErrorInfo(tag="operation-failed", message="No configuration changes to commit")]),
    ],
    ids=str,
)
def test_what_is_not_transient_is_raised_at_once(error: AgentError) -> None:
    time, action = Time(), Action(error)
    with pytest.raises(type(error)) as caught:
        tried(time.policy(), action)
    assert caught.value is error
    assert (action.calls, time.slept) == (1, [])


def test_a_bug_is_not_repeated() -> None:
    action = Action(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        tried(Time().policy(), action)
    assert action.calls == 1


def test_a_bare_failure_is_repeated_once_only() -> None:
    action = Action(BARE, BARE, BARE)
    with pytest.raises(RPCError):
        tried(Time().policy(), action)
    assert action.calls == 2


def test_a_bare_failure_behind_transient_ones_has_its_one_repeat_too() -> None:
    action = Action(BUSY, BUSY, BARE)
    assert tried(Time().policy(), action) == "done"
    assert action.calls == 4


def test_a_rate_limit_is_waited_out_for_a_minute_at_least() -> None:
    time = Time()
    tried(time.policy(draw=0.5), Action(ConnectError("reset", rate_limited=True)))
    tried(time.policy(draw=0.0), Action(NOT_READY))
    assert time.slept == pytest.approx([67.5, 60.0])


LIMITED = ConnectError("reset", rate_limited=True)


@pytest.mark.parametrize("error", [error for error, _ in ERRORS if error is not ERRORS[3][0]], ids=repr)
def test_a_first_connection_that_fails_otherwise_than_by_a_limit_is_not_tried_again(error: Exception) -> None:
    time, action = Time(), Action(error)
    with pytest.raises(type(error)):
        tried(time.policy().opening(), action)
    assert (action.calls, time.slept) == (1, [])


def test_a_first_connection_waits_out_a_limit_of_new_sessions() -> None:
    time = Time()
    assert tried(time.policy(draw=0.2).opening(), Action(LIMITED)) == "done"
    assert time.slept == pytest.approx([63.0])


@pytest.mark.parametrize("deadline, draw, tries", [(120.0, 0.0, 3), (120.0, 0.01, 2), (60.0, 0.0, 2), (59.0, 0.0, 1)])
def test_a_limit_that_stays_is_waited_for_within_the_deadline(deadline: float, draw: float, tries: int) -> None:
    time, action = Time(), Action(*[LIMITED] * 9)
    with pytest.raises(ConnectError) as caught:
        tried(time.policy(deadline=deadline, draw=draw).opening(), action)
    assert caught.value is LIMITED
    assert action.calls == tries
    assert sum(time.slept) <= deadline


def test_only_a_wait_for_a_limit_is_told_and_before_it_begins() -> None:
    time, told = Time(), list[tuple[str, int, int]]()

    def tell(error: AgentError, seconds: float) -> None:
        told.append((error.message, round(seconds), len(time.slept)))

    tried(replace(time.policy(draw=0.2), told=tell), Action(BUSY, LIMITED))
    assert told == [("reset", 63, 1)]


def test_a_cancellation_ends_the_wait_for_a_limit() -> None:
    asked: list[float] = []

    def stop(seconds: float) -> bool:
        asked.append(seconds)
        return True

    action = Action(LIMITED)
    with pytest.raises(Interrupted):
        tried(replace(Time().policy(), stop=stop).opening(), action)
    assert (action.calls, asked) == (1, [60.0])


def test_a_lock_may_be_waited_for_as_often_as_it_takes() -> None:
    time = Time()
    action = Action(*[BUSY] * 1100)
    assert tried(time.policy(attempts=10**6, deadline=1e6, longest=5.0), action) == "done"
    assert time.slept[-1] == 5.0


@given(
    st.lists(st.sampled_from([BUSY, BARE, NOT_READY, SessionLost("gone")]), max_size=12),
    st.integers(1, 8),
    st.floats(0.0, 300.0),
    st.floats(0.0, 1.0),
)
def test_no_try_begins_behind_the_deadline_and_none_is_one_too_many(
    failures: list[AgentError], attempts: int, deadline: float, draw: float
) -> None:
    time = Time()
    began: list[float] = []
    action = Action(*failures)

    def timed() -> str:
        began.append(time.now - 1000.0)
        return action()

    try:
        tried(time.policy(attempts=attempts, deadline=deadline, draw=draw), timed)
    except AgentError:
        assert len(began) <= len(failures)
    else:
        assert len(began) == len(failures) + 1
    assert 1 <= len(began) <= attempts
    assert len(time.slept) == len(began) - 1
    assert all(moment <= deadline + 1e-6 for moment in began[1:])


def test_the_time_an_action_takes_counts_towards_the_deadline() -> None:
    time = Time()

    def slow() -> str:
        time.now += 50.0
        raise ReplyTimeout("no answer")

    with pytest.raises(ReplyTimeout):
        tried(time.policy(deadline=120.0), slow)
    assert len(time.slept) == 2


def test_what_is_never_to_be_repeated_ends_the_tries() -> None:
    action = Action(BUSY, SessionLost("gone"))
    policy = Time().policy()
    with pytest.raises(SessionLost):
        completed(steps_of(policy, action, never=(SessionLost,)), policy)
    assert action.calls == 2


def test_an_attempt_is_told_its_number_and_a_failed_one_is_told_of_before_the_wait() -> None:
    action, numbers = Action(BUSY, BARE), list[int]()

    def attempt(number: int) -> Waits[str]:
        numbers.append(number)
        return at_once(action)

    steps = Time().policy().repeated(attempt, Waiting.BUSY, told=lambda error: [error.message])
    said = [step.seconds if isinstance(step, Wait) else step for step in steps]
    assert (said, numbers) == ([BUSY.message, 0.2, BARE.message, 0.4], [1, 2, 3])


def test_a_wait_between_two_tries_is_a_value_that_says_why_and_nothing_sleeps() -> None:
    time, action = Time(), Action(BUSY, LIMITED)
    steps = steps_of(time.policy(), action)
    assert next(steps) == Wait(0.2, Waiting.LOCK, BUSY.message, breakable=False)
    assert next(steps) == Wait(60.0, Waiting.LOCK, "reset", breakable=False)
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert (end.value.value, action.calls, time.slept) == ("done", 3, [])


def test_tries_go_on_in_another_thread_each_time() -> None:
    steps, waits = steps_of(Time().policy(), Action(BUSY, BUSY, BUSY)), list[Wait]()
    for _ in range(3):
        with ThreadPoolExecutor(1) as pool:
            waits.append(pool.submit(next, steps).result())
    assert [wait.seconds for wait in waits] == [0.2, 0.4, 0.8]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(next, steps, None).result() is None


def test_what_an_attempt_itself_waits_for_is_yielded_ahead_of_it() -> None:
    action, policy = Action(BUSY), Time().policy()

    def attempt(_: int) -> Waits[str]:
        yield from policy.pause(7.0, Waiting.TURN)
        return action()

    waits = [(wait.seconds, wait.why) for wait in policy.repeated(attempt, Waiting.SESSION)]
    assert waits == [(7.0, Waiting.TURN), (0.2, Waiting.SESSION), (7.0, Waiting.TURN)]


def test_the_plain_driver_sleeps_the_waits_and_passes_everything_else_on() -> None:
    def steps() -> Generator[str | Wait, None, int]:
        yield "one"
        yield Wait(3.0, Waiting.CONTACT)
        yield "two"
        yield Wait(4.0, Waiting.CONTACT)
        return 5

    time = Time()
    driving = driven(steps(), time.policy())
    assert [(next(driving), time.now), (next(driving), time.now)] == [("one", 1000.0), ("two", 1003.0)]
    with pytest.raises(StopIteration) as end:
        next(driving)
    assert (end.value.value, time.slept) == (5, [3.0, 4.0])


@pytest.mark.parametrize("breakable", [True, False])
def test_a_cancellation_is_raised_where_the_steps_wait_unless_they_see_something_through(breakable: bool) -> None:
    time, said = Time(), list[str]()

    def steps() -> Waits[str]:
        try:
            yield Wait(3.0, Waiting.LOCK, breakable=breakable)
        except Interrupted:
            said.append("broken off")
        return "ended"

    assert completed(steps(), replace(time.policy(), stop=lambda seconds: True)) == "ended"
    assert (said, time.slept) == ((["broken off"], []) if breakable else ([], [3.0]))


def test_a_driver_that_is_closed_closes_the_steps_where_they_are() -> None:
    said: list[str] = []

    def steps() -> Generator[str | Wait, None, None]:
        try:
            yield "one"
        except GeneratorExit:
            said.append("closed")
            raise
        finally:
            said.append("cleaned up")

    driving = driven(steps(), Time().policy())
    next(driving)
    driving.close()
    assert said == ["closed", "cleaned up"]


def test_a_pause_of_no_time_yields_nothing_and_looks_for_a_cancellation() -> None:
    policy = Time().policy()
    assert list(policy.pause(0, Waiting.TURN)) == []
    with pytest.raises(Interrupted):
        next(replace(policy, stop=lambda seconds: True).pause(0, Waiting.TURN))


def test_retrying_inside_a_retried_action_keeps_both_counts_apart() -> None:
    time, inner = Time(), Action(BUSY, BUSY, BUSY)

    def outer() -> str:
        return tried(time.policy(attempts=2), inner)

    assert tried(time.policy(attempts=2), outer) == "done"
    assert inner.calls == 4


def test_tenacity_is_loaded_only_when_a_try_has_failed() -> None:
    code = """
import sys
from agent.model.outcome import Waiting
from agent.netconf.retry import Policy, at_once, completed
policy = Policy()
print(completed(policy.repeated(lambda number: at_once(lambda: number), Waiting.BUSY), policy))
sys.exit('tenacity' in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (0, "1\n")
