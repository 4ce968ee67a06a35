"""What takes a router its time: how it is said, that it repeats, and who is kept waiting meanwhile; by a fast clock."""

from __future__ import annotations

import re
import statistics
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import paramiko
import pytest
from lxml import etree

import agent
from agent.model.errors import InputError
from agent.model.outcome import Status
from agent.netconf.yang.library import known
from agent.simulator import Device, Persona, ServiceTime, ServiceTimes, platforms
from tests.simulator.peer import NS, Neighbour, neighbour, netconf, rpc, screen
from tests.simulator.test_behaviour import gone, refusal
from tests.support import Clock, DeviceClock, Lab, eventually, read


def fixed(seconds: float) -> ServiceTime:
    return ServiceTime(seconds, seconds)


@pytest.fixture
def slow(lab: Lab, clock: Clock) -> Device:
    """A device that takes two seconds for a commit and three for ca-authenticate."""
    device = lab.add(terminal_rpc="installs", takes=ServiceTimes(commit=fixed(2.0), authenticate=fixed(3.0)))
    DeviceClock.of(device, clock)
    return device


@pytest.fixture
def two(lab: Lab, slow: Device) -> Iterator[tuple[Neighbour, Neighbour]]:
    with ExitStack() as stack:
        yield stack.enter_context(neighbour(lab, slow)), stack.enter_context(neighbour(lab, slow))


def begin(client: Neighbour, device: Device) -> None:
    """Edit, and send a commit that is under way by the time that another rpc is answered."""
    before = device.counters["commit"]
    client.edit("T", "terminal")
    client.begin_commit()
    assert eventually(lambda: device.counters["commit"] > before)


def contact(device: Device) -> tuple[bool, Any]:
    return device.state.last_success, device.state.last_contact


