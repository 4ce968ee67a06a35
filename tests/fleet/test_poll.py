"""Simulated routers under watch: what each look says, which sessions it takes, and that none stops the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach
from agent.fleet.poll import PASSING_FOR, Look, watch
from agent.fleet.results.record import Kind
from agent.fleet.run.job import Job
from agent.fleet.run.rate import Limiter, Rate
from agent.fleet.run.router import Hooks
from agent.model.errors import (
    AgentError,
    ConsoleError,
    InputError,
    Interrupted,
    SSHAuthenticationError,
    SSHNegotiationError,
)
from agent.remedy.poll import Until
from agent.simulator import QUOVADIS, Device, Fault, FaultKind, rpc_error
from agent.xr.cli.sshport import Ssh
from tests.fleet.routers import PASSWORD, target
from tests.support import Clock, Lab, eventually

PEM = agent.TrustAnchor.bundled().pem
DONE: dict[str, Any] = {"enrollment": "terminal", "certificate": PEM}


def begin(reach: Reach, clock: Clock, *devices: Device, **settings: Any) -> Iterator[Look]:
    """The looks of a watch, one every ten seconds for each router."""
    policy = clock.policy(attempts=1)
    hooks = settings.pop("hooks", Hooks(policy=policy))
    given = {"interval": 10, "workers": 4, **settings}
    return watch([target(device) for device in devices], Job(Kind.POLL, reach), hooks=hooks, **given)


def cure(device: Device) -> None:
    device.state.certificates["Trustpool"] = PEM
    device.state.contact()


def of(looks: list[Look], device: Device) -> list[Look]:
    return [look for look in looks if look.target.name == device.name]


def test_until_contacted_ends_each_router_and_with_the_last_one_the_watch(lab: Lab, reach: Reach, clock: Clock) -> None:
    done, later = lab.add(**DONE), lab.add(enrollment="terminal")
    looks = []
    for look in begin(reach, clock, done, later, until=Until.CONTACTED):
        looks.append(look)
        if len(of(looks, later)) == 2:
            cure(later)
    assert [(look.sample.reached, look.last) for look in of(looks, done)] == [(True, True)]
    assert [look.sample.reached for look in of(looks, later)] == [False, False, True]


def test_a_router_that_left_the_watch_keeps_no_session(lab: Lab, reach: Reach, clock: Clock) -> None:
    done, later = lab.add(**DONE), lab.add(enrollment="terminal")
    looks = begin(reach, clock, done, later, until=Until.CONTACTED, keep_sessions=True)
    assert next(looks).last
    assert eventually(lambda: not done.sessions)
    assert not next(looks).last
    assert later.sessions
    cure(later)
    assert [look.target.name for look in looks] == [later.name]


def test_a_transition_is_said_once(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(enrollment="terminal")
    looks = []
    for look in begin(reach, clock, device, timeout=55):
        looks.append(look)
        if len(looks) == 3:
            cure(device)
    changes = [look.sample.changed for look in looks]
    assert changes == [(), (), (), ("last_comm_success", "last_comm_time", "fail_message"), (), ()]


def test_a_transition_while_the_router_was_away_is_said_when_it_is_back(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(enrollment="terminal")
    device.faults.append(Fault("get", FaultKind.DROP_BEFORE, skip=2))
    looks = []
    for look in begin(reach, clock, device, timeout=25):
        looks.append(look)
        if look.sample.error:
            cure(device)
    assert [look.sample.kind for look in looks] == [None, "session-lost", None]
    assert "last_comm_success" in looks[2].sample.changed


def test_a_kept_session_is_one_session(lab: Lab, reach: Reach, clock: Clock) -> None:
    devices = [lab.add(**DONE) for _ in range(3)]
    looks = begin(reach, clock, *devices, keep_sessions=True, timeout=49)
    seen = [next(looks) for _ in range(9)]
    assert [len(device.sessions) for device in devices] == [1, 1, 1]
    seen += looks
    assert len(seen) == 15
    assert [device.last_session for device in devices] == [1, 1, 1]
    assert all(eventually(lambda device=device: not device.sessions) for device in devices)  # type: ignore[misc]


def test_a_kept_session_that_was_lost_is_opened_again(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(**DONE)
    looks = []
    for look in begin(reach, clock, device, keep_sessions=True, timeout=35):
        looks.append(look)
        if len(looks) == 1:
            device.reload()
    assert device.last_session == 2
    assert looks[-1].sample.error is None


def test_a_session_for_each_look_leaves_none_open_in_between_and_nothing_behind(
    lab: Lab, reach: Reach, clock: Clock
) -> None:
    devices = [lab.add(**DONE) for _ in range(3)]
    list(begin(reach, clock, *devices, timeout=1))  # what is loaded once, is
    files, threads = _open_files(), threading.active_count()
    for number, _ in enumerate(begin(reach, clock, *devices, timeout=99), 1):
        assert eventually(lambda: not any(device.sessions for device in devices))
        assert number > 3 or sum(device.last_session for device in devices) == number + 1
    assert [device.last_session for device in devices] == [11, 10, 10]
    assert eventually(lambda: threading.active_count() <= threads)
    assert eventually(lambda: _open_files() <= files)


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_router_that_shows_no_licensing_leaves_the_watch_and_says_why(lab: Lab, reach: Reach, clock: Clock) -> None:
    older, newer = lab.add(release="7.0.1", ssh=False), lab.add(**DONE)
    looks = list(begin(replace(reach, ssh=False), clock, older, newer, timeout=25))
    (only,) = of(looks, older)
    assert only.last
    assert only.sample.kind == "capability"
    assert only.unseen is only.cause
    assert "licensing" in (only.sample.error or "")
    assert len(of(looks, newer)) == 2


def test_a_release_without_a_licensing_model_is_looked_at_over_the_cli(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(release="7.0.1", **DONE)
    limiter = Limiter(Rate(in_all=1.0))
    looks = list(begin(reach, clock, device, timeout=15, hooks=Hooks(policy=clock.policy(), limiter=limiter)))
    assert [look.sample.licensing is not None for look in looks] == [True, True]
    assert looks[0].seconds == pytest.approx(1.0)  # the CLI takes a turn of its own
    assert device.typed
    assert eventually(lambda: not device.sessions and not device.connections)


def test_a_cli_that_cannot_be_opened_now_is_no_lack_of_the_release(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(release="7.0.1", **DONE)
    device.faults.append(Fault("connect-ssh", FaultKind.RESET))
    looks = list(begin(reach, clock, device, timeout=75))
    assert [look.sample.error is None for look in looks] == [False, True, True]
    assert not looks[0].last
    assert looks[0].sample.kind == "connect"


UNAUTHORIZED: dict[str, Any] = {"forbidden": ("show license", "admin show license")}


def denied() -> Fault:
    return Fault("get:smart-agent", FaultKind.ERROR, rpc_error("access-denied"), times=1000)


def unknown_at_the_cli(lab: Lab, device: Device) -> None:
    lines = lab.known_hosts.read_text().splitlines(keepends=True)
    lab.known_hosts.write_text("".join(line for line in lines if f":{device.ssh_port} " not in line))


def test_a_router_of_which_nothing_shows_licensing_is_looked_at_only_while_others_are_waited_for(
    lab: Lab, reach: Reach, clock: Clock
) -> None:
    blind, later = lab.add(release="6.6.3", **UNAUTHORIZED), lab.add(enrollment="terminal")
    looks = []
    for look in begin(reach, clock, blind, later, until=Until.CONTACTED):
        looks.append(look)
        if len(of(looks, later)) == 3:
            cure(later)
    assert [look.sample.reached for look in of(looks, later)] == [False, False, False, True]
    first, *others = of(looks, blind)
    assert len(others) == 3
    assert (first.sample.kind, first.last, first.unseen) == ("no-data", False, None)
    for look in others:
        assert (look.sample.kind, look.last) == ("no-data", False)
        assert look.unseen is not None
        assert look.unseen.message.startswith("no model of this device shows licensing")
        assert "not authorized" in look.unseen.message
        assert "show license" in (look.unseen.hint or "")
        assert look.sample.error == look.unseen.message


def test_a_model_that_is_denied_counts_as_not_shown_where_the_cli_shows_nothing_either(
    lab: Lab, reach: Reach, clock: Clock
) -> None:
    device = lab.add(enrollment="terminal", **UNAUTHORIZED)
    device.faults.append(denied())
    looks = list(begin(reach, clock, device, until=Until.CONTACTED, timeout=3000))
    assert [look.unseen is None for look in looks] == [True, False]
    assert "access-denied" in (looks[1].sample.error or "")
    assert "not authorized" in (looks[1].sample.error or "")


def test_a_model_that_is_denied_is_made_up_for_by_the_cli(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(**DONE)
    device.faults.append(denied())
    (look,) = begin(reach, clock, device, until=Until.CONTACTED, timeout=3000)
    assert look.sample.reached


def test_a_model_that_is_denied_counts_as_not_shown_where_the_cli_is_ruled_out(
    lab: Lab, reach: Reach, clock: Clock
) -> None:
    device = lab.add(**DONE)
    device.faults.append(denied())
    looks = list(begin(replace(reach, ssh=False), clock, device, until=Until.CONTACTED, timeout=3000))
    assert [look.unseen is None for look in looks] == [True, False]


@pytest.mark.parametrize("blank", [{"release": "6.6.3"}, {"release": "25.4.1"}])
def test_a_cli_whose_host_key_is_not_known_shows_nothing(
    lab: Lab, reach: Reach, clock: Clock, blank: dict[str, Any]
) -> None:
    device = lab.add(enrollment="terminal", **blank)
    device.faults.append(denied())
    unknown_at_the_cli(lab, device)
    looks = list(begin(reach, clock, device, until=Until.CONTACTED, timeout=3000))
    assert [(look.sample.kind, look.unseen is None) for look in looks] == [("host-key", True), ("host-key", False)]
    assert "; the CLI over SSH cannot be used: its host key" in (looks[1].sample.error or "")


def test_a_cli_that_refuses_the_connection_is_waited_for_as_long_as_a_reload_takes(
    lab: Lab, reach: Reach, clock: Clock
) -> None:
    device = lab.add(release="6.6.3", ssh=False)
    looks = list(begin(reach, clock, device, until=Until.CONTACTED, timeout=7200))
    assert len(looks) > 2
    assert {look.sample.kind for look in looks} == {"connect"}
    assert [look for look in looks if look.unseen is not None] == looks[-1:]
    assert PASSING_FOR <= clock.now < 2 * PASSING_FOR
    assert "--ssh-port" in (getattr(looks[-1].unseen, "hint", None) or "")


@pytest.mark.parametrize("error", [SSHAuthenticationError, SSHNegotiationError, ConsoleError, InputError])
def test_a_cli_that_fails_for_good_shows_nothing(
    lab: Lab, reach: Reach, clock: Clock, monkeypatch: pytest.MonkeyPatch, error: type[AgentError]
) -> None:
    def refuse(ssh: Ssh) -> None:
        raise error("no way", device=ssh.device.name)

    monkeypatch.setattr(Ssh, "console", refuse)
    looks = list(begin(reach, clock, lab.add(release="6.6.3"), until=Until.CONTACTED, timeout=3000))
    assert [(look.sample.kind, look.unseen is None) for look in looks] == [(error.kind, True), (error.kind, False)]
    assert (looks[1].sample.error or "").endswith("; the CLI over SSH cannot be used: no way")


def test_a_cli_that_limits_sessions_is_waited_for_however_long(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(release="6.6.3")
    device.faults.append(Fault("connect-ssh", FaultKind.RESET, times=10_000))
    looks = list(begin(reach, clock, device, until=Until.CONTACTED, timeout=4 * PASSING_FOR))
    assert clock.now >= 4 * PASSING_FOR
    assert {look.unseen for look in looks} == {None}


def test_an_answer_that_is_empty_is_waited_for_as_long_as_a_reload_takes(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(enrollment="terminal", **UNAUTHORIZED)
    device.faults.append(Fault("get:smart-agent", FaultKind.EMPTY, times=10_000))
    looks = list(begin(reach, clock, device, until=Until.CONTACTED, interval=100, timeout=7200))
    assert [look.unseen is None for look in looks] == [True] * 9 + [False]
    assert {look.sample.kind for look in looks} == {"no-data"}


def test_what_a_model_refuses_in_passing_is_waited_for_as_long_as_a_reload_takes(
    lab: Lab, reach: Reach, clock: Clock
) -> None:
    device = lab.add(enrollment="terminal")
    device.faults.append(Fault("get:smart-agent", FaultKind.ERROR, rpc_error("in-use"), times=10_000))
    looks = list(begin(reach, clock, device, until=Until.CONTACTED, interval=100, timeout=7200))
    assert [look.unseen is None for look in looks] == [True] * 9 + [False]
    assert not device.typed


def test_what_was_so_before_the_router_was_away_does_not_count(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(release="6.6.3", enrollment="terminal", **UNAUTHORIZED)
    device.faults.append(Fault("connect", FaultKind.RESET, skip=1))
    looks = list(begin(reach, clock, device, until=Until.CONTACTED, timeout=3000))
    assert [look.sample.kind for look in looks] == ["no-data", "connect", "no-data", "no-data"]
    assert [look.unseen is None for look in looks] == [True, True, True, False]


def test_what_a_cli_refuses_once_is_waited_for(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(release="6.6.3", enrollment="terminal", **UNAUTHORIZED)
    looks = []
    for look in begin(reach, clock, device, until=Until.CONTACTED):
        looks.append(look)
        device.persona = replace(device.persona, forbidden=())
        cure(device)
    assert [look.unseen for look in looks] == [None, None]
    assert looks[-1].sample.reached


def test_a_router_that_nothing_shows_stays_under_a_watch_without_an_end(lab: Lab, reach: Reach, clock: Clock) -> None:
    looks = list(begin(reach, clock, lab.add(release="6.6.3", **UNAUTHORIZED), timeout=49))
    assert [look.unseen is None for look in looks] == [True, False, False, False, False]


@pytest.mark.parametrize("seen", [False, True])
def test_a_cli_that_limits_sessions_or_showed_the_state_before_is_waited_for(
    lab: Lab, reach: Reach, clock: Clock, seen: bool
) -> None:
    device = lab.add(release="6.6.3", enrollment="terminal")
    if not seen:
        device.faults.append(Fault("connect-ssh", FaultKind.RESET))
    looks = []
    for look in begin(reach, clock, device, until=Until.CONTACTED):
        looks.append(look)
        if len(looks) < 3:
            commands = ("show license", "admin show license") if seen and len(looks) == 1 else ()
            device.persona = replace(device.persona, forbidden=commands)
        else:
            cure(device)
    assert [look.unseen for look in looks] == [None] * 4
    assert [look.sample.error is None for look in looks] == [seen, not seen, True, True]
    assert looks[-1].sample.reached


def test_a_refused_login_and_a_wrong_host_key_stop_no_other_router(
    lab: Lab, reach: Reach, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, refused, strange, bare = (lab.add(**DONE) for _ in range(4))
    monkeypatch.setenv("XR_WRONG", "wrong")
    monkeypatch.delenv("XR_UNSET", raising=False)
    lines = lab.known_hosts.read_text().splitlines(keepends=True)
    lab.known_hosts.write_text("".join(line for line in lines if f":{strange.port} " not in line))
    targets = [
        target(good),
        replace(target(refused), password=Reference.parse("env:XR_WRONG")),
        target(strange),
        replace(target(bare), password=Reference.parse("env:XR_UNSET")),
    ]
    hooks = Hooks(policy=clock.policy(attempts=1))
    looks = list(watch(targets, Job(Kind.POLL, reach), interval=10, timeout=39, hooks=hooks))
    kinds = {device.name: {look.sample.kind for look in of(looks, device)} for device in (good, refused, strange, bare)}
    assert kinds == {
        good.name: {None},
        refused.name: {"authentication"},
        strange.name: {"host-key"},
        bare.name: {"input"},
    }
    assert len(of(looks, good)) == 4
    assert not any(look.last for look in looks)
    assert not strange.log
    assert not bare.log


def test_secrets_are_read_anew_for_each_look(
    lab: Lab, reach: Reach, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = lab.add(**DONE)
    monkeypatch.setenv(PASSWORD, "the old one")
    kinds = []
    for look in begin(reach, clock, device, timeout=15):
        kinds.append(look.sample.kind)
        monkeypatch.setenv(PASSWORD, lab.simulator.password)
    assert kinds == ["authentication", None]


@pytest.mark.parametrize("keep", [True, False])
def test_an_interrupt_ends_in_order_with_every_session_closed(lab: Lab, reach: Reach, clock: Clock, keep: bool) -> None:
    devices = [lab.add(**DONE) for _ in range(3)]
    cancelled = threading.Event()
    hooks = Hooks(policy=clock.policy(attempts=1, stop=_passing(clock, cancelled)))
    looks = begin(reach, clock, *devices, keep_sessions=keep, hooks=hooks)
    for _ in range(4):
        next(looks)
    cancelled.set()
    with pytest.raises(Interrupted):
        list(looks)
    assert eventually(lambda: not any(device.sessions for device in devices))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("poll")]


def _passing(clock: Clock, cancelled: threading.Event) -> Callable[[float], bool]:
    def stop(seconds: float) -> bool:
        if seconds:
            clock.sleep(seconds)
        return cancelled.is_set()

    return stop


@pytest.mark.parametrize(
    "settings, present",
    [
        (DONE, True),
        ({"enrollment": "terminal"}, False),
        ({"enrollment": "terminal", "certificate": QUOVADIS}, False),
        ({}, None),
        ({**DONE, "release": "7.4.1"}, True),
        ({**DONE, "release": "25.4.1"}, True),
    ],
)
def test_a_look_tells_whether_the_trustpoint_shows_the_anchor(
    lab: Lab, reach: Reach, clock: Clock, settings: dict[str, Any], present: bool | None
) -> None:
    (look,) = begin(reach, clock, lab.add(**settings), timeout=5)
    assert look.anchor_present is present


def test_a_look_that_fails_tells_nothing_of_the_anchor(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(**DONE)
    device.faults.append(Fault("connect", FaultKind.RESET, skip=1))
    looks = list(begin(reach, clock, device, timeout=15))
    assert [look.anchor_present for look in looks] == [True, None]


def test_each_router_has_its_own_trustpoint(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(enrollment="terminal")
    device.configure("OTHER", "terminal")
    device.state.certificates["OTHER"] = PEM
    targets = [target(device), replace(target(device), name="same", trustpoint="OTHER")]
    hooks = Hooks(policy=clock.policy())
    looks = list(watch(targets, Job(Kind.POLL, reach), interval=10, timeout=9, hooks=hooks))
    assert [look.anchor_present for look in looks] == [False, True]


def test_a_look_after_a_reload_tells_that_the_certificate_is_gone(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(**DONE)
    present = []
    for look in begin(reach, clock, device, timeout=15):
        present.append(look.anchor_present)
        device.reload()
    assert present == [True, False]


def test_a_look_asks_for_little_and_changes_nothing(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add(**DONE)
    list(begin(reach, clock, device, timeout=5))
    expected = ["get-config", "get", "get", "close-session"]  # the last of which nobody waits for
    assert eventually(lambda: [operation for _, operation in device.log] == expected)
