"""Whatever a simulated device is like, a push ends in an outcome, and a second push changes nothing that is well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

import agent
from agent.model.outcome import Outcome
from agent.model.pki.bundle import Bundle
from agent.simulator import QUOVADIS, Device, Persona, Simulator
from tests.properties.conftest import steady
from tests.support import Clock, Lab, left_clean

ANCHOR = agent.TrustAnchor.bundled()
BUNDLE = Bundle.from_bytes(ANCHOR.pem.encode())
MOSTLY = st.sampled_from([True, True, True, False])
PERSONAS = st.builds(
    Persona,
    release=st.sampled_from(["6.5.1", "6.7.1", "6.8.1", "7.0.2", "7.3.2", "7.8.1", "24.2.1", "25.2.1", "26.1.2"]),
    terminal_rpc=st.sampled_from(["ok-without-certificate", "refused", "installs", "installs"]),
    enrollment=st.sampled_from([None, "terminal", "http://ca.example/root.pem"]),
    certificate=st.sampled_from([None, None, None, None, ANCHOR.pem, QUOVADIS]),
    imports=st.sampled_from(["imports", "imports", "refused", "ok-without-certificates"]),
    copy_reaches_tmp=MOSTLY,
    registration=st.sampled_from(["complete", "not-registered"]),
    contact=st.sampled_from([None, True, False]),
    policy=st.booleans(),
    base_11=st.booleans(),
    candidate=MOSTLY,
    confirmed_commit=st.booleans(),
    cli_cfg_readable=st.booleans(),
    ssh=MOSTLY,
    sftp=MOSTLY,
    timestamps=st.booleans(),
    enrollment_spelling=st.sampled_from(["terminal", "url terminal"]),
    dialog=st.sampled_from(["plain", "plain", "confirm", "late", "already", "unknown"]),
    print_style=st.sampled_from(["sha1", "attributes"]),
    lists_terminal=st.booleans(),
)
INTENTS = st.fixed_dictionaries(
    {
        "method": st.sampled_from([method for method in agent.Method if method is not agent.Method.TRUSTPOOL]),
        "replace": st.booleans(),
        "bundle": st.sampled_from([None, BUNDLE]),
        "contact_wait": st.just(1.0),
    }
)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


def push(lab: Lab, device: Device, intent: dict[str, Any]) -> Outcome:
    policy = Clock().policy()
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        state = agent.observe(session, policy=policy, ssh=ssh, trustpool=intent["bundle"] is not None)
        made = agent.plan(agent.Intent(**intent), state)
        with closing(agent.apply(session, made, policy, ssh=ssh, connect=lambda: lab.connect(device))) as events:
            outcomes = [event.outcome for event in events if event.outcome is not None]
    assert len(outcomes) == 1
    return outcomes[0]


def installs(device: Device) -> tuple[int, ...]:
    """How often a trustpoint was changed or authenticated."""
    typed = sum(line.startswith(("crypto ca trustpoint", "crypto ca authenticate")) for line in device.typed)
    return typed, device.counters["ca-authenticate"], device.counters["edit-config"]


def imports(device: Device) -> int:
    """How often an import was tried."""
    typed = sum(line.startswith("crypto ca trustpool import") for line in device.typed)
    return typed + device.counters["ca-trustpool-import-url"]


@settings(steady, max_examples=100, phases=(Phase.generate, Phase.shrink))
@given(PERSONAS, INTENTS)
def test_a_second_push_installs_nothing_again(
    simulator: Simulator, tmp_path_factory: pytest.TempPathFactory, persona: Persona, intent: dict[str, Any]
) -> None:
    lab = Lab(simulator, tmp_path_factory.mktemp("hosts"))
    device = lab.add(persona)
    first = push(lab, device, intent)
    event(first.result.value)
    assert left_clean(device)
    assert not device.files
    if not first.well:
        assert first.error is not None
        assert first.error.message
        return
    assert ANCHOR.pem in device.state.trusted()
    before = installs(device), imports(device)
    second = push(lab, device, intent)
    assert installs(device) == before[0]
    if intent["bundle"] is None or device.state.trustpool:
        assert second.well
        assert imports(device) == before[1]
    # Else the import failed, and auto did it another way; a bundle that is given again is tried again.
