"""Many routers by a few threads: whoever waits holds none of them, comes back when due, and never too late to end."""

from __future__ import annotations

import gc
import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import wait
from contextvars import ContextVar
from dataclasses import replace
from functools import partial

import pytest

from agent.fleet.parking import Parked, Parking, allow_files, most_in_flight, most_open, rarely_collected
from agent.model.errors import Interrupted
from agent.model.outcome import Wait, Waiting
from agent.model.telemetry.context import ContextFilter, bound
from agent.netconf.retry import Policy, Waits, relayed
from tests.support import Clock, eventually, logged
from tests.threads import at_once

LONG = 10**6


def waiting(*seconds: float, name: str = "r", breakable: bool = True) -> Waits[str]:
    for one in seconds:
        yield Wait(one, Waiting.BUSY, breakable=breakable)
    return name


def test_a_thousand_that_wait_are_done_by_three_threads(clock: Clock) -> None:
    seen: set[str] = set()

    def steps(name: str) -> Waits[str]:
        for seconds in (0.5, 1.0, 20.0):
            seen.add(threading.current_thread().name)
            yield Wait(seconds, Waiting.BUSY)
        return name

    with Parking(3, clock.policy()) as parking:
        made = [parking.submit(steps, f"r{number}") for number in range(1000)]
        assert [one.result() for one in made] == [f"r{number}" for number in range(1000)]
    assert len(seen) <= 3


def test_what_is_due_comes_ahead_of_what_is_new_and_in_its_order(clock: Clock) -> None:
    order: list[str] = []
    gate = threading.Event()

    def steps(name: str, seconds: float) -> Waits[None]:
        order.append(f"{name} begins")
        yield Wait(seconds, Waiting.LOCK)
        order.append(f"{name} goes on")

    def held() -> Waits[None]:
        gate.wait()
        clock.now += 10
        yield from ()

    with Parking(1, replace(clock.policy(), idle=threading.Condition.wait)) as parking:
        parking.submit(steps, "late", 5)
        parking.submit(steps, "soon", 3)
        assert eventually(lambda: len(order) == 2)
        parking.submit(held)
        last = parking.submit(steps, "new", 0)
        gate.set()
        last.result()
    assert order == ["late begins", "soon begins", "soon goes on", "late goes on", "new begins", "new goes on"]


def test_the_first_look_for_contact_comes_later_while_others_have_not_begun(clock: Clock) -> None:
    came: dict[str, list[float]] = {}
    gate = threading.Event()

    def steps(why: Waiting) -> Waits[None]:
        gate.wait()
        begun = clock.now
        yield Wait(3.0, why)
        first = clock.now
        yield Wait(6.0, why)
        came[why.name] = [first - begun, clock.now - first]

    for why, others in ((Waiting.CONTACT, 0), (Waiting.LOCK, 1), (Waiting.CONTACT, 1)):
        gate.clear()
        with Parking(1, clock.policy()) as parking:
            one = parking.submit(steps, why)
            for _ in range(others):
                parking.submit(waiting)
            gate.set()
            one.result()
        assert came[why.name] == [15.0 if others and why is Waiting.CONTACT else 3.0, 6.0]


class Answer:
    """What is on its way; by *now* it has come before anybody asks for it."""

    def __init__(self, seconds: float = LONG, *, now: bool = False) -> None:
        self._seconds, self._now = seconds, now
        self.told: list[Callable[[], object]] = []

    def until(self, told: Callable[[], object]) -> float:
        """As of :class:`agent.model.outcome.Wait`."""
        self.told.append(told)
        if self._now:
            told()
        return self._seconds

    def steps(self, *, behind: float = 0.0) -> Waits[str]:
        """It is waited for, and so many seconds behind it."""
        yield Wait(0.0, Waiting.CONFIGURATION, breakable=False, until=self.until)
        if behind:
            yield Wait(behind, Waiting.BUSY)
        return "answered"


@pytest.fixture
def real(clock: Clock) -> Policy:
    """The policy of a clock that stands still while threads have nothing to do."""
    return replace(clock.policy(), idle=threading.Condition.wait)


