"""Every device whose hello was captured: plan, push and plan again on a simulated one of its kind.

Hundreds of devices announce some hundred sets of modules; of each set one device stands for all that announce the same
and are reached the same way (get-schema offered or not, licensing in the admin plane or not).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

import agent
from agent.model.local.resources import directory
from agent.model.method import Method
from agent.model.outcome import Outcome, Result
from agent.model.pki.certificate import Evidence
from agent.model.plan import Plan, Skip
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema
from agent.remedy.access import access
from agent.remedy.plan import plan
from agent.simulator import Device, Persona, Simulator
from tests.remedy.states import state
from tests.support import Clock, Lab, left_clean

HELLOS = json.loads((directory("yang") / "hellos.json").read_text(encoding="utf-8"))
ADMIN_PLANE = ("-px", "xrvr", "crs", "c12k")


def kinds() -> Iterator[tuple[str, ...]]:
    """The devices of each kind; the first stands for the others."""
    without = frozenset(HELLOS["no_get_schema"])
    for group in HELLOS["groups"]:
        if group["modules"]:
            sorts: dict[tuple[bool, bool], list[str]] = {}
            for name in group["hellos"]:
                sorts.setdefault((name in without, any(word in name for word in ADMIN_PLANE)), []).append(name)
            yield from (tuple(names) for names in sorts.values())


KINDS = tuple(kinds())
EMPTY = next(group["hellos"] for group in HELLOS["groups"] if not group["modules"])
ONE_OF_EACH = pytest.mark.parametrize("name", [names[0] for names in KINDS])


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def lab(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(simulator, tmp_path_factory.mktemp("hosts"))


def push(lab: Lab, device: Device, intent: agent.Intent, clock: Clock) -> tuple[Plan | Skip, Outcome, Plan | Skip]:
    """Plan, push, and plan again on a session of its own."""
    policy = clock.policy()
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        first = plan(intent, agent.observe(session, policy=policy, ssh=ssh))
        with closing(agent.apply(session, first, policy, ssh=ssh)) as events:
            outcome = [event.outcome for event in events][-1]
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        second = plan(intent, agent.observe(session, policy=policy, ssh=ssh))
    assert outcome is not None
    return first, outcome, second


def test_all_devices_are_of_a_kind_or_announce_nothing() -> None:
    assert f"What {sum(map(len, KINDS)) + len(EMPTY)} real devices" in HELLOS["about"]
    assert len(EMPTY) == 9


@ONE_OF_EACH
def test_the_certificate_comes_with_the_best_evidence_and_nothing_is_left_behind(
    lab: Lab, clock: Clock, name: str
) -> None:
    release, platform = name.split()
    device = lab.add(Persona(release=release, platform=platform))
    first, outcome, second = push(lab, device, agent.Intent(renew=False), clock)
    assert first
    assert outcome.result is Result.REMEDIED, outcome
    announced = Capabilities.from_uris(device.persona.capabilities())
    assert outcome.evidence is access(announced, Schema(announced)).evidence
    assert device.state.certificates["Trustpool"] == agent.TrustAnchor.bundled().pem
    assert left_clean(device)
    assert not device.files
    assert isinstance(second, Plan)
    assert not second, second.diff()


@ONE_OF_EACH
def test_without_the_cli_a_device_is_remedied_over_rpc_or_skipped_with_the_reason_and_untouched(
    lab: Lab, clock: Clock, name: str
) -> None:
    release, platform = name.split()
    device = lab.add(Persona(release=release, platform=platform, ssh=False, terminal_rpc="installs"))
    _, outcome, second = push(lab, device, agent.Intent(renew=False), clock)
    assert left_clean(device)
    if outcome.result is Result.REMEDIED:
        assert outcome.method is Method.RPC
        assert outcome.evidence not in (Evidence.NONE, Evidence.CONSOLE)
        assert not second
    else:
        assert outcome.result is Result.SKIPPED
        assert outcome.error is not None
        assert "SSH" in outcome.error.message
        assert not device.state.certificates
        assert device.config.commits == 0


@pytest.mark.parametrize("name", EMPTY)
def test_a_device_that_announces_nothing_is_unknown(name: str) -> None:
    nothing = Capabilities.from_uris(())
    ways = access(nothing, Schema(nothing))
    skipped = plan(agent.Intent(), state(access=ways))
    assert isinstance(skipped, Skip), name
    assert skipped.reason == "the hello announces nothing"
