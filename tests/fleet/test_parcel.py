"""A job is brought to each worker once; neither a call nor its answer has its bundle, its PEM or its notice again."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator

import pytest

import agent
from agent.fleet.inventory.command import env_names
from agent.fleet.inventory.reference import Place, Reference
from agent.fleet.inventory.target import Target
from agent.fleet.results.record import Kind, Result
from agent.fleet.run.job import Job
from agent.fleet.run.parcel import Parcel, parcel
from agent.model.plan import Plan
from agent.netconf.retry import Policy, completed
from tests.fleet.calls import BUNDLE, JOB, SMALL, planned


def done(job: Job) -> Result:
    """What a worker has to give."""
    return completed(planned(job, Target("r1", "a")), Policy())


@pytest.fixture
def brought() -> Iterator[Parcel]:
    made = Parcel(JOB)
    made.bring()
    yield made
    made.take_away()


def test_what_a_worker_has_is_what_was_sent(brought: Parcel) -> None:
    there: Parcel = pickle.loads(pickle.dumps(brought))  # noqa: S301 - our own bytes
    assert (there.key, there.job) == (brought.key, brought.job)
    assert there.job.intent.bundle is not None
    assert hashlib.sha256(there.job.intent.bundle.data).digest() == hashlib.sha256(BUNDLE.data).digest()
    answer = there.pack(done(there.job))
    assert len(answer) < SMALL
    assert brought.unpack(answer) == done(JOB)


def test_two_jobs_are_not_taken_for_each_other() -> None:
    other = Job(Kind.PLAN, intent=agent.Intent(bundle=BUNDLE, clean=True))
    assert Parcel(other).key != Parcel(JOB).key


def test_what_was_taken_away_is_not_there(brought: Parcel) -> None:
    assert parcel(brought.key) is brought
    brought.take_away()
    with pytest.raises(KeyError):
        parcel(brought.key)


def test_what_comes_back_has_the_bundle_that_was_there(brought: Parcel) -> None:
    there: Parcel = pickle.loads(pickle.dumps(brought))  # noqa: S301 - our own bytes
    plan = brought.unpack(there.pack(done(there.job))).plan
    assert isinstance(plan, Plan)
    assert plan.intent.bundle is BUNDLE


def test_a_worker_knows_the_variables_that_secrets_of_other_routers_are_in() -> None:
    Reference(Place.ENV, "XR_PARCEL_TEST")
    travelled = pickle.dumps(Parcel(Job(Kind.PUSH)))
    env_names.discard("XR_PARCEL_TEST")  # as in the process that it travels to
    pickle.loads(travelled)  # noqa: S301 - our own bytes
    assert "XR_PARCEL_TEST" in env_names
    env_names.discard("XR_PARCEL_TEST")