def test_an_answer_is_gone_on_with_as_soon_as_it_comes_and_holds_no_thread(real: Policy) -> None:
    answers = [Answer() for _ in range(100)]
    with Parking(1, real) as parking:
        made = [parking.submit(one.steps) for one in answers]
        assert eventually(lambda: all(one.told for one in answers))
        for one, done in zip(reversed(answers), reversed(made), strict=True):
            one.told[0]()
            assert done.result() == "answered"


def test_an_answer_that_has_come_before_it_is_waited_for_is_not_missed(real: Policy) -> None:
    with Parking(1, real) as parking:
        assert [parking.submit(Answer(now=True).steps).result() for _ in range(50)] == ["answered"] * 50


def test_an_answer_is_waited_for_no_longer_than_it_says(clock: Clock) -> None:
    answer = Answer(7.0)
    with Parking(1, clock.policy()) as parking:
        assert parking.submit(answer.steps).result() == "answered"
    assert clock.now == 7.0


def test_an_answer_that_comes_twice_or_late_cuts_no_later_wait_short(real: Policy, clock: Clock) -> None:
    answer, order = Answer(5.0), list[str]()

    def steps() -> Waits[None]:
        yield from answer.steps(behind=10.0)
        order.append("done")

    with Parking(1, real) as parking:
        made = parking.submit(steps)
        assert eventually(lambda: bool(answer.told))
        for _ in range(3):
            answer.told[0]()
        parking.submit(waiting, 0).result()  # by the one thread, so the others were taken before
        assert order == []
        clock.now += 11
        parking.look()
        made.result()
    assert order == ["done"]


def test_who_is_due_is_found_among_many_whose_answers_have_come(real: Policy, clock: Clock) -> None:
    with Parking(2, real) as parking:
        late = parking.submit(waiting, 5.0)
        for _ in range(1000):
            assert parking.submit(Answer(LONG, now=True).steps).result() == "answered"
            assert not parking.behind
        assert len(parking._due) < 10
        clock.now += 6
        assert parking.behind
        parking.look()
        late.result()


def test_many_threads_that_bring_answers_lose_none_and_end_none_twice() -> None:
    ended: Counter[int] = Counter()
    parking = Parking(4)

    def until(told: Callable[[], object]) -> float:
        for _ in range(2):
            threading.Thread(target=told).start()
        return LONG

    def steps(number: int) -> Waits[None]:
        for _ in range(20):
            yield Wait(0.0, Waiting.CONFIGURATION, breakable=False, until=until)
        ended[number] += 1

    def push(number: int) -> None:
        parking.submit(steps, number).result()

    at_once(push, 16)
    parking.shutdown()
    assert ended == dict.fromkeys(range(16), 1)


def test_one_that_is_due_and_gets_no_thread_is_said(clock: Clock) -> None:
    gate, held = threading.Event(), threading.Event()

    def blocked() -> Waits[None]:
        held.set()
        gate.wait()
        yield from ()

    with Parking(1, replace(clock.policy(), idle=threading.Condition.wait)) as parking:
        parked = parking.submit(waiting, 5.0)
        parking.submit(blocked)
        held.wait()
        behind = [parking.behind]
        clock.now += 6
        behind.append(parking.behind)
        gate.set()
        parked.result()
        assert [*behind, parking.behind] == [False, True, False]


def test_a_thread_is_started_where_all_others_are_at_work() -> None:
    gate = threading.Event()

    def blocked() -> Waits[None]:
        gate.wait()
        yield from ()

    with Parking(3) as parking:
        short = parking.submit(waiting, 0.01)
        stuck = [parking.submit(blocked) for _ in range(2)]
        assert short.result() == "r"
        gate.set()
        wait(stuck)


def test_a_bug_ends_the_steps_that_it_is_in_and_no_others(clock: Clock) -> None:
    def buggy() -> Waits[None]:
        yield Wait(1, Waiting.LOCK)
        raise ZeroDivisionError

    def odd() -> Waits[None]:
        yield "no wait"  # type: ignore[misc]

    def exits() -> Waits[None]:
        yield Wait(1, Waiting.LOCK)
        raise SystemExit

    with Parking(2, clock.policy()) as parking:
        good = parking.submit(waiting, 5.0)
        for steps, error in ((buggy, ZeroDivisionError), (odd, TypeError), (exits, SystemExit)):
            with pytest.raises(error):
                parking.submit(steps).result()
        with pytest.raises(TypeError):
            parking.submit(waiting, unknown="word").result()
        assert good.result() == "r"


