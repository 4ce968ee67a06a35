"""The methods are known by one class each: a further one takes a file of its own and a line in the registry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

import agent
from agent.model.errors import RPCError, RpcErrorInfo
from agent.model.method import Method
from agent.model.outcome import Result, Status
from agent.model.pki.anchor import TrustAnchor
from agent.model.plan import Intent, Plan
from agent.model.state import Access
from agent.model.steps import ClearCertificates, Installation
from agent.remedy.methods.base import TrustpointMethod
from agent.remedy.methods.registry import METHODS
from agent.remedy.plan import plan
from agent.remedy.run import Run, Steps
from agent.simulator import Device
from tests.model.test_anchor import make_pem
from tests.remedy.states import ACCESS, ANCHOR, state
from tests.support import Clock, Lab, left_clean


def word(value: str, action: str) -> Method:
    """A further word, as a further line of the enum would make it."""
    made = object.__new__(Method)
    made._name_, made._value_, made.action = value.upper(), value, action
    return made


HANDED = word("handed", "hand over")


@dataclass(frozen=True, slots=True)
class Handed(Installation):
    """The root is handed to the device by somebody who stands beside it."""

    trustpoint: str
    anchor: TrustAnchor
    clears: ClearCertificates | None = None
    method = HANDED

    def diff(self) -> list[str]:
        return [f"> hand over {self.anchor.name}"]


class HandedMethod(TrustpointMethod[Handed]):
    """What a file of its own would hold."""

    method = HANDED
    by_cli = False
    lasts = True
    after = "it was taken"
    missing = "look at trustpoint {}"

    def __init__(self, device: Device, answers: list[RPCError | None]) -> None:
        self.device, self.answers, self.tries = device, answers, 0

    def lacks(self, access: Access) -> str | None:
        return None if access.candidate else "nobody stands beside it"

    def step(self, intent: Intent, clears: ClearCertificates | None) -> Handed:
        return Handed(intent.trustpoint, intent.anchor, clears)

    def carry_out(self, run: Run, step: Handed) -> Steps[None]:
        return self.act(run, step, "to whoever stands there", lambda: self._hand(step))

    def _hand(self, step: Handed) -> None:
        self.tries += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        self.device.state.certificates[step.trustpoint] = step.anchor.pem


def refusal(tag: str, text: str) -> RPCError:
    return RPCError([RpcErrorInfo(tag=tag, message=text)])


@pytest.fixture
def handed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> HandedMethod:
    made = HandedMethod(lab.add(), [])
    monkeypatch.setitem(METHODS, HANDED, made)
    return made


def push(lab: Lab, made: HandedMethod, clock: Clock, **wanted: Any) -> agent.Outcome:
    with lab.connect(made.device) as session:
        intent = Intent(**{"renew": False, "method": HANDED, **wanted})
        return agent.remediate(session, intent, policy=clock.policy(), connect=lambda: lab.connect(made.device))


def test_the_registry_has_every_method_in_the_order_of_preference() -> None:
    assert list(METHODS) == [Method.TRUSTPOOL, Method.FILE, Method.RPC, Method.DIALOG]
    assert set(METHODS) == set(Method) - {Method.AUTO}


def test_a_further_method_is_offered_planned_carried_out_and_proven(
    lab: Lab, clock: Clock, handed: HandedMethod
) -> None:
    with lab.connect(handed.device) as session:
        seen = agent.observe(session)
    assert seen.access.methods[-1] is HANDED
    made = plan(Intent(method=HANDED, renew=False), seen)
    assert isinstance(made, Plan)
    assert f"> hand over {ANCHOR.name}" in made.diff()
    outcome = push(lab, handed, clock)
    assert (outcome.result, outcome.method, outcome.persistent) == (Result.REMEDIED, HANDED, True)
    assert ("hand over", Status.DONE) in [(one.step, one.status) for one in outcome.steps]
    assert handed.tries == 1
    assert left_clean(handed.device)
    assert push(lab, handed, clock).result is Result.UNCHANGED
    assert handed.tries == 1


def test_a_further_method_is_the_last_resort_of_auto(lab: Lab, clock: Clock, handed: HandedMethod) -> None:
    handed.device.persona = replace(handed.device.persona, terminal_rpc="refused")
    outcome = push(lab, handed, clock, method=Method.AUTO)
    assert (outcome.result, outcome.method) == (Result.REMEDIED, HANDED)
    said = [(one.step, one.status) for one in outcome.steps]
    assert said.index(("ca-authenticate", Status.FAILED)) < said.index(("hand over", Status.DONE))


def test_a_method_that_the_models_do_not_allow_says_what_it_lacks(handed: HandedMethod) -> None:
    lacking = replace(ACCESS, refusals=((HANDED, "nobody stands beside it"),))
    refused = plan(Intent(method=HANDED), state(access=lacking))
    assert not refused
    assert "nobody stands beside it" in "\n".join(refused.diff())


def test_what_is_refused_in_passing_is_repeated_and_what_is_refused_for_good_fails(
    lab: Lab, clock: Clock, handed: HandedMethod
) -> None:
    handed.answers = [refusal("in-use", "busy")]
    assert push(lab, handed, clock).result is Result.REMEDIED
    assert handed.tries == 2
    del handed.device.state.certificates["Trustpool"]
    handed.answers = [refusal("invalid-value", "not from you")] * 9
    outcome = push(lab, handed, clock)
    assert outcome.result is Result.FAILED
    assert outcome.error is not None
    assert "not from you" in outcome.error.message


def test_the_last_look_ahead_of_the_action_is_told_as_the_actions(
    lab: Lab, clock: Clock, handed: HandedMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = handed.act

    def meanwhile(run: Run, *given: Any) -> Steps[None]:
        assert run.configured
        handed.device.state.certificates["Trustpool"] = make_pem("Somebody Else")
        return act(run, *given)

    monkeypatch.setattr(handed, "act", meanwhile)
    outcome = push(lab, handed, clock)
    assert outcome.result is Result.FAILED
    assert [one.step for one in outcome.steps if one.status is Status.FAILED] == ["hand over"]
    assert outcome.error is not None
    assert outcome.error.kind == "anchor-mismatch"
    assert handed.tries == 0


def test_a_refusal_proves_as_little_as_an_ok(lab: Lab, clock: Clock, handed: HandedMethod) -> None:
    def taken_and_refused(step: Handed) -> None:
        handed.device.state.certificates[step.trustpoint] = step.anchor.pem
        raise refusal("operation-failed", "no")

    handed._hand = taken_and_refused  # type: ignore[method-assign]
    outcome = push(lab, handed, clock)
    assert outcome.result is Result.REMEDIED
    assert any("yet the certificate is there" in one.detail for one in outcome.steps)
