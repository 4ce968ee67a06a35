"""A poll goes on for weeks: a login that was refused is left alone until its credential changes or the rest is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.fleet.inventory.reference import Place, Reference
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.poll import Look, watch
from agent.fleet.results.record import Kind
from agent.fleet.run.job import Job
from agent.fleet.run.logins import Logins, Rest
from agent.fleet.run.router import Hooks
from agent.model.errors import LoginWithheld, SSHAuthenticationError
from agent.model.state import Reading
from agent.netconf.retry import at_once
from agent.remedy.observe import Glance
from tests.fleet.routers import Stage, many
from tests.support import Clock

HOUR, DAY = 3600.0, 86400.0


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Stage:
    return Stage.set(monkeypatch, clock)


def refusing(*names: str) -> Callable[[str], None]:
    def act(name: str) -> None:
        if name in names:
            raise SSHAuthenticationError("it refused the login", device=name, refused=True)

    return act


def looks(stage: Stage, targets: list[Target], timeout: float, reach: Reach | None = None) -> Iterator[Look]:
    logins = Logins(rest=Rest(), clock=lambda: stage.clock.now)
    hooks = Hooks(policy=stage.clock.policy(), logins=logins)
    job = Job(Kind.POLL, reach or Reach(username="admin"))
    return watch(targets, job, interval=300, timeout=timeout, hooks=hooks, workers=1)


def test_a_router_that_refuses_is_tried_after_an_hour_then_twice_that_at_most_a_day(stage: Stage) -> None:
    stage.act = refusing("r0")
    list(looks(stage, many(2), 4 * DAY))
    hours = [round(after / HOUR) for after in stage.times["r0"]]
    assert hours == [0, 1, 3, 7, 15, 31, 55, 79]
    assert len(stage.times["r1"]) == 4 * DAY / 300


def test_one_that_is_not_tried_says_so_and_the_look_failed(stage: Stage) -> None:
    stage.act = refusing("r0")
    seen = [look for look in looks(stage, many(2), 1000) if look.target.name == "r0"]
    assert [look.sample.kind for look in seen] == ["authentication", *["login-withheld"] * 3]
    assert seen[1].sample.error == (
        "not tried: it refused the login as admin; it is tried again in 55 minutes, or when the credential was changed"
    )
    cause = seen[1].cause
    assert isinstance(cause, LoginWithheld)
    assert (cause.device, cause.retry_in) == ("r0", HOUR - 300)
    assert not seen[1].last


def test_a_wrong_password_for_all_is_tried_on_three_routers_and_then_rarely(stage: Stage) -> None:
    names = [f"r{number}" for number in range(10)]
    stage.act = refusing(*names)
    said = list(looks(stage, many(10), 8 * HOUR))
    tried = sorted(round(time / HOUR) for times in stage.times.values() for time in times)
    assert tried == [0, 0, 0, 1, 3, 7]
    assert {look.sample.kind for look in said} == {"authentication", "login-withheld"}
    assert {look.target.name for look in said} == set(names)


def test_a_changed_password_is_tried_with_the_next_look(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("old\n")
    reach = Reach(username="admin", password=Reference(Place.FILE, str(file)))
    stage.act = refusing("r0")
    for look in looks(stage, many(1), 2000, reach):
        if look.sample.kind == "login-withheld" and stage.clock.now >= 900:
            file.write_text("new\n")
            stage.act = lambda _name: None
    assert stage.times["r0"] == [0, 1200, 1500, 1800]


def _ways(key: Path, ring: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Reach, Callable[[], object]]]:
    return {
        "environment": (
            Reach(password=Reference(Place.ENV, "XR_POLL_PASSWORD")),
            lambda: monkeypatch.setenv("XR_POLL_PASSWORD", "new"),
        ),
        "key": (Reach(key_file=key), lambda: key.write_text("another")),
        "program": (Reach(password=Reference(Place.EXEC, f"cat {key}")), lambda: key.write_text("another")),
        "keyring": (Reach(password=Reference(Place.KEYRING, "xr/admin")), lambda: ring.__setitem__(0, "new")),
    }


@pytest.mark.parametrize("what", ["environment", "key", "program", "keyring"])
def test_each_kind_of_credential_is_read_anew(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    key, ring = tmp_path / "key", ["old"]
    key.write_text("old")
    monkeypatch.setenv("XR_POLL_PASSWORD", "old")
    monkeypatch.setattr("keyring.get_password", lambda _service, _user: ring[0])
    monkeypatch.setattr("agent.fleet.inventory.command.KEPT", 0.0)
    reach, change = _ways(key, ring, monkeypatch)[what]
    stage.act = refusing("r0")
    for number, _ in enumerate(looks(stage, many(1), 1500, replace(reach, username="admin"))):
        if number == 2:
            change()
    assert stage.times["r0"] == [0, 900]


def test_a_refusal_at_the_cli_rests_though_netconf_takes_the_login(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []

    def refuse(*_: object) -> None:
        tried.append(stage.clock.now)
        refusing("r0")("r0")

    bare = Glance(Reading(), Reading(), Reading(missing="no model"))
    monkeypatch.setattr("agent.fleet.poll.glance", lambda *_: at_once(lambda: bare))
    monkeypatch.setattr("agent.ssh.connect.open_ssh", refuse)
    list(looks(stage, many(1), 8 * HOUR))
    assert [round(after / HOUR) for after in tried] == [0, 1, 3, 7]