def test_a_cancellation_ends_the_waits_that_it_may_at_once_and_no_others() -> None:
    stop, cleaned = threading.Event(), threading.Event()

    def cleaning() -> Waits[str]:
        try:
            yield Wait(LONG, Waiting.BUSY)
        except Interrupted:
            cleaned.set()
            yield Wait(0.01, Waiting.CERTIFICATE, breakable=False)
            return "seen through"
        return "not interrupted"

    with Parking(2, Policy(stop=stop.wait)) as parking:
        parked = [parking.submit(waiting, LONG) for _ in range(100)]
        seen_through = parking.submit(cleaning)
        through = parking.submit(waiting, 0.05, name="through", breakable=False)
        assert through.result() == "through"
        stop.set()
        parking.look()
        assert all(isinstance(one.exception(), Interrupted) for one in parked)
        assert seen_through.result() == "seen through"
        assert isinstance(parking.submit(waiting, LONG).exception(), Interrupted), "no wait begins after it"


def test_one_that_is_cancelled_leaves_the_others_where_they_are() -> None:
    stops = [threading.Event(), threading.Event()]
    parking = Parking(2)
    one, other = (parking.take(partial(waiting, LONG), Policy(stop=stop.wait)) for stop in stops)
    stops[0].set()
    parking.look()
    assert isinstance(one.exception(), Interrupted)
    assert not other.done()
    parking.interrupt()
    assert isinstance(other.exception(), Interrupted), "whatever its policy says"
    parking.shutdown()
    with pytest.raises(RuntimeError):
        parking.submit(waiting, 1)


VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="none")


def test_steps_go_on_in_the_context_that_they_came_with(clock: Clock) -> None:
    def steps(name: str) -> Waits[set[str]]:
        found = {VARIABLE.get()}
        VARIABLE.set(f"{VARIABLE.get()} of {name}")
        for _ in range(5):
            yield Wait(1, Waiting.LOCK)
            found.add(VARIABLE.get())
        return found

    with Parking(8, clock.policy()) as parking:
        made = []
        for number in range(50):
            token = VARIABLE.set(f"v{number}")
            made.append(parking.submit(steps, f"r{number}"))
            VARIABLE.reset(token)
        for number, one in enumerate(made):
            assert one.result() == {f"v{number}", f"v{number} of r{number}"}


def test_what_is_logged_on_the_way_is_bound_to_its_own_router(clock: Clock) -> None:
    log = logging.getLogger("agent.test")

    def steps(name: str) -> Waits[None]:
        for _ in range(3):
            log.warning("%s", name)
            yield Wait(1, Waiting.LOCK)

    seen: list[tuple[str, str]] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((record.getMessage(), record.__dict__["device"]))

    handler = Handler()
    handler.addFilter(ContextFilter())
    log.addHandler(handler)
    try:
        with Parking(4, clock.policy()) as parking:
            for number in range(40):
                name = f"r{number}"
                parking.submit(relayed, steps(name), around=lambda name=name: bound(device=name))
    finally:
        log.removeHandler(handler)
    assert len(seen) == 120
    assert all(said == device for said, device in seen)


def test_beyond_the_bound_connections_are_closed_ahead_of_a_wait() -> None:
    closed: Counter[str] = Counter()

    def steps(name: str, seconds: float) -> Waits[None]:
        yield Wait(seconds, Waiting.BUSY, release=lambda: closed.update([name]))

    def failing() -> Waits[None]:
        def release() -> None:
            raise ZeroDivisionError

        yield Wait(0.01, Waiting.BUSY, release=release)

    stop = threading.Event()
    with Parking(1, Policy(stop=stop.wait), most_open=2) as parking, logged() as records:
        kept = [parking.submit(steps, f"kept{number}", LONG) for number in range(2)]
        beyond = parking.submit(steps, "beyond", 0.01)
        beyond.result()
        assert closed == {"beyond": 1}
        parking.submit(failing).result()
        held = parking.submit(waiting, LONG)
        stop.set()
        parking.look()
        wait([*kept, held])
        stop.clear()
    assert closed == {"beyond": 1}
    assert [str(record.exc_info[1]) for record in records if record.exc_info] == ["ZeroDivisionError"]


