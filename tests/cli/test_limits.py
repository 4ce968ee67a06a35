"""A router that limits new sessions is waited for by every command, said on stderr, and left at once on Ctrl-C."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from agent.cli import execution
from agent.netconf import retry
from agent.netconf.retry import Policy
from agent.simulator import Device, Fault, FaultKind
from tests.cli.lab import Lab, one_error, started
from tests.cli.processes import until
from tests.cli.schemas import check
from tests.support import Clock

COMMANDS: list[tuple[str, ...]] = [("show",), ("assess",), ("plan",), ("push", "--yes"), ("push", "--dry-run")]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time by which commands wait."""
    clock = Clock()

    def policy(**given: Any) -> Policy:
        stop = given.pop("stop", lambda _: False)

        def stopped(seconds: float) -> bool:
            if seconds:
                clock.sleep(seconds)
            return bool(stop(0))

        return clock.policy(**given, stop=stopped, random=lambda: 0.2)

    monkeypatch.setattr(retry, "Policy", policy)
    monkeypatch.setattr(execution, "Policy", policy)
    return clock


def limited(lab: Lab, clock: Clock, *, seconds: float = 50.0, **settings: Any) -> Device:
    """A device that takes no session for so long."""
    device = lab.add(**settings)
    device.config.clock = lambda: clock.now
    device.refuse_until = seconds
    return device


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_limit_is_waited_out_and_the_wait_is_said_on_stderr(lab: Lab, clock: Clock, words: tuple[str, ...]) -> None:
    device = limited(lab, clock)
    done = lab.run(words[0], device, *words[1:], "--format", "json")
    check("plan" if "--dry-run" in words else words[0], json.loads(done.stdout))
    assert "error: " not in done.stderr
    said = [line for line in done.stderr.splitlines() if "rate limit: trying again in 63 s" in line]
    assert len(said) == 1
    assert said[0].split()[1:3] == ["connect", "retry"]
    assert clock.slept[0] == 63.0
    assert device.last_session > 0


def test_the_cli_is_waited_for_like_netconf(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="6.6.3")
    device.faults.append(Fault("connect-ssh", FaultKind.RESET))
    done = lab.run("show", device, "--format", "json")
    assert json.loads(done.stdout)["release"] == "6.6.3"
    assert "rate limit: trying again in 63 s" in done.stderr
    assert clock.slept == [63.0]


@pytest.mark.parametrize("wait", ["0", "59"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_with_too_short_a_connect_wait_a_limit_is_an_error_at_once(
    lab: Lab, clock: Clock, words: tuple[str, ...], wait: str
) -> None:
    done = lab.run(words[0], limited(lab, clock), *words[1:], "--connect-wait", wait, "--format", "json")
    check("plan" if "--dry-run" in words else words[0], json.loads(done.stdout))
    assert done.exit_code == 1
    assert "60 new SSH sessions a minute" in one_error(done.stderr)
    assert clock.slept == []


def test_a_limit_that_stays_is_an_error_after_the_connect_wait(lab: Lab, clock: Clock) -> None:
    device = limited(lab, clock, seconds=1e9)
    done = lab.run("push", device, "--yes", "--connect-wait", "200", "--format", "json")
    made = json.loads(done.stdout)
    check("push", made)
    assert (done.exit_code, made["outcome"], made["error"]["kind"]) == (1, "failed", "connect")
    assert "60 new SSH sessions a minute" in one_error(done.stderr)
    assert clock.slept == [63.0] * 3


def test_a_wrong_password_is_not_tried_again(lab: Lab, clock: Clock) -> None:
    done = lab.run("show", lab.add(), password="wrong")
    assert done.exit_code == 1
    assert "refused the login" in one_error(done.stderr)
    assert clock.slept == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["show", "push"])
def test_an_interrupt_ends_the_wait_at_once(lab: Lab, command: str, sent: int) -> None:
    device = lab.add()
    device.refuse_until = 1e18
    words = ["--yes"] if command == "push" else []
    with started(lab, command, *lab.words(device), *words, "--format", "json") as process:
        assert process.stderr is not None
        while "trying again in" not in process.stderr.readline():
            pass
        process.send_signal(sent)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert stderr.splitlines()[-1].startswith("interrupted")
    assert "Traceback" not in stderr
    if command == "push":
        made = json.loads(stdout)
        check("push", made)
        assert (made["outcome"], made["error"]["kind"]) == ("failed", "interrupted")
    assert device.last_session == 0
    until(lambda: not device.sessions)


def test_an_interrupt_ends_the_wait_for_the_way_that_is_tried_before_anything_is_changed(lab: Lab) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate")
    device.faults.append(Fault("connect-ssh", FaultKind.RESET, times=1000))
    with started(lab, "push", *lab.words(device), "--yes", "--format", "json") as process:
        assert process.stderr is not None
        while "trying again in" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert stderr.splitlines()[-1].startswith("interrupted")
    check("push", json.loads(stdout))
    assert not device.counters["lock"]
    assert not device.counters["edit-config"]
