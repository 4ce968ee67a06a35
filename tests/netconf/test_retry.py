"""Retrying: every answer IOS XR gives has its meaning, and no try is begun too often, too soon or too late."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, replace

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
from agent.netconf.retry import Disposition, Policy, classify

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
    for final in ("invalid-value", "access-denied", "operation-not-supported"):
        assert classify(failed(final)) is Disposition.PERMANENT
    assert classify(failed("unknown-element")) is Disposition.NEXT_MODEL


def test_data_missing_is_success_when_deleting() -> None:
    assert classify(RPCError([RpcErrorInfo(tag="data-missing")]), deleting=True) is Disposition.SUCCESS


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
    assert time.policy().run(action) == "done"
    assert action.calls == 4
    assert time.slept == [0.2, 0.4, 0.8]


def test_a_wait_is_capped_and_grows_by_the_jitter_at_most() -> None:
    time = Time()
    time.policy(longest=0.3, draw=1.0).run(Action(BUSY, BUSY, BUSY))
    assert time.slept == pytest.approx([0.25, 0.375, 0.375])


def test_the_last_error_is_raised_itself_when_the_tries_are_used_up() -> None:
    time, last = Time(), ReplyTimeout("the last one")
    action = Action(BUSY, BUSY, last, BUSY)
    with pytest.raises(ReplyTimeout) as caught:
        time.policy(attempts=3).run(action)
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
    time, action, told = Time(), Action(error), list[int]()
    with pytest.raises(type(error)) as caught:
        time.policy().run(action, on_retry=lambda number, _: told.append(number))
    assert caught.value is error
    assert (action.calls, time.slept, told) == (1, [], [])


def test_a_bug_is_not_repeated() -> None:
    action = Action(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        Time().policy().run(action)
    assert action.calls == 1


def test_a_bare_failure_is_repeated_once_only() -> None:
    action = Action(BARE, BARE, BARE)
    with pytest.raises(RPCError):
        Time().policy().run(action)
    assert action.calls == 2


def test_a_bare_failure_behind_transient_ones_has_its_one_repeat_too() -> None:
    action = Action(BUSY, BUSY, BARE)
    assert Time().policy().run(action) == "done"
    assert action.calls == 4


def test_a_rate_limit_is_waited_out_for_a_minute_at_least() -> None:
    time = Time()
    time.policy(draw=0.5).run(Action(ConnectError("reset", rate_limited=True)))
    time.policy(draw=0.0).run(Action(NOT_READY))
    assert time.slept == pytest.approx([67.5, 60.0])


LIMITED = ConnectError("reset", rate_limited=True)


@pytest.mark.parametrize("error", [error for error, _ in ERRORS if error is not ERRORS[3][0]], ids=repr)
def test_a_first_connection_that_fails_otherwise_than_by_a_limit_is_not_tried_again(error: Exception) -> None:
    time, action = Time(), Action(error)
    with pytest.raises(type(error)):
        time.policy().opening().run(action)
    assert (action.calls, time.slept) == (1, [])


def test_a_first_connection_waits_out_a_limit_of_new_sessions() -> None:
    time = Time()
    assert time.policy(draw=0.2).opening().run(Action(LIMITED)) == "done"
    assert time.slept == pytest.approx([63.0])


@pytest.mark.parametrize("deadline, draw, tries", [(120.0, 0.0, 3), (120.0, 0.01, 2), (60.0, 0.0, 2), (59.0, 0.0, 1)])
def test_a_limit_that_stays_is_waited_for_within_the_deadline(deadline: float, draw: float, tries: int) -> None:
    time, action = Time(), Action(*[LIMITED] * 9)
    with pytest.raises(ConnectError) as caught:
        time.policy(deadline=deadline, draw=draw).opening().run(action)
    assert caught.value is LIMITED
    assert action.calls == tries
    assert sum(time.slept) <= deadline


def test_only_a_wait_for_a_limit_is_told_and_before_it_begins() -> None:
    time, told = Time(), list[tuple[str, int, int]]()

    def tell(error: AgentError, seconds: float) -> None:
        told.append((error.message, round(seconds), len(time.slept)))

    replace(time.policy(draw=0.2), told=tell).run(Action(BUSY, LIMITED))
    assert told == [("reset", 63, 1)]


def test_the_wish_to_end_ends_the_wait_for_a_limit() -> None:
    asked: list[float] = []

    def stop(seconds: float) -> bool:
        asked.append(seconds)
        return True

    action = Action(LIMITED)
    with pytest.raises(Interrupted):
        replace(Time().policy(), stop=stop).opening().run(action)
    assert (action.calls, asked) == (1, [60.0])


def test_a_lock_may_be_waited_for_as_often_as_it_takes() -> None:
    time = Time()
    action = Action(*[BUSY] * 1100)
    assert time.policy(attempts=10**6, deadline=1e6, longest=5.0).run(action) == "done"
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
        time.policy(attempts=attempts, deadline=deadline, draw=draw).run(timed)
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
        time.policy(deadline=120.0).run(slow)
    assert len(time.slept) == 2


def test_the_state_is_read_before_every_repeat_and_ends_the_tries() -> None:
    said: list[str] = []
    states = [None, "there already"]
    action = Action(BUSY, BUSY, BUSY)

    def act() -> str:
        said.append("act")
        return action()

    def read() -> str | None:
        said.append("read")
        return states.pop(0)

    assert Time().policy().run(act, before_repeat=read) == "there already"
    assert said == ["act", "read", "act", "read"]


def test_a_state_that_cannot_be_read_keeps_the_action_from_being_repeated() -> None:
    action = Action(BUSY)

    def read() -> str | None:
        raise SessionLost("gone")

    with pytest.raises(SessionLost):
        Time().policy(attempts=3).run(action, before_repeat=read)
    assert action.calls == 1


def test_a_failed_try_is_told_before_the_wait_for_the_next() -> None:
    time = Time()
    told: list[tuple[int, AgentError, int]] = []
    time.policy().run(Action(BUSY, BARE), on_retry=lambda number, error: told.append((number, error, len(time.slept))))
    assert told == [(1, BUSY, 0), (2, BARE, 1)]


def test_a_loop_over_the_tries_sees_error_and_wait_of_each_failed_one() -> None:
    action, seen = Action(BUSY, BUSY), list[tuple[int, AgentError | None, float]]()
    for attempt in Time().policy().tries():
        with attempt:
            action()
        seen.append((attempt.number, attempt.error, attempt.wait))
    assert seen == [(1, BUSY, 0.2), (2, BUSY, 0.4), (3, None, 0.0)]


def test_retrying_inside_a_retried_action_keeps_both_counts_apart() -> None:
    time, inner = Time(), Action(BUSY, BUSY, BUSY)

    def outer() -> str:
        return time.policy(attempts=2).run(inner)

    assert time.policy(attempts=2).run(outer) == "done"
    assert inner.calls == 4


def test_tenacity_is_loaded_only_when_something_is_tried() -> None:
    code = "import sys, agent.netconf.retry as r; r.Policy(); sys.exit('tenacity' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