# --- how long --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, low, high, shape",
    [
        ("0", 0, 0, "uniform"),
        ("2", 2, 2, "uniform"),
        ("0.25", 0.25, 0.25, "uniform"),
        ("uniform:10-30", 10, 30, "uniform"),
        ("uniform:0-0.5", 0, 0.5, "uniform"),
        ("lognormal:1-4.5", 1, 4.5, "lognormal"),
    ],
)
def test_a_time_is_a_number_or_a_distribution(text: str, low: float, high: float, shape: str) -> None:
    time = ServiceTime.parse(text)
    assert (time.low, time.high, time.shape) == (low, high, shape)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "-1", "nan", "inf", "1e3", "1-2", "uniform:", "uniform:1", "uniform:3-1", "uniform:1-2-3"),
        *("normal:1-2", "lognormal:0-1", "lognormal:2-1", " 1", "1\n", "\u0663"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no time"):
        ServiceTime.parse(text)


def test_what_is_drawn_is_the_same_in_every_run_and_its_shape_is_as_said() -> None:
    uniform, lognormal = ServiceTime.parse("uniform:10-30"), ServiceTime.parse("lognormal:1-4")
    assert uniform.draw("r0001 contact 1") == pytest.approx(10.2155969)
    assert lognormal.draw("r0001 commit 1") == pytest.approx(2.4629536)
    seeds = [f"r{number}" for number in range(4000)]
    assert all(10 <= uniform.draw(seed) <= 30 for seed in seeds)
    drawn = [lognormal.draw(seed) for seed in seeds]
    assert statistics.median(drawn) == pytest.approx(1, rel=0.1)
    assert statistics.quantiles(drawn, n=20)[-1] == pytest.approx(4, rel=0.1)


def test_each_device_draws_its_own_times_and_again_the_same() -> None:
    persona = Persona(takes=ServiceTimes(commit=ServiceTime.parse("uniform:1-3")))

    def drawn(name: str) -> list[float]:
        device = Device(name, persona)
        return [device.draw("commit") for _ in range(3)]

    assert drawn("r1") == drawn("r1") != drawn("r2")
    assert len({*drawn("r1"), *drawn("r2")}) == 6


# --- a commit --------------------------------------------------------------------------------------------------------


def test_while_a_commit_is_served_reads_are_answered_and_changes_are_refused(
    slow: Device, two: tuple[Neighbour, Neighbour], clock: Clock
) -> None:
    ours, theirs = two
    begin(ours, slow)
    for target in ("running", "candidate"):
        assert refusal(lambda: theirs.lock(target))[0] == "lock-denied"  # noqa: B023 - called at once
    assert refusal(theirs.commit) == ("in-use", "Configuration Namespace is locked by another agent")
    assert refusal(lambda: theirs.edit("U", "terminal")) == ("in-use", "Datastore locked")
    assert refusal(theirs.discard) == ("in-use", "Datastore locked")
    assert theirs.get("smart-agent", f"{NS}infra-smartlicense-oper")[0].tag.endswith("smart-agent")
    assert "T" not in slow.trustpoints()
    clock.now += 2
    assert eventually(lambda: "T" in slow.trustpoints())
    assert eventually(lambda: not lock_is_refused(theirs))
    assert (slow.config.commits, slow.config.dirty) == (1, False)


def lock_is_refused(client: Neighbour) -> bool:
    """Whether running cannot be locked; gives the lock back."""
    try:
        refusal(lambda: client.lock("running"))
    except BaseException:  # noqa: BLE001 - pytest.fail is what says that it was granted
        client.unlock("running")
        return False
    return True


def test_who_holds_the_locks_keeps_them_while_the_commit_is_served(
    slow: Device, two: tuple[Neighbour, Neighbour], clock: Clock
) -> None:
    ours, theirs = two
    ours.lock("running")
    ours.lock("candidate")
    begin(ours, slow)
    assert refusal(theirs.commit)[0] == "in-use"
    assert slow.config.locks == dict.fromkeys(("running", "candidate"), ours.session_id)
    clock.now += 2
    assert eventually(lambda: slow.config.commits == 1)
    assert refusal(theirs.lock)[0] == "lock-denied"


def test_a_commit_that_a_lock_stands_in_the_way_of_is_refused_at_once(
    slow: Device, two: tuple[Neighbour, Neighbour], clock: Clock
) -> None:
    ours, theirs = two
    ours.edit("T", "terminal")
    theirs.lock("running")
    assert refusal(ours.commit)[0] == "in-use"
    assert clock.now == 0


def test_a_commit_is_done_though_its_client_is_gone_and_the_locks_end_behind_it(
    slow: Device, two: tuple[Neighbour, Neighbour], clock: Clock
) -> None:
    ours, theirs = two
    ours.lock("candidate")
    begin(ours, slow)
    ours.break_off()
    assert refusal(theirs.lock)[0] == "lock-denied"
    assert not slow.config.commits
    clock.now += 2
    gone(slow, ours)
    assert (slow.config.commits, slow.config.locks, slow.config.dirty) == (1, {}, False)


def test_a_session_that_is_killed_while_it_commits_has_committed_nothing(
    slow: Device, two: tuple[Neighbour, Neighbour], clock: Clock
) -> None:
    ours, theirs = two
    ours.lock("candidate")
    begin(ours, slow)
    theirs.kill(ours.session_id)
    gone(slow, ours)
    clock.now += 2
    theirs.lock("candidate")
    assert (slow.config.commits, slow.config.dirty, slow.trustpoints()) == (0, False, [])


def test_a_trial_lasts_from_its_commit_on_and_its_confirmation_takes_its_time_too(
    lab: Lab, slow: Device, clock: Clock
) -> None:
    target = lab.target(slow, clock=DeviceClock.of(slow, clock))
    caution = agent.Caution(commit=agent.CommitMode.CONFIRMED)
    with agent.connect(target) as session:
        outcome = agent.remediate(
            session,
            agent.Intent(caution=caution, renew=False),
            connect=lambda: agent.connect(target),
            policy=clock.policy(),
        )
    assert outcome.result is agent.Result.REMEDIED, outcome
    # A commit on trial, its confirmation, ca-authenticate.
    assert clock.now - sum(clock.slept) == pytest.approx(2 + 2 + 3)
    assert (slow.config.rollbacks, slow.config.trial) == (0, None)


def test_a_trial_is_not_confirmed_while_it_is_being_extended(
    slow: Device, two: tuple[Neighbour, Neighbour], clock: Clock
) -> None:
    ours, theirs = two
    ours.edit("T", "terminal")
    ours._netconf.async_mode = True
    ours.commit_on_trial(persist="p")
    assert eventually(lambda: slow.counters["commit"] == 1)
    assert refusal(lambda: theirs.confirm("p"))[0] == "in-use"
    clock.now += 2
    assert eventually(lambda: slow.config.trial is not None)
    ours.commit_on_trial(persist="p", persist_id="p")
    assert eventually(lambda: slow.counters["confirm"] == 2)
    for refused in (lambda: theirs.confirm("p"), lambda: theirs.cancel("p")):
        assert refusal(refused)[0] == "in-use"
    clock.now += 2
    theirs.lock("candidate")
    assert (slow.config.trial is not None, slow.config.rollbacks) == (True, 0)


def test_a_commit_at_the_cli_takes_its_time_and_names_no_session_of_netconf(
    lab: Lab, slow: Device, clock: Clock
) -> None:
    with neighbour(lab, slow) as theirs, screen(lab, slow) as typed:
        for line in ("configure", "crypto ca trustpoint T", "enrollment terminal"):
            typed.send(line, r"\(config.*\)#|CPU0:\S+#")
        typed.type("commit\n")
        assert eventually(lambda: "commit" in slow.typed)
        with pytest.raises(Exception, match="lock") as caught:
            theirs.lock("running")
        assert "<session-id>0</session-id>" in str(getattr(caught.value, "info", ""))
        assert "T" not in slow.trustpoints()
        clock.now += 2
        typed.until(r"\(config.*\)#")
    assert "T" in slow.trustpoints()


# --- certificates, logins, contact -----------------------------------------------------------------------------------


def test_the_certificate_comes_when_ca_authenticate_is_answered(lab: Lab, slow: Device, clock: Clock) -> None:
    with neighbour(lab, slow) as ours, neighbour(lab, slow) as theirs:
        slow.configure("Trustpool", "terminal")
        ours._netconf.async_mode = True
        ours.authenticate("Trustpool")
        assert eventually(lambda: slow.counters["ca-authenticate"] == 1)
        theirs.lock("running")
        assert not slow.state.certificates
        clock.now += 3
        assert eventually(lambda: "Trustpool" in slow.state.certificates)


def test_the_dialog_takes_its_time_as_well(lab: Lab, slow: Device, clock: Clock) -> None:
    waits = DeviceClock.of(slow, clock)
    with lab.ssh(slow, clock=waits) as ssh, lab.connect(slow, clock=waits) as session:
        outcome = agent.remediate(
            session, agent.Intent(method=agent.Method.DIALOG, renew=False), ssh=ssh, policy=clock.policy()
        )
    assert outcome.result is agent.Result.REMEDIED, outcome
    # The configuration is committed by NETCONF.
    assert clock.now - sum(clock.slept) >= 2 + 3


@pytest.mark.parametrize("timeout, works", [(20.0, True), (9.0, False)])
def test_a_login_takes_its_time_on_both_ports(lab: Lab, clock: Clock, timeout: float, works: bool) -> None:
    device = lab.add(takes=ServiceTimes(login=fixed(10.0)))

    def shell(*given: Any, **more: Any) -> agent.Ssh:
        ssh = lab.ssh(*given, **more)
        ssh.console()
        return ssh

    ways: Any = (lab.connect, shell)
    for number, way in enumerate(ways):
        reach: Any = {"clock": DeviceClock.of(device, clock), "login_timeout": timeout}
        if works:
            with way(device, **reach):
                assert clock.now == 10 * (number + 1)
        else:
            with pytest.raises(agent.AgentError, match="9 s"):
                way(device, **reach)


def test_a_login_under_way_keeps_no_other_session_waiting(lab: Lab, clock: Clock) -> None:
    slow, quick = lab.add(takes=ServiceTimes(login=fixed(10.0))), lab.add()
    DeviceClock.of(slow, clock)
    with paramiko.Transport(("127.0.0.1", slow.port)) as transport:
        transport.start_client(timeout=60)
        transport.auth_password("admin", lab.simulator.password, event=threading.Event())
        assert eventually(lambda: slow.silence.of(None, "login", clock.now))
        with lab.connect(quick) as session:
            assert read(session) == "smart-agent"
        assert not transport.is_authenticated()
        clock.now += 10
        assert eventually(transport.is_authenticated)


@pytest.mark.parametrize("rooted", [True, False])
def test_contact_comes_so_long_after_the_renewal_and_not_before(lab: Lab, clock: Clock, rooted: bool) -> None:
    certificate = Persona().installs if rooted else None
    device = lab.add(certificate=certificate, takes=ServiceTimes(contact=fixed(20.0)))
    device.config.clock = lambda: clock.now
    before = contact(device)
    with netconf(lab, device) as connected:
        assert "success" in connected.dispatch(rpc("smart-license-act", "renew-auth")).xml
        renewed = device.state.now()
        clock.now += 19.9
        assert contact(device) == before
        clock.now += 0.1
        shown = connected.get(("subtree", etree.Element(f"{{{NS}infra-smartlicense-oper}}smart-agent"))).xml
    assert ("<last-comm-status-success>yes" in shown) is rooted
    success, last = contact(device)
    assert success is rooted
    if rooted:
        assert abs(last - renewed - timedelta(seconds=20)) <= timedelta(seconds=5)
        assert contact(device) == (True, last)
    else:
        assert last == before[1]


def test_a_contact_counts_what_was_trusted_when_it_was_due_and_a_reload_ends_it(lab: Lab, clock: Clock) -> None:
    device = lab.add(enrollment="terminal", takes=ServiceTimes(contact=fixed(20.0)))
    device.config.clock = lambda: clock.now
    state = device.state
    state.renew(20.0)
    clock.now += 20
    state.install("Trustpool", device.persona.installs, "terminal")  # a moment too late
    assert contact(device)[0] is False
    state.renew(20.0)
    state.renew(20.0)
    clock.now += 20
    assert contact(device)[0] is True
    before = contact(device)
    state.renew(20.0)
    device.reload()  # which takes the certificate, so that a contact would fail
    clock.now += 20
    assert contact(device) == before


def test_a_push_waits_for_a_contact_that_takes_its_time(lab: Lab, clock: Clock) -> None:
    takes = ServiceTimes(commit=fixed(1.0), contact=fixed(20.0))
    device = lab.add(terminal_rpc="installs", takes=takes)
    with lab.connect(device, clock=DeviceClock.of(device, clock)) as session:
        outcome = agent.remediate(session, policy=clock.policy())
    assert outcome.result is agent.Result.REMEDIED
    assert next(step for step in outcome.steps if step.step == "contact").status is Status.DONE
    assert 21 <= clock.now <= 30


# --- the hello -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [50_000, 120_000, 180_000])
def test_a_hello_has_the_size_that_is_asked_for_and_says_nothing_new_of_what_counts(size: int) -> None:
    short, long = (Persona(release="7.3.2", platform="asr9k-x64", hello_size=asked) for asked in (0, size))
    assert size <= len(Device("x", long).hello) < size + 500
    assert long.capabilities()[: len(short.capabilities())] == short.capabilities()
    assert long.modules == short.modules


def test_what_fills_a_hello_is_no_module_that_anybody_here_knows() -> None:
    announced = {
        re.sub(r".*module=([^&]+).*", r"\1", uri) for one in platforms() for uri in Persona(*one).capabilities()
    }
    filling = Persona(hello_size=1_000_000).capabilities()[len(Persona().capabilities()) :]
    names = [re.sub(r".*module=([^&]+).*", r"\1", uri) for uri in filling]
    assert len(names) == len(set(names)) > 5000
    assert not announced & set(names)
    assert not any(known(name) for name in names)