def test_room_comes_back_when_one_of_those_goes_on(clock: Clock) -> None:
    closed: Counter[int] = Counter()

    def steps(number: int) -> Waits[None]:
        for _ in range(3):
            yield Wait(1, Waiting.BUSY, release=lambda: closed.update([number]))

    with Parking(1, clock.policy(), most_open=1) as parking:
        for number in range(20):
            parking.submit(steps, number).result()
    assert not closed


def test_many_threads_that_hand_out_cancel_and_end_lose_none() -> None:
    stop = threading.Event()
    parking = Parking(8, Policy(stop=stop.wait), most_open=5)
    running, most, guard = 0, 0, threading.Lock()

    def steps(number: int) -> Waits[int]:
        nonlocal running, most
        mine = threading.Lock()
        for turn in range(5):
            assert mine.acquire(blocking=False), "two threads at one router"
            with guard:
                running += 1
                most = max(most, running)
            with guard:
                running -= 1
            mine.release()
            yield Wait(0.0001 * (number * turn % 7), Waiting.LOCK, breakable=number % 2 == 0, release=lambda: None)
        return number

    def hand_out(thread: int) -> list[object]:
        made = [parking.submit(steps, thread * 100 + number) for number in range(20)]
        if thread == 40:
            stop.set()
            parking.look()
        return [one.exception() or one.result() for one in made]

    results = at_once(hand_out, 48)
    parking.shutdown()
    assert most <= 8
    for thread, made in enumerate(results):
        for number, end in enumerate(made):
            assert isinstance(end, Interrupted) if isinstance(end, Exception) else end == thread * 100 + number
            assert not isinstance(end, Exception) or (thread * 100 + number) % 2 == 0


def test_a_shutdown_waits_for_those_that_are_parked_and_needs_no_threads_of_its_own(clock: Clock) -> None:
    ended: list[str] = []

    def steps() -> Waits[None]:
        yield Wait(100, Waiting.BUSY)
        ended.append("ended")

    parking = Parking(4, clock.policy())
    for _ in range(10):
        parking.submit(steps)
    parking.shutdown()
    assert len(ended) == 10
    assert eventually(lambda: not any(one.name.startswith("router_") for one in threading.enumerate()))


@pytest.mark.parametrize(
    "files, flying, kept", [(20_000, 1000, 1000), (-1, 1000, 1000), (1024, 270, 270), (200, 50, 0), (4096, 1000, 1000)]
)
def test_as_many_are_in_flight_as_there_may_be_open_files(
    monkeypatch: pytest.MonkeyPatch, files: int, flying: int, kept: int
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda which: (files, files))
    assert (most_in_flight(50), most_open(50, flying)) == (flying, kept)


@pytest.mark.parametrize(
    "soft, hard, now", [(1024, 524_288, 3214), (1024, 2048, 2048), (8192, 8192, None), (-1, -1, None), (256, -1, 3214)]
)
def test_the_limit_of_open_files_is_raised_as_far_as_it_takes_and_may_be(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, now: int | None
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.getrlimit", lambda which: (soft, hard))
    monkeypatch.setattr("resource.setrlimit", lambda which, limits: asked.append(limits))
    allow_files(50, 1000)
    assert asked == ([] if now is None else [(now, hard)])


def test_the_garbage_collector_looks_less_often_for_as_long_as_a_run_lasts() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with rarely_collected():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > frozen
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_who_waits_is_known_exactly_whatever_threads_tell_it() -> None:
    parked, woken = Parked(), list[None]()
    parked.changed = lambda: woken.append(None)
    wait, turn = Wait(1, Waiting.LOCK), Wait(1, Waiting.TURN)

    def tell(thread: int) -> None:
        for _ in range(50):
            parked(f"r{thread}", wait)
            parked(f"r{thread}", turn)
            parked(f"r{thread}", None)
        parked(f"r{thread}", wait if thread % 2 else turn)

    at_once(tell, 40)
    assert len(parked) == 20
    for thread in range(40):
        parked(f"r{thread}", None)
    assert len(parked) == 0
    assert len(woken) == 40 * 50 + 20
