"""What a push, a look and a watch log says which device, and which step, it is about."""

from __future__ import annotations

import logging
from contextlib import closing

import agent
from agent.simulator import Fault, FaultKind, rpc_error
from tests.support import Clock, Lab, logged

BUSY = rpc_error("in-use")


def about(record: logging.LogRecord) -> tuple[object, object]:
    return getattr(record, "device", None), getattr(record, "step", None)


def test_a_repeated_step_is_about_that_step(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="installs")
    device.faults += [Fault("lock", FaultKind.ERROR, BUSY), Fault("ca-authenticate", FaultKind.ERROR, BUSY)]
    with lab.connect(device) as session, logged() as records:
        assert agent.remediate(session, policy=clock.policy()).result is agent.Result.REMEDIED
    assert [about(record) for record in records] == [(device.name, "lock"), (device.name, "ca-authenticate")]


def test_a_read_that_is_repeated_is_about_the_device(lab: Lab, clock: Clock) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.ERROR, BUSY))
    with lab.connect(device) as session, logged() as records:
        agent.observe(session, policy=clock.policy())
    assert [about(record) for record in records] == [(device.name, None)]


def test_a_watch_is_about_the_device(lab: Lab, clock: Clock) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.ERROR, BUSY))
    with logged() as records, closing(agent.poll(lambda: lab.connect(device), policy=clock.policy())) as samples:
        assert next(samples).licensing is not None
    assert [about(record) for record in records] == [(device.name, None)]


def test_a_stored_host_key_is_about_the_device(lab: Lab) -> None:
    device = lab.add()
    new = agent.HostKeys(lab.folder / "new", accept_new=True)
    with logged() as records, lab.connect(device, host_keys=new):
        pass
    assert [about(record) for record in records] == [(device.name, None)]


def test_what_the_caller_logs_between_two_events_is_not_about_the_step(lab: Lab) -> None:
    device = lab.add(terminal_rpc="installs")
    ours = logging.getLogger("agent.of.the.caller")
    with lab.connect(device) as session, logged() as records:
        plan = agent.plan(agent.Intent(), agent.observe(session))
        for event in agent.apply(session, plan):
            ours.info("%s", event.step)
    assert len(records) > 5
    assert {about(record) for record in records if record.name == ours.name} == {(None, None)}


def test_what_an_abandoned_push_takes_back_is_about_its_step(lab: Lab) -> None:
    device = lab.add(terminal_rpc="installs")
    with lab.connect(device) as session, logged() as records:
        events = agent.apply(session, agent.plan(agent.Intent(renew=False), agent.observe(session)))
        for event in events:
            if event.step == "ca-authenticate":
                break
        events.close()
    assert device.enrollment() is None
    assert records
    assert {getattr(record, "device", None) for record in records} == {device.name}
    assert all(getattr(record, "step", None) for record in records)
