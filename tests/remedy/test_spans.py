"""The spans of a push, below its caller's, whichever thread goes on with it; nothing of it without the extra."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import pytest
from opentelemetry import trace

import agent
from agent.model.outcome import Event, Status
from agent.model.telemetry.spans import Span, Steps, carried
from agent.simulator import Fault, FaultKind, rpc_error
from tests.spans import Recorded, number, recorded, said
from tests.support import Clock, Lab

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def spans() -> Iterator[Recorded]:
    with recorded() as made:
        yield made


def test_a_push_is_a_span_below_its_callers_and_each_step_one_below_it(lab: Lab, spans: Recorded) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    with trace.get_tracer("caller").start_as_current_span("change window"):
        outcome = agent.remediate(lab.target(device, label="r1"))
    (window,), (router,) = spans.named("change window"), spans.named("push router")
    assert spans.below(window) == [router]
    assert said(router) == {
        "device": "r1",
        "release": "7.4.1",
        "outcome": "remedied",
        "evidence": "subject+validity",
        "method": "rpc",
        "persistent": False,
    }
    assert router.status.status_code is trace.StatusCode.UNSET
    steps = spans.below(router)
    assert [step.name for step in steps] == [step.step for step in outcome.steps]
    assert [said(step)["status"] for step in steps] == [step.status.value for step in outcome.steps]
    assert said(steps[0]) == {"device": "r1", "step": "lock", "status": "done", "detail": outcome.steps[0].detail}


def test_a_step_that_fails_is_an_error_and_what_is_repeated_an_event(lab: Lab, spans: Recorded, clock: Clock) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    device.faults.append(Fault("lock", FaultKind.ERROR, rpc_error("lock-denied", info="<session-id>7</session-id>")))
    device.faults.append(Fault("commit", FaultKind.ERROR, rpc_error("access-denied"), times=9))
    outcome = agent.remediate(lab.target(device), policy=clock.policy())
    (router,) = spans.named("push router")
    lock, *_ = spans.named("lock")  # it is taken once more for the way back
    assert outcome.error is not None
    assert (said(router)["outcome"], said(router)["error"]) == ("failed", outcome.error.kind)
    assert (router.status.status_code, router.status.description) == (trace.StatusCode.ERROR, outcome.error.message)
    assert [event.name for event in lock.events] == ["retry"]
    commits = spans.named("commit")
    assert {(said(commit)["status"], commit.status.is_ok) for commit in commits} == {("failed", False)}


def test_one_that_cannot_be_reached_is_an_error(lab: Lab, spans: Recorded) -> None:
    device = lab.add(reachable=False)
    agent.remediate(lab.target(device))
    (router,) = spans.spans
    assert (said(router)["outcome"], said(router)["error"]) == ("failed", "connect")


def test_steps_keep_their_span_whichever_thread_goes_on(lab: Lab, spans: Recorded, clock: Clock) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    policy = clock.policy()
    with lab.connect(device) as session, trace.get_tracer("caller").start_as_current_span("mine") as mine:
        made = agent.plan(agent.Intent(), agent.observe(session))
        steps, context = agent.carry_out(session, made, policy), copy_context()
        seen: list[str] = []
        with ThreadPoolExecutor(3) as pool:
            while True:
                try:
                    step = pool.submit(context.copy().run, next, steps).result()
                except StopIteration:
                    break
                if isinstance(step, agent.Wait):
                    policy.wait(step.seconds)
                else:
                    seen.append(step.step)
        assert trace.get_current_span() is mine
    (window,) = spans.named("mine")
    assert {span.name for span in spans.below(window)} == set(seen) - {"outcome"}
    assert all(span.end_time for span in spans.spans)


def test_a_push_that_nobody_goes_on_with_leaves_no_span_open(lab: Lab, spans: Recorded, clock: Clock) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    with lab.connect(device) as session:
        pushing = agent.apply(session, agent.plan(agent.Intent(), agent.observe(session)), clock.policy())
        next(event for event in pushing if event.step == "commit")
        pushing.close()
    (commit,) = spans.named("commit")
    assert commit.status.description == "left unfinished"
    assert not device.config.locks


def test_what_is_printed_of_a_step_is_masked_and_acts_on_nothing(spans: Recorded) -> None:
    steps = Steps("r1")
    for status in (Status.STARTED, Status.RETRY, Status.FAILED):
        steps.seen(Event("r1", "copy", status, "https://ops:Zq7x@files.example/ \x1b[2J"))
    (span,) = spans.spans
    assert "https://ops:***@files.example/" in (span.status.description or "")
    assert "Zq7x" not in spans.text()
    assert "\\u001b" not in spans.text()


def test_a_span_of_another_process_is_above_those_of_this(spans: Recorded) -> None:
    with Span("run") as run, run.current():
        headers = carried()
    assert dict(headers)["traceparent"]
    with Span("elsewhere", headers):
        pass
    with Span("here") as here, here.current(), Span("within", headers):
        pass
    (above,), (inner,) = spans.named("run"), spans.named("here")
    assert [one.name for one in spans.below(above)] == ["elsewhere"]
    assert [one.name for one in spans.below(inner)] == ["within"]
    assert number(above) != number(inner)


_WITHOUT = """
import sys
if sys.argv[1] == "absent":
    sys.modules["opentelemetry"] = None
from agent.model.telemetry.spans import Span, Steps, carried, flush
from agent.model.outcome import Event, Status
assert "opentelemetry.trace" not in sys.modules
with Span("run", (("traceparent", "x"),), run="r") as span, span.current():
    span.say(a=1)
    span.note("b")
    steps = Steps("r1")
    for status in (Status.STARTED, Status.RETRY, Status.DONE):
        steps.seen(Event("r1", "lock", status))
        with steps.current("lock"):
            pass
    steps.end()
    print(carried())
flush()
print("opentelemetry.trace" in sys.modules, "opentelemetry.sdk" in sys.modules)
"""


@pytest.mark.parametrize("extra", ["absent", "present"])
def test_nothing_is_recorded_without_the_extra_or_an_sdk(extra: str) -> None:
    given = [sys.executable, "-c", _WITHOUT, extra]
    done = subprocess.run(given, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"()\n{extra == 'present'} False\n", "")


def test_a_span_that_nobody_sees_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: object, **__: object) -> None:
        raise AssertionError("a span was made")

    monkeypatch.setattr(trace, "get_tracer", made)
    with Span("run", run="r") as span, span.current(), Span("router"):
        assert carried() == ()


def test_what_another_process_records_is_above_the_next_one_without_an_sdk_between_them() -> None:
    above = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with Span("run", (("traceparent", above),)) as span, span.current():
        assert dict(carried())["traceparent"] == above
        with Span("router") as router, router.current():
            assert dict(carried())["traceparent"] == above


def test_what_a_command_does_not_need_is_not_imported() -> None:
    code = "import sys; from agent.cli.main import main\ntry: main()\nfinally: print('opentelemetry' in sys.modules)"
    given = [sys.executable, "-c", code, "--version"]
    done = subprocess.run(given, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
