"""A run is a span with one for each router below it, in the threads of its pool, and where its job travels to."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator

import pytest
from opentelemetry.trace import StatusCode

from agent.fleet.inventory.target import Target
from agent.fleet.results.record import Kind
from agent.fleet.run.job import Job, perform
from agent.fleet.run.parcel import Parcel
from agent.model.telemetry.spans import Span, carried
from tests.cli.lab import VARIABLE, Fleet
from tests.spans import Recorded, recorded, said


@pytest.fixture
def spans() -> Iterator[Recorded]:
    with recorded() as made:
        yield made


def test_each_router_of_a_push_is_a_span_below_the_runs(fleet: Fleet, spans: Recorded) -> None:
    fleet.add(6)
    (away,) = fleet.add(reachable=False)
    done = fleet.run("push", "--yes", "--workers", "3", "--change-ref", "CHG1")
    (run,) = spans.named("push run")
    record = said(run)
    assert record.pop("run") in done.stdout
    assert record == {"routers": 7, "state": "done", "failed": 1, "change_ref": "CHG1"}
    assert (run.status.status_code, run.status.description) == (StatusCode.ERROR, "1 router failed")
    routers = spans.below(run)
    assert {router.name for router in routers} == {"push router"}
    assert {said(router)["device"]: said(router)["outcome"] for router in routers} == {
        **{device.name: "remedied" for device in fleet.devices},
        away.name: "failed",
    }
    for router in routers:
        steps = spans.below(router)
        assert {said(step)["device"] for step in steps} <= {said(router)["device"]}
        assert bool(steps) is (said(router)["outcome"] == "remedied")
    assert fleet.environment[VARIABLE] not in spans.text()


def test_what_only_reads_has_its_verdict_in_its_span(fleet: Fleet, spans: Recorded) -> None:
    (device,) = fleet.add()
    fleet.lab.run("assess", device)
    (run,) = spans.named("assess run")
    (router,) = spans.below(run)
    assert (router.name, said(router)["outcome"], said(router)["release"]) == ("assess router", "affected", "7.4.1")


def test_the_span_of_a_run_travels_with_its_job(spans: Recorded) -> None:
    with Span("push run") as run, run.current():
        job = Job(Kind.PLAN, below=carried())
    there: Parcel = pickle.loads(pickle.dumps(Parcel(job)))  # noqa: S301 - our own bytes
    working = threading.Thread(target=perform, args=(there.job, Target("r1", "127.0.0.1", port=1)))
    working.start()
    working.join()
    (above,) = spans.named("push run")
    (router,) = spans.below(above)
    assert said(router) == {"device": "r1", "outcome": "failed", "error": "connect"}
