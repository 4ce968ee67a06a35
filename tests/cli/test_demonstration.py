"""The demo says that a router ended as it should only where everything about it did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.cli.demonstration import Actor
from agent.fleet.results.record import DeviceRecord
from agent.model.outcome import Failure, Status, StepRecord
from agent.simulator import Fault, FaultKind, Member, Persona

JUDGED = DeviceRecord("r1", "affected")
PUSHED = DeviceRecord("r1", "remedied", well=True, plain={"retries": 1})
LASTING = DeviceRecord("r1", "remedied", well=True, plain={"retries": 0, "persistent": True})
ACTOR = Actor(Member("r1", "affected", Persona()), "", Fault("lock", FaultKind.ERROR), JUDGED, PUSHED, LASTING)


def test_all_as_it_should_be() -> None:
    assert ACTOR.as_expected
    assert replace(ACTOR, trouble=None, lasting=None).as_expected


@pytest.mark.parametrize(
    "change",
    [
        {"judged": None},
        {"judged": replace(JUDGED, word="unknown")},
        {"pushed": None},
        {"pushed": replace(PUSHED, word="unchanged")},
        {"pushed": replace(PUSHED, error=Failure("connect", "no answer"))},
        {"pushed": replace(PUSHED, plain={"retries": 0})},
        {"lasting": replace(LASTING, well=False)},
        {"lasting": replace(LASTING, plain={"persistent": None})},
    ],
)
def test_one_thing_that_is_otherwise(change: dict[str, DeviceRecord | None]) -> None:
    assert not replace(ACTOR, **change).as_expected  # type: ignore[arg-type]


@pytest.mark.parametrize("status, renewed", [(Status.DONE, True), (Status.FAILED, False)])
def test_a_contact_is_watched_for_only_where_the_licence_was_renewed(status: Status, renewed: bool) -> None:
    steps = (StepRecord("commit", Status.DONE), StepRecord("renew-auth", status))
    assert replace(ACTOR, pushed=replace(PUSHED, steps=steps)).renewed is renewed
    assert not ACTOR.renewed
