"""A result is kept with the object that the command for one router prints."""

from __future__ import annotations

import pytest

import agent
from agent.fleet.record import Kind, Result
from agent.model.outcome import Failure, Outcome
from agent.model.outcome import Result as PushResult
from agent.model.plan import Plan, Skip, Verdict, VerdictKind
from agent.model.state import ConfigModel
from tests.cli.schemas import check

ANCHOR = agent.TrustAnchor.bundled()
AWAY = Failure("connect", "no answer from r1 within 30 s", "check routes")
AFFECTED = Verdict("r1", VerdictKind.AFFECTED, ("why",))
NOTHING = Plan("r1", agent.Intent(), agent.Method.RPC, ConfigModel.UM_CRYPTO)
DONE = Outcome("r1", PushResult.REMEDIED)
LOST = Outcome("r1", PushResult.UNKNOWN, error=AWAY)


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
    ],
)
def test_a_result_has_one_word_and_the_object_of_its_command(result: Result, word: str, well: bool) -> None:
    kept = result.record(ANCHOR)
    assert (kept.word, kept.well, result.well) == (word, well, well)
    assert kept.error == (AWAY if AWAY in (result.error, result.failure) else None)
    check(result.kind.value, kept.plain)
