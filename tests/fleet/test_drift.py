"""A plan is carried out as it was approved, or not at all, or anew where that is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.fleet.planfile.drift import held, unplanned
from agent.fleet.results.basis import basis
from agent.fleet.results.planned import Approved, planned
from agent.fleet.results.record import Kind, Result
from agent.model.method import Method
from agent.model.outcome import Failure
from agent.model.plan import DRIFTED, Intent, Plan, Skip
from agent.model.state import State
from agent.model.steps import Note
from agent.remedy.plan import plan
from tests.remedy.states import ACCESS, CERTIFICATE, LICENSING, TERMINAL, state

SEEN = state()
BROUGHT = state(certificate=CERTIFICATE, enrollment=TERMINAL, licence=replace(LICENSING, last_comm_success=True))


def approved(seen: State = SEEN) -> Approved:
    intent = Intent()
    result = Result("r1", Kind.PLAN, plan=plan(intent, seen), basis=basis(seen))
    return Approved(planned(result, intent.trustpoint, intent.method), result.basis)


def now(seen: State, intent: Intent | None = None) -> Plan | Skip:
    return plan(intent or Intent(), seen)


def test_what_is_as_it_was_is_done_exactly() -> None:
    made = held(approved(), now(SEEN), SEEN)
    assert isinstance(made, Plan)
    assert made.exact
    assert replace(made, exact=False) == plan(Intent(), SEEN)


def test_a_router_that_is_another_is_left_alone_with_the_difference() -> None:
    made = held(approved(), now(BROUGHT), BROUGHT)
    assert isinstance(made, Skip)
    assert made.kind == DRIFTED
    assert made.reason.startswith("drifted: trustpoint Trustpool: 'enrollment terminal', it was not there; its CA ")
    assert made.reason.endswith("; the root is there by now")
    assert "--replan" in (made.hint or "")


@pytest.mark.parametrize("why", ["replan", "begun"])
def test_it_is_planned_anew_where_that_is_asked_for_or_this_run_had_begun(why: str) -> None:
    configured = state(enrollment=TERMINAL)
    to_be = replace(approved(), replan=why == "replan", begun=why == "begun")
    same = held(to_be, now(SEEN), SEEN)
    assert isinstance(same, Plan)
    assert (same.exact, same.steps) == (False, plan(Intent(), SEEN).steps)  # type: ignore[union-attr]
    made = held(to_be, now(configured), configured)
    assert isinstance(made, Plan)
    assert not made.exact
    note, *steps = made.steps
    assert isinstance(note, Note)
    assert note.text.startswith("drifted: trustpoint Trustpool: 'enrollment terminal', it was not there; planned anew")
    assert tuple(steps) == plan(Intent(), configured).steps  # type: ignore[union-attr]


def test_a_router_with_nothing_to_do_stays_so() -> None:
    made = held(approved(BROUGHT), now(BROUGHT), BROUGHT)
    assert isinstance(made, Plan)
    assert not made


def test_a_method_that_may_follow_by_now_does_not_unless_it_was_approved() -> None:
    before = approved()
    made = held(replace(before, planned=before.planned.evolve(fallbacks=())), now(SEEN), SEEN)
    assert isinstance(made, Plan)
    assert (made.method, made.fallbacks, made.exact) == (Method.RPC, (), True)


def test_another_plan_from_the_same_state_is_not_carried_out() -> None:
    """As where the CLI refuses by now: that shows only when it is tried."""
    by_dialog = now(SEEN, Intent(method=Method.DIALOG))
    made = held(approved(), by_dialog, SEEN)
    assert isinstance(made, Skip)
    assert made.reason.startswith("drifted: dialog, it was rpc; now also > ssh: crypto ca authenticate Trustpool")
    refused = held(approved(), Skip("r1", "the CLI cannot be used"), SEEN)
    assert isinstance(refused, Skip)
    assert refused.reason == "drifted: what was planned is no longer possible: the CLI cannot be used"


def test_where_nothing_was_possible_nothing_is_done() -> None:
    bare = state(access=replace(ACCESS, methods=()))
    made = held(approved(bare), now(bare), bare)
    assert isinstance(made, Skip)
    assert made.kind == "skipped"
    late = held(approved(bare), now(SEEN), bare)
    assert isinstance(late, Skip)
    assert late.reason == "drifted: nothing was possible, now it would be done by rpc"


def test_a_router_that_could_not_be_read_has_no_plan() -> None:
    result = Result("r1", Kind.PLAN, error=Failure("connect", "Connection refused"))
    without = Approved(planned(result, "Trustpool", Method.AUTO))
    made = unplanned("r1", without)
    assert made is not None
    assert (made.kind, made.reason) == (
        "unplanned",
        "the plan has nothing for it: it could not be read: Connection refused",
    )
    assert unplanned("r1", approved()) is None
    anew = replace(without, replan=True)
    assert unplanned("r1", anew) is None
    made_anew = held(anew, now(SEEN), SEEN)
    assert isinstance(made_anew, Plan)
    assert "it could not be read when it was planned; planned anew, by --replan" in made_anew.steps[0].diff()[0]
