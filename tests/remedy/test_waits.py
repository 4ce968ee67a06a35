"""What a push has to wait for is a value: nothing in it sleeps, and whoever drives it may come back later, anywhere."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.model.caution import Caution
from agent.model.errors import Interrupted
from agent.model.outcome import Event, Outcome, Status, Wait, Waiting
from agent.model.unfinished import Memory, Unfinished
from agent.netconf.retry import completed
from agent.remedy.apply import carry_out
from agent.simulator import Device, Fault, FaultKind, rpc_error
from agent.xr import licensing
from tests.support import Clock, DeviceClock, Lab, eventually, left_clean

INSTALLS: dict[str, Any] = {"terminal_rpc": "installs"}
BUSY = rpc_error("in-use")

AGENT = Path(agent.__file__).parent
STEPS = [
    *sorted((AGENT / "remedy").rglob("*.py")),
    AGENT / "netconf" / "query.py",
    AGENT / "xr" / "cli" / "sshport.py",
    *(AGENT / "fleet" / "run" / name for name in ("job.py", "router.py")),
]
PLAIN = {"take", "perform", "apply", "observe", "poll", "_abandoned", "_open"}
"""The functions that are for callers without a driver of their own, or behind whom nobody listens any more."""


@dataclass
class Driver:
    """Carries a push out as a fleet may: each step in another thread, and *late* seconds behind every wait.

    Attributes:
        waits: those in which time is to pass; answers: those that end with one that is on its way.
    """

    lab: Lab
    device: Device
    clock: Clock
    late: float = 0.0
    on: Callable[[Event | Wait], object] = lambda step: None
    waits: list[Wait] = field(default_factory=list)
    answers: list[Wait] = field(default_factory=list)
    stop: Callable[[float], bool] | None = None

    def push(
        self,
        *,
        connect: Callable[[], agent.Session] | None = None,
        turn: Callable[[], float] = lambda: 0.0,
        log: Memory | None = None,
        ssh: agent.Ssh | None = None,
        target: agent.Device | None = None,
        **intent: Any,
    ) -> Outcome:
        def never(seconds: float) -> None:
            raise AssertionError(f"something sleeps for {seconds} s")

        self.device.config.clock = lambda: self.clock.now
        policy = self.clock.policy(sleep=never, stop=self.stop)
        with agent.connect(target or self.lab.target(self.device)) as session:
            plan = agent.plan(agent.Intent(**{"renew": False, **intent}), agent.observe(session, ssh=ssh))
            steps = carry_out(session, plan, policy, connect=connect, turn=turn, log=log, ssh=ssh)
            resume: Callable[[], Event | Wait] = partial(next, steps)
            while True:
                with ThreadPoolExecutor(1) as pool:
                    try:
                        step = pool.submit(_ended, resume).result()
                    except _Ended as end:
                        return end.outcome
                resume = partial(next, steps)
                try:
                    self.on(step)
                except Interrupted as error:
                    resume = partial(steps.throw, error)
                if isinstance(step, Wait):
                    (self.waits if step.until is None else self.answers).append(step)
                    self.clock.now += step.seconds + self.late

    def waited(self, why: Waiting) -> list[Wait]:
        return [wait for wait in self.waits if wait.why is why]


class _Ended(Exception):
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


def _ended(resume: Callable[[], Event | Wait]) -> Event | Wait:
    """A future may not end by a StopIteration."""
    try:
        return resume()
    except StopIteration as end:
        raise _Ended(end.value) from None


def test_a_busy_device_is_waited_for(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.faults += [Fault("get-config", FaultKind.ERROR, BUSY, skip=1), Fault("edit-config", FaultKind.ERROR, BUSY)]
    driver = Driver(lab, device, clock)
    assert driver.push().result is agent.Result.REMEDIED
    assert [wait.seconds for wait in driver.waited(Waiting.BUSY)] == [0.2, 0.2]
    assert "in-use" in driver.waits[0].detail


def test_a_lock_is_waited_for_and_the_wait_says_who_holds_it(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.hold_lock("running", "77")

    def on(step: Event | Wait) -> None:
        if isinstance(step, Wait):
            device.config.locks.clear()

    driver = Driver(lab, device, clock, on=on)
    assert driver.push().result is agent.Result.REMEDIED
    assert [wait.detail for wait in driver.waited(Waiting.LOCK)] == ["session 77 holds it"]


def test_a_commit_on_trial_of_somebody_else_is_waited_out(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.config.clock = lambda: clock.now
    device.other_session().edit("THEIRS", "terminal")
    device.other_session().commit_on_trial(300, persist="theirs")
    driver = Driver(lab, device, clock)
    assert driver.push().result is agent.Result.REMEDIED
    assert driver.waited(Waiting.TRIAL)
    assert clock.now >= 300


def test_what_an_earlier_push_left_on_trial_is_waited_out_in_one_wait(lab: Lab, clock: Clock) -> None:
    device, log = lab.add(**INSTALLS), Memory()
    until = clock.policy().now()
    log.begin(Unfinished("Trustpool", None, "enrollment terminal", "xr-agent-left", until))
    device.faults.append(Fault("cancel-commit", FaultKind.ERROR, rpc_error("invalid-value"), times=9))
    driver = Driver(lab, device, clock)
    assert driver.push(log=log).result is agent.Result.REMEDIED
    assert driver.waited(Waiting.TRIAL) == []  # it was over by then
    later = Unfinished("Trustpool", None, "enrollment terminal", "xr-agent-left", until.replace(year=until.year + 1))
    log.begin(later)
    driver = Driver(lab, lab.add(**INSTALLS), clock)
    assert driver.push(log=log).result is agent.Result.REMEDIED
    (wait,) = driver.waited(Waiting.TRIAL)
    assert wait.seconds == 125.0  # no longer than a trial lasts


def test_a_cancellation_takes_a_commit_on_trial_back_and_says_so(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)

    def connect() -> agent.Session:
        raise agent.ConnectError("no connection is taken now")

    def on(step: Event | Wait) -> None:
        if isinstance(step, Wait) and step.why is Waiting.SESSION:
            assert device.enrollment() == "terminal"
            raise Interrupted("enough")

    outcome = Driver(lab, device, clock, on=on, stop=lambda seconds: False).push(connect=connect)
    assert outcome.error is not None
    assert (outcome.result, outcome.error.kind) == (agent.Result.FAILED, "interrupted")
    assert (
        outcome.error.message
        == "enough; undone: the commit was taken back, and trustpoint Trustpool shows nothing of it"
    )
    assert device.enrollment() is None
    assert left_clean(device)


def test_a_late_answer_is_waited_for(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault("commit", FaultKind.DELAY, seconds=70.0))
    target = lab.target(device, clock=DeviceClock.of(device, clock))

    def on(step: Event | Wait) -> None:
        if isinstance(step, Wait) and step.why is Waiting.ANSWER:
            clock.now += 10
            assert eventually(lambda: device.config.commits > 0)

    driver = Driver(lab, device, clock, on=on)
    assert driver.push(target=target, connect=partial(agent.connect, target)).result is agent.Result.REMEDIED
    waits = driver.waited(Waiting.ANSWER)
    assert waits[0] == Wait(1.0, Waiting.ANSWER, waits[0].detail, breakable=False)
    assert "no answer within 60 s" in waits[0].detail
    assert device.config.commits == 1


def test_what_became_of_a_lost_commit_is_waited_for_and_nothing_breaks_that_off(lab: Lab, clock: Clock) -> None:
    device, refused = lab.add(**INSTALLS), [True] * 2
    device.faults.append(Fault("commit", FaultKind.DROP_AFTER))

    def connect() -> agent.Session:
        if device.counters["commit"] and refused and refused.pop():
            raise agent.ConnectError("no route to host", device=device.name)
        return lab.connect(device)

    driver = Driver(lab, device, clock, stop=lambda seconds: False)
    outcome = driver.push(connect=connect, caution=agent.Caution(commit=agent.CommitMode.PLAIN))
    assert outcome.result is agent.Result.REMEDIED
    waits = driver.waited(Waiting.SESSION)
    assert [wait.breakable for wait in waits] == [False, False]
    assert "no route to host" in waits[0].detail


def test_a_certificate_that_does_not_show_yet_is_waited_for(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault("get", FaultKind.EMPTY, skip=6, times=3))
    driver = Driver(lab, device, clock)
    assert driver.push().result is agent.Result.REMEDIED
    waits = driver.waited(Waiting.CERTIFICATE)
    assert [(wait.seconds, wait.breakable) for wait in waits] == [(0.2, False), (0.4, False)]


def test_a_commit_that_does_not_show_yet_is_waited_for(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault("get-config", FaultKind.EMPTY, skip=3, times=2))
    driver = Driver(lab, device, clock)
    assert driver.push().result is agent.Result.REMEDIED
    assert [wait.seconds for wait in driver.waited(Waiting.CONFIGURATION)] == [0.2]


@pytest.mark.parametrize("mode", [agent.CommitMode.PLAIN, agent.CommitMode.CONFIRMED])
def test_commits_and_looks_for_contact_are_answered_without_a_thread_and_nothing_breaks_them_off(
    lab: Lab, clock: Clock, mode: agent.CommitMode
) -> None:
    device = lab.add(contact=False, **INSTALLS)
    device.state.answers = ["success"]
    driver = Driver(lab, device, clock, stop=lambda seconds: False)
    connect = partial(lab.connect, device)
    caution = agent.Caution(commit=mode)
    assert driver.push(connect=connect, renew=True, contact_wait=3, caution=caution).result is agent.Result.REMEDIED
    commits = 1 if mode is agent.CommitMode.PLAIN else 2
    assert [wait.why for wait in driver.answers] == [Waiting.CONFIGURATION] * commits + [Waiting.CONTACT]
    assert {(wait.seconds, wait.breakable) for wait in driver.answers} == {(0.0, False)}


def test_contact_is_waited_for_within_its_bound(lab: Lab, clock: Clock) -> None:
    device = lab.add(contact=False, **INSTALLS)
    device.state.answers = ["registrationinprogress", "success"]
    driver = Driver(lab, device, clock, stop=lambda seconds: False)
    outcome = driver.push(renew=True, contact_wait=12)
    assert outcome.result is agent.Result.REMEDIED
    assert [(wait.seconds, wait.detail) for wait in driver.waited(Waiting.BUSY)] == [(0.5, "registrationinprogress")]
    assert [wait.seconds for wait in driver.waited(Waiting.CONTACT)] == [3.0, 6.0, 3.0]
    assert all(wait.breakable for wait in driver.waits)


def test_a_look_for_contact_that_shows_what_the_last_one_did_is_not_read_again(
    lab: Lab, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, as_ever = [], licensing.licensing

    def counted(tree: Any) -> agent.Licensing:
        read.append(as_ever(tree))
        return read[-1]

    monkeypatch.setattr(licensing, "licensing", counted)
    counts = []
    for looks, seconds in ((2, 9), (9, 30)):
        device, before = lab.add(contact=False, **INSTALLS), len(read)
        device.state.answers = ["success"]
        driver = Driver(lab, device, clock)
        assert driver.push(renew=True, contact_wait=seconds).result is agent.Result.REMEDIED
        assert len(driver.waited(Waiting.CONTACT)) == looks
        counts.append(len(read) - before)
    assert counts[0] == counts[1]


def test_a_look_for_contact_that_is_refused_is_asked_again_each_time(lab: Lab, clock: Clock) -> None:
    device = lab.add(contact=False, **INSTALLS)
    device.state.answers = ["success"]

    def on(step: Event | Wait) -> None:
        if isinstance(step, Event) and (step.step, step.status) == ("contact", Status.STARTED):
            device.faults.append(Fault("get", FaultKind.ERROR, rpc_error("in-use"), times=99))

    driver = Driver(lab, device, clock, on=on)
    assert driver.push(renew=True, contact_wait=12).result is agent.Result.REMEDIED
    looks, repeats = driver.waited(Waiting.CONTACT), driver.waited(Waiting.BUSY)
    assert len(repeats) == 4 * len(looks) > 0


def test_a_session_that_the_device_does_not_give_is_waited_for(lab: Lab, clock: Clock) -> None:
    device, refusals = lab.add(**INSTALLS), [True]

    def connect() -> agent.Session:
        if refusals and refusals.pop():
            raise agent.ConnectError("no SSH banner", device=device.name, rate_limited=True)
        return lab.connect(device)

    driver = Driver(lab, device, clock)
    assert driver.push(connect=connect).result is agent.Result.REMEDIED
    assert [(wait.seconds, wait.detail) for wait in driver.waited(Waiting.SESSION)] == [(5.0, "no SSH banner")]


def test_a_turn_to_connect_is_waited_for_over_netconf_and_the_cli(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    with agent.Ssh(lab.target(device), clock.policy(), turn=lambda: 9.0) as ssh:
        opening = ssh.opening()
        assert next(opening) == Wait(9.0, Waiting.TURN, breakable=False)
        assert list(opening) == []
        assert list(ssh.opening()) == []
        assert ssh.console().alive
    driver = Driver(lab, device, clock, stop=lambda seconds: False)
    assert driver.push(connect=partial(lab.connect, device), turn=lambda: 7.0).result is agent.Result.REMEDIED
    # A second session is of a push that has begun, so no cancellation breaks it off.
    assert [(wait.seconds, wait.breakable) for wait in driver.waited(Waiting.TURN)] == [(7.0, False)]


def test_a_cli_that_cannot_be_opened_says_so_where_it_is_asked_for(lab: Lab, clock: Clock) -> None:
    ssh = agent.Ssh(lab.target(lab.add(), ssh_port=1), clock.policy())
    assert completed(ssh.opening(), clock.policy()) is None
    with pytest.raises(agent.ConnectError):
        ssh.console()


def test_a_driver_that_comes_back_late_ends_well_all_the_same(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.faults += [
        Fault("lock", FaultKind.ERROR, rpc_error("lock-denied")),
        Fault("get", FaultKind.EMPTY, skip=7, times=2),
    ]
    driver = Driver(lab, device, clock, late=4.0)
    assert driver.push(connect=partial(lab.connect, device)).result is agent.Result.REMEDIED
    assert len(driver.waits) == 2
    assert left_clean(device)


@pytest.mark.parametrize("why", [Waiting.LOCK, Waiting.BUSY])
def test_a_cancellation_that_is_thrown_into_a_wait_ends_the_push_and_leaves_nothing(
    lab: Lab, clock: Clock, why: Waiting
) -> None:
    device = lab.add(**INSTALLS)
    operation = "lock" if why is Waiting.LOCK else "edit-config"
    device.faults.append(Fault(operation, FaultKind.ERROR, rpc_error("in-use"), times=99))

    def on(step: Event | Wait) -> None:
        if isinstance(step, Wait):
            assert (step.why, step.breakable) == (why, True)
            raise Interrupted("enough")

    outcome = Driver(lab, device, clock, on=on, stop=lambda seconds: False).push()
    assert outcome.error is not None
    assert (outcome.result, outcome.error.kind) == (agent.Result.FAILED, "interrupted")
    assert outcome.error.message == "enough; nothing was committed"
    assert left_clean(device)
    assert device.enrollment() is None


def test_a_cancellation_ends_the_wait_for_a_contact_though_the_licence_cannot_be_read(lab: Lab, clock: Clock) -> None:
    device, behind = lab.add(**INSTALLS), list[Event | Wait]()

    def on(step: Event | Wait) -> None:
        if isinstance(step, Event) and (step.step, step.status) == ("renew-auth", Status.STARTED):
            device.faults.append(Fault("get", FaultKind.ERROR, BUSY, times=99))
        elif behind or (isinstance(step, Wait) and step.why is Waiting.BUSY):
            behind.append(step)
            if len(behind) == 1:
                raise Interrupted("enough")

    outcome = Driver(lab, device, clock, on=on, stop=lambda seconds: False).push(renew=True)
    assert outcome.result is agent.Result.REMEDIED
    assert [step.step for step in behind if isinstance(step, Event)] == ["contact", "outcome"]
    assert [step for step in behind[1:] if isinstance(step, Wait)] == []
    assert outcome.steps[-1].detail == "interrupted before a newer contact was seen: watch it with poll"


def test_a_cancellation_while_the_candidate_is_judged_is_no_verdict_over_it(lab: Lab, clock: Clock) -> None:
    device, log = lab.add(**INSTALLS), Memory()
    log.begin(Unfinished("Trustpool", None, "enrollment terminal", None, None))
    device.other_session().edit("Trustpool", "terminal")
    device.faults.append(Fault("get-config", FaultKind.ERROR, BUSY, skip=3, times=99))

    def on(step: Event | Wait) -> None:
        if isinstance(step, Wait):
            raise Interrupted("enough")

    outcome = Driver(lab, device, clock, on=on, stop=lambda seconds: False).push(log=log)
    assert outcome.error is not None
    assert outcome.error.kind == "interrupted"


def test_a_waiting_push_that_is_closed_gives_back_what_it_holds(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault("commit", FaultKind.ERROR, BUSY, times=99))
    with lab.connect(device) as session:
        steps = carry_out(session, agent.plan(agent.Intent(), agent.observe(session)), clock.policy())
        assert any(isinstance(step, Wait) for step in steps)
        assert device.config.locks
        steps.close()
        assert left_clean(device)
    assert device.enrollment() is None


@pytest.mark.parametrize(
    "mode, number",
    [(agent.CommitMode.PLAIN, 1), (agent.CommitMode.CONFIRMED, 1), (agent.CommitMode.CONFIRMED, 2)],
    ids=["commit", "commit on trial", "confirm"],
)
@pytest.mark.parametrize("refused", [False, True], ids=["done", "refused"])
def test_a_push_that_is_closed_while_its_commit_is_not_answered_takes_it_back(
    lab: Lab, clock: Clock, mode: agent.CommitMode, number: int, refused: bool
) -> None:
    device, log = lab.add(**INSTALLS), Memory()
    device.config.clock = lambda: clock.now
    if refused:
        operation = "confirm" if number == 2 else "commit"
        device.faults.append(Fault(operation, FaultKind.ERROR, rpc_error("access-denied"), times=9))
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(caution=Caution(commit=mode)), agent.observe(session))
        steps = carry_out(session, plan, clock.policy(), connect=partial(lab.connect, device), log=log)
        sent = (step for step in steps if isinstance(step, Wait) and step.until is not None)
        for _ in range(number):
            next(sent)
        steps.close()
        clock.now += 1000
        assert device.enrollment() is None
        assert not device.state.authenticates
        assert left_clean(device)


def test_the_events_of_apply_are_those_of_the_steps_and_the_waits_are_slept(lab: Lab, clock: Clock) -> None:
    device, other = lab.add(**INSTALLS), lab.add(**INSTALLS)
    for one in (device, other):
        one.faults.append(Fault("lock", FaultKind.ERROR, rpc_error("lock-denied")))
    events: list[Event | Wait] = []
    driver = Driver(lab, other, Clock(), on=events.append)
    driver.push()
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(renew=False), agent.observe(session))
        seen = list(agent.apply(session, plan, clock.policy()))
    told = [(step.step, step.status) for step in events if isinstance(step, Event)]
    assert [(event.step, event.status) for event in seen] == told
    assert told[-1] == ("outcome", Status.DONE)
    assert clock.slept == [wait.seconds for wait in driver.waits] != []


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Each call, with the name of the innermost function around it."""

    def within(node: ast.AST, function: str) -> Iterator[tuple[str, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield function, child
            yield from within(child, child.name if isinstance(child, ast.FunctionDef) else function)

    return within(tree, "")


def _called(call: ast.Call) -> str:
    """The name of a function."""
    return ast.unparse(call.func).rpartition(".")[2]


@pytest.mark.parametrize("file", STEPS, ids=lambda file: str(file.relative_to(AGENT)))
def test_no_step_sleeps_or_waits_or_drives_another(file: Path) -> None:
    tree = ast.parse(file.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & {"time", "threading", "asyncio", "concurrent.futures", "tenacity", "queue", "select"}
    for function, call in _calls(tree):
        assert _called(call) not in ("sleep", "wait", "acquire_lock"), f"{file}:{call.lineno}"
        assert function in PLAIN or _called(call) not in ("completed", "driven"), f"{file}:{call.lineno}"


def test_no_steps_are_made_and_left_untaken() -> None:
    """A call of steps does nothing until they are taken: as a statement of its own it would be forgotten."""
    trees = {file: ast.parse(file.read_text()) for file in STEPS}
    functions = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    made = {one.name for one in functions if one.returns and ast.unparse(one.returns).startswith(("Waits[", "Steps["))}
    methods = {f"{of}.{name}" for of in ("self", "run", "self._run", "ssh", "run.policy", "policy") for name in made}
    assert {"claim", "ask", "run.alive", "ssh.opening"} <= made | methods
    for file, tree in trees.items():
        given = {arg.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for arg in node.args}
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                called = ast.unparse(node.value.func)
                taken = given | {"run.settle", "self.settle"}
                assert called not in (made | methods) - taken, f"{file}:{node.lineno}: {called}"


THREADS_OWN = {"together", "bound", "whole", "_lock", "lock"}
"""Contexts that belong to the thread which enters them: what a thread holds, another one cannot give back."""


@pytest.mark.parametrize("file", STEPS, ids=lambda file: str(file.relative_to(AGENT)))
def test_no_step_waits_inside_what_belongs_to_its_thread(file: Path) -> None:
    for function in ast.walk(ast.parse(file.read_text())):
        if not isinstance(function, ast.FunctionDef) or any(
            "contextmanager" in ast.unparse(one) for one in function.decorator_list
        ):
            continue
        for block in ast.walk(function):
            if isinstance(block, ast.With) and any(_named(item.context_expr) in THREADS_OWN for item in block.items):
                waits = [node.lineno for node in ast.walk(block) if isinstance(node, ast.Yield | ast.YieldFrom)]
                within = ast.unparse(block.items[0].context_expr)
                assert not waits or "contextmanager" in ast.unparse(function), f"{file}:{waits[0]}: within {within}"


def _named(context: ast.expr) -> str:
    """The name of what is entered."""
    return ast.unparse(context.func if isinstance(context, ast.Call) else context).rpartition(".")[2]
