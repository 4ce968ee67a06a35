"""Canary first, then batches; a run stops when more failed than it may."""

from __future__ import annotations

from typing import Any

import pytest

import agent
from agent.fleet.run.rollout import Batch, Rollout, Share, kind


def shares(**given: str) -> Rollout:
    parsed: dict[str, Any] = {name: Share.parse(text) for name, text in given.items()}
    return Rollout(**parsed)


@pytest.mark.parametrize(
    "given, sizes",
    [
        ({}, [("batch 1", 100)]),
        ({"canary": "5"}, [("canary", 5), ("batch 1", 95)]),
        ({"canary": "1%", "batch": "50%"}, [("canary", 1), ("batch 1", 50), ("batch 2", 49)]),
        ({"batch": "40"}, [("batch 1", 40), ("batch 2", 40), ("batch 3", 20)]),
        ({"canary": "0.1%"}, [("canary", 1), ("batch 1", 99)]),
        ({"canary": "200"}, [("canary", 100)]),
    ],
)
def test_every_router_is_in_one_batch_in_order(given: dict[str, str], sizes: list[tuple[str, int]]) -> None:
    batches = list(shares(**given).batches(100))
    assert [(batch.name, batch.size) for batch in batches] == sizes
    assert [number for batch in batches for number in range(batch.start, batch.stop)] == list(range(100))


def test_no_routers_are_no_batches() -> None:
    assert list(shares(canary="1", batch="1").batches(0)) == []


@pytest.mark.parametrize(
    "most, failed, batch, too_many",
    [
        (None, 1, Batch("canary", 0, 10), True),
        (None, 99, Batch("batch 1", 10, 100), False),
        ("0", 1, Batch("batch 1", 10, 100), True),
        ("2", 2, Batch("batch 1", 10, 100), False),
        ("2", 3, Batch("batch 1", 10, 100), True),
        ("5%", 5, Batch("batch 1", 10, 100), False),
        ("5%", 6, Batch("batch 1", 10, 100), True),
        ("5%", 1, Batch("canary", 0, 10), True),
        ("50%", 5, Batch("canary", 0, 10), False),
        ("1", 1, Batch("canary", 0, 10), False),
    ],
)
def test_a_failed_canary_stops_the_run_and_so_do_too_many_failures(
    most: str | None, failed: int, batch: Batch, too_many: bool
) -> None:
    rollout = shares(max_failures=most) if most else Rollout()
    assert rollout.too_many(failed, 100, batch) is too_many


def test_where_the_canary_may_not_fail_one_is_too_many_whatever_may_fail_of_the_others() -> None:
    rollout = Rollout(canary=Share(10), max_failures=Share(20), canary_may_fail=False)
    canary, rest = rollout.batches(100)
    assert rollout.too_many(1, 100, canary)
    assert not rollout.too_many(20, 100, rest)
    assert rollout.too_many(21, 100, rest)


@pytest.mark.parametrize(
    "release, method, line, said",
    [
        ("7.4.1", agent.Method.RPC, "+ CA certificate", "7.4 rpc"),
        ("7.4.16.23I", agent.Method.DIALOG, "+ CA certificate", "7.4 dialog"),
        ("24.1.2", agent.Method.RPC, "> rpc renew-auth", "24.1 licence"),
        (None, agent.Method.RPC, "+ CA certificate", "unknown release rpc"),
    ],
)
def test_a_kind_of_plan_is_release_line_and_method(
    release: str | None, method: agent.Method, line: str, said: str
) -> None:
    assert kind(release, method, ["# a reload forgets it", line]) == said


@pytest.mark.parametrize("text", ["", "-1", "1.5", "101%", "x", "%", "5 %x", "nan%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(agent.InputError):
        Share.parse(text)
