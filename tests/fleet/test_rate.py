"""Sessions are opened no faster than they may be."""

from __future__ import annotations

from agent.fleet.run.rate import Limiter, Rate
from tests.support import Clock


def wait(limiter: Limiter, clock: Clock, jump: str | None = None) -> None:
    clock.sleep(limiter.turn(jump, lambda: clock.now))


def test_sessions_are_spaced_evenly_in_all_and_for_each_jump_host(clock: Clock) -> None:
    limiter, opened = Limiter(Rate(in_all=10, per_jump=2)), []
    for jump in ("a", "a", "b", None, "a"):
        wait(limiter, clock, jump)
        opened.append((jump, round(clock.now, 3)))
    assert opened == [("a", 0.0), ("a", 0.5), ("b", 0.5), (None, 0.6), ("a", 1.0)]


def test_without_a_rate_nothing_is_waited_for(clock: Clock) -> None:
    limiter = Limiter(Rate())
    for _ in range(1000):
        wait(limiter, clock, "a")
    assert clock.now == 0


def test_time_that_passed_is_not_saved_up(clock: Clock) -> None:
    limiter = Limiter(Rate(in_all=1))
    wait(limiter, clock)
    clock.now += 100
    wait(limiter, clock)
    wait(limiter, clock)
    assert clock.now == 101


def test_several_processes_share_the_rate() -> None:
    assert Rate(in_all=10, per_jump=4).part(4) == Rate(in_all=2.5, per_jump=1)
