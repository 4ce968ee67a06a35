"""A result is kept with the object that the command for one router prints."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

import agent
from agent.fleet.results.record import Kind, Result
from agent.model.outcome import Failure, Outcome
from agent.model.outcome import Result as PushResult
from agent.model.plan import Plan, Skip, Verdict, VerdictKind
from agent.model.state import AuthorizationState, ConfigModel, Licensing
from agent.model.steps import RenewAuthorization
from tests.cli.schemas import check
from tests.fleet.looks import contacted, failed, look

ANCHOR = agent.TrustAnchor.bundled()
AWAY = Failure("connect", "no answer from r1 within 30 s", "check routes")
AFFECTED = Verdict("r1", VerdictKind.AFFECTED, ("why",))
NOTHING = Plan("r1", agent.Intent(), agent.Method.RPC, ConfigModel.UM_CRYPTO)
CHANGES = replace(NOTHING, steps=(RenewAuthorization(60),))
DUE = (("unregistered", datetime(2027, 10, 14, tzinfo=UTC)),)
DONE = Outcome("r1", PushResult.REMEDIED)
LOST = Outcome("r1", PushResult.UNKNOWN, error=AWAY)


def polled(licensing: Licensing | None) -> Result:
    seen = look("r1", licensing) if licensing else failed("r1", AWAY.kind, AWAY.message)
    return Result("r1", Kind.POLL, sample=seen.sample)


@pytest.mark.parametrize(
    "result, word, well",
    [
        (Result("r1", Kind.ASSESS, verdict=AFFECTED), "affected", False),
        (Result("r1", Kind.ASSESS, error=AWAY), "unknown", False),
        (Result("r1", Kind.PUSH, outcome=DONE), "remedied", True),
        (Result("r1", Kind.PUSH, outcome=LOST), "unknown", False),
        (Result("r1", Kind.PUSH, error=AWAY), "failed", False),
        (Result("r1", Kind.PLAN, plan=Skip("r1", "no way")), "skipped", False),
        (Result("r1", Kind.PLAN, plan=NOTHING), "nothing-to-do", True),
        (Result("r1", Kind.PLAN, error=AWAY), "failed", False),
        (polled(contacted(1)), "contacted", True),
        (polled(contacted(1, last_comm_success=False)), "not-contacted", False),
        (polled(contacted(100, authorization=AuthorizationState.AUTHORIZATION_EXPIRED)), "contacted", False),
        (polled(Licensing(authorization=AuthorizationState.EVAL_EXPIRED)), "eval-expired", False),
        (polled(Licensing(authorization=AuthorizationState.AUTHORIZED_RESERVATION)), "authorized-reservation", True),
        (polled(Licensing(authorization=AuthorizationState.NONE, policy_based=True)), "policy-based", True),
        (polled(Licensing()), "unknown", True),
        (polled(None), "failed", False),
    ],
)
def test_a_result_has_one_word_and_the_object_of_its_command(result: Result, word: str, well: bool) -> None:
    kept = result.record(ANCHOR)
    assert (kept.word, kept.well, result.well) == (word, well, well)
    failure = kept.error and (kept.error.kind, kept.error.message)
    assert failure == (
        (AWAY.kind, AWAY.message) if word == "failed" or AWAY in (result.error, result.failure) else None
    )
    check(result.kind.value, kept.plain)


def test_a_router_without_a_plan_is_kept_with_the_reason() -> None:
    assert Result("r1", Kind.PLAN, plan=Skip("r1", "no way")).record(ANCHOR).reasons == ("no way",)


def test_a_poll_is_kept_with_its_deadlines() -> None:
    assert polled(contacted(1)).record(ANCHOR).deadlines.keys() == {
        "comm_failed",
        "authorization_expired",
        "unregistered",
    }


@pytest.mark.parametrize(
    "result, kept",
    [
        (Result("r1", Kind.PUSH, outcome=LOST, due=DUE), True),
        (Result("r1", Kind.PUSH, error=AWAY, due=DUE), True),
        (Result("r1", Kind.PUSH, outcome=DONE, due=DUE), False),
        (Result("r1", Kind.PLAN, plan=NOTHING, due=DUE), False),
        (Result("r1", Kind.PLAN, plan=CHANGES, due=DUE), True),
    ],
)
def test_deadlines_are_kept_of_whom_a_push_left_in_need_and_of_whom_one_is_planned_for(
    result: Result, kept: bool
) -> None:
    record = result.record(ANCHOR)
    assert record.deadlines == (dict(DUE) if kept else {})
    assert record.in_need is kept
