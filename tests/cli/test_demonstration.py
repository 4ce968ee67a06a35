"""The demo says that a router ended as it should only where everything about it did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.cli.demonstration import Actor
from agent.fleet.results.objects import push_object
from agent.fleet.results.record import DeviceRecord
from agent.fleet.results.structs import Error, Step
from agent.model.outcome import Outcome, Result, Status
from agent.simulator import Fault, FaultKind, Member, Persona

JUDGED = DeviceRecord("r1", "affected")
PLAIN = push_object(Outcome("r1", Result.REMEDIED, retries=1, persistent=True))
PUSHED = DeviceRecord("r1", "remedied", well=True, plain=PLAIN)
LASTING = PUSHED
ACTOR = Actor(Member("r1", "affected", Persona()), "", Fault("lock", FaultKind.ERROR), JUDGED, PUSHED, LASTING)


def test_all_as_it_should_be() -> None:
    assert ACTOR.as_expected
    assert replace(ACTOR, trouble=None, lasting=None).as_expected


@pytest.mark.parametrize(
    "change",
    [
        {"judged": None},
        {"judged": JUDGED.evolve(word="unknown")},
        {"pushed": None},
        {"pushed": PUSHED.evolve(word="unchanged")},
        {"pushed": PUSHED.evolve(error=Error("connect", "no answer", None))},
        {"pushed": PUSHED.evolve(plain=PLAIN.evolve(retries=0))},
        {"lasting": LASTING.evolve(well=False)},
        {"lasting": LASTING.evolve(plain=PLAIN.evolve(persistent=None))},
    ],
)
def test_one_thing_that_is_otherwise(change: dict[str, DeviceRecord | None]) -> None:
    assert not replace(ACTOR, **change).as_expected  # type: ignore[arg-type]


@pytest.mark.parametrize("status, renewed", [(Status.DONE, True), (Status.FAILED, False)])
def test_a_contact_is_watched_for_only_where_the_licence_was_renewed(status: Status, renewed: bool) -> None:
    steps = (Step("commit", Status.DONE, ""), Step("renew-auth", status, ""))
    assert replace(ACTOR, pushed=PUSHED.evolve(steps=steps)).renewed is renewed
    assert not ACTOR.renewed
