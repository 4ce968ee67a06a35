"""A run does not hammer a credential, however many routers it has, over threads and over processes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import agent
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import Kind, RunState
from agent.fleet.results.structs import Push
from agent.fleet.run.executors import cluster, threads
from agent.fleet.run.executors import reach as reached
from agent.fleet.run.job import Job, perform
from agent.fleet.run.logins import Logins
from agent.fleet.run.rollout import Rollout, Share
from agent.fleet.run.router import Hooks, Router
from agent.fleet.run.runner import Run
from agent.model.errors import Interrupted, LoginWithheld, SSHAuthenticationError
from agent.netconf.retry import Policy, completed
from agent.netconf.session import Session
from tests.fleet.clusters import local_cluster
from tests.fleet.routers import Stage, target
from tests.support import Clock, Lab
from tests.threads import THREADS, at_once

THREE = "by r0, r1, r2"
ANCHOR = agent.TrustAnchor.bundled()
WRONG = "XR_WRONG_PASSWORD"


def many(number: int) -> list[Target]:
    """Routers that are nowhere, by address: no name has to be looked up for their leases."""
    return [Target(f"r{index}", f"192.0.2.{index}") for index in range(number)]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Stage:
    return Stage.set(monkeypatch, clock)


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> Reference:
    monkeypatch.setenv(WRONG, "not it")
    return Reference.parse(f"env:{WRONG}")


def refusing(*, at_jump: bool = False) -> Callable[[str], None]:
    def act(name: str) -> None:
        error = SSHAuthenticationError("it refused the login", device=name, refused=True)
        error.at_jump = at_jump
        raise error

    return act


@pytest.mark.parametrize("kind, word", [(Kind.ASSESS, "unknown"), (Kind.PLAN, "failed"), (Kind.PUSH, "failed")])
@pytest.mark.parametrize("limit", [1, 3])
def test_of_a_whole_run_with_a_wrong_password_the_limit_is_tried(
    stage: Stage, kind: Kind, word: str, limit: int
) -> None:
    stage.act = refusing()
    run = Run(many(100), Job(kind), threads(50, Hooks(logins=Logins(limit))))
    results = list(run.results())
    assert sum(map(len, stage.times.values())) == limit
    assert stage.most == 1
    failures = Counter(result.failure.kind for result in results if result.failure)
    assert failures == {"authentication": limit, "login-withheld": 100 - limit}
    untried = "unknown" if kind is Kind.ASSESS else "skipped"
    assert Counter(result.word for result in results) == Counter({word: limit}) + Counter({untried: 100 - limit})
    assert (run.state, run.failed) == (RunState.DONE, 100)
    assert not any(result.well for result in results)


def test_one_that_was_not_tried_is_skipped_with_the_reason(stage: Stage) -> None:
    stage.act = refusing()
    job, hooks = Job(Kind.PUSH, Reach(username="admin")), Hooks()
    result = [perform(job, one, hooks) for one in many(4)][-1]
    plain = result.plain(ANCHOR)
    assert isinstance(plain, Push)
    assert plain.result.value == "skipped"
    assert plain.error is not None
    assert plain.error.message.endswith(f"the login as admin was refused 3 times without a success in between, {THREE}")


def test_routers_that_were_not_tried_count_as_failed_for_the_roll_out(stage: Stage) -> None:
    stage.act = refusing()
    rollout = Rollout(canary=Share(10), max_failures=Share(5))
    run = Run(many(100), Job(Kind.PUSH), threads(50, Hooks()), rollout)
    assert len(list(run.results())) == 10
    assert run.state is RunState.STOPPED


def test_with_another_credential_the_others_go_on(stage: Stage, wrong: Reference) -> None:
    def act(name: str) -> None:
        if name in bad:
            refusing()(name)
        raise agent.ConnectError("away")

    bad = {f"r{number}" for number in range(0, 40, 2)}
    stage.act = act
    targets = [replace(one, password=wrong if one.name in bad else None) for one in many(40)]
    results = list(Run(targets, Job(Kind.PLAN), threads(20, Hooks())).results())
    failures = Counter(result.failure.kind for result in results if result.failure)
    assert failures == {"authentication": 3, "login-withheld": 17, "connect": 20}


def test_the_first_router_logs_in_before_the_others_start_and_then_all_do(stage: Stage) -> None:
    there, alone = threading.Barrier(THREADS - 1), []

    def act(name: str) -> None:
        alone.append(stage.opened == 0)
        if stage.opened:
            there.wait(60)  # all the others are here at once

    stage.act = act
    hooks, targets = Hooks(), many(THREADS)
    at_once(lambda number: first(Router(targets[number], Reach(), hooks)))
    assert sum(alone) == 1
    assert stage.opened == THREADS


def first(router: Router) -> Session:
    return completed(router.first(), Policy())


def further(router: Router) -> Session:
    return completed(router.opened(), Policy())


def stopped(stage: Stage, hooks: Hooks) -> tuple[Router, Router]:
    """A router that took the credential, and one that was not tried when three others had refused it."""
    begun, *others, last = (Router(one, Reach(), hooks) for one in many(5))
    first(begun)
    stage.act = refusing()
    for router in others:
        with pytest.raises(SSHAuthenticationError):
            first(router)
    with pytest.raises(LoginWithheld):
        first(last)
    return begun, last


def test_what_was_begun_at_a_router_that_took_the_credential_is_seen_through(stage: Stage) -> None:
    begun, last = stopped(stage, Hooks())
    stage.act = lambda _name: None
    assert further(begun).connected  # the second session, by which a commit is confirmed
    assert first(last).connected


def test_that_router_is_left_alone_as_well_when_it_refuses(stage: Stage) -> None:
    begun, _ = stopped(stage, Hooks())
    with pytest.raises(SSHAuthenticationError):
        further(begun)
    with pytest.raises(LoginWithheld):
        further(begun)


def test_a_jump_host_that_refuses_is_left_alone_and_routers_reached_otherwise_are_not(stage: Stage) -> None:
    stage.act = refusing(at_jump=True)
    hooks, job = Hooks(), Job(Kind.PLAN)
    for one in many(10):
        perform(job, replace(one, jump="jump.example"), hooks)
    assert len(stage.times) == 3
    stage.act = refusing()
    result = perform(job, Target("direct", "direct.example"), hooks)
    assert result.failure is not None
    assert result.failure.kind == "authentication"


def test_a_wait_for_the_turn_ends_when_the_run_is_interrupted(stage: Stage, clock: Clock) -> None:
    stopped = False
    hooks = Hooks(policy=clock.policy(stop=lambda _seconds: stopped))
    first, second = (Router(one, Reach(), hooks) for one in many(2))
    login = completed(first._login(hooks.policy), hooks.policy)
    waiting = second.opening()
    next(waiting)
    stopped = True
    with pytest.raises(Interrupted):
        completed(waiting, hooks.policy)
    stopped = False
    with login:
        pass
    assert completed(second.opening(), hooks.policy).connected
    assert dict(stage.times) == {"r1": [0.0]}


def test_what_was_not_tried_is_taken_up_first_by_a_resumption(stage: Stage, tmp_path: Path) -> None:
    stage.act = refusing()
    targets = many(10)
    with Journal.open(tmp_path / "journal.db") as journal:
        names = [one.name for one in targets]
        with journal.begin(Kind.PUSH, names, settings={}, change_ref=None, version="1") as log:
            for result in Run(targets, Job(Kind.PUSH), threads(1, Hooks())).results():
                log.ended(result, ANCHOR)
            log.close(RunState.DONE)
        with journal.resume(log.run, kind=Kind.PUSH) as again:
            assert again.left() == [*names[3:], *names[:3]]
            again.close(RunState.DONE)


@pytest.mark.parametrize("over", ["threads", "cluster"])
def test_a_real_server_sees_no_more_refusals_than_the_limit(
    lab: Lab, reach: Reach, wrong: Reference, over: str
) -> None:
    devices = [lab.add() for _ in range(12)]
    job = Job(Kind.PLAN, replace(reach, password=wrong, ssh=False))
    targets, hooks = [target(device) for device in devices], Hooks()
    if over == "threads":
        results = list(Run(targets, job, threads(8, hooks)).results())
    else:
        with local_cluster() as scheduler, closing(reached(scheduler)) as there:
            results = list(Run(targets, job, cluster(there, 8, hooks)).results())
    failures = Counter(result.failure.kind for result in results if result.failure)
    assert failures == {"authentication": 3, "login-withheld": 9}


def test_over_a_cluster_all_log_in_once_the_first_did(lab: Lab, reach: Reach) -> None:
    devices = [lab.add() for _ in range(8)]
    job = Job(Kind.PLAN, replace(reach, ssh=False))
    with local_cluster() as scheduler, closing(reached(scheduler)) as there:
        results = list(Run([target(device) for device in devices], job, cluster(there, 8, Hooks())).results())
    assert {result.word for result in results} == {"planned"}
