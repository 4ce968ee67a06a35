"""What follows from what was seen of a router, point by point."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import agent
from agent.model.check import FileSystem, HostKey, Standing, Topic
from agent.model.device import Device
from agent.model.pki.bundle import Bundle
from agent.model.state import Reading
from agent.remedy.check.look import Seen
from agent.remedy.check.points import judged
from tests.remedy.test_check import methods, point

OK, NOT_OK, UNKNOWN = Standing.OK, Standing.NOT_OK, Standing.UNKNOWN


def seen(**what: Any) -> Seen:
    """A look at a device that saw nothing but that."""
    device = what.pop("device", Device("192.0.2.1", username="admin", password=agent.Secret("x")))
    return Seen(device, what.pop("intent", agent.Intent()), datetime(2026, 11, 29, tzinfo=UTC), **what)


@pytest.mark.parametrize("free, standing", [(None, UNKNOWN), (2_000, NOT_OK), (40_000, NOT_OK), (60_000, OK)])
def test_there_is_room_where_the_bundle_fits(free: int | None, standing: Standing) -> None:
    bundle = Bundle.from_bytes(agent.TrustAnchor.bundled().pem.encode() + b" " * 50_000)
    shown = Reading((FileSystem(("harddisk:",), 1_000_000, free),))
    assert point(judged(seen(space=shown, intent=agent.Intent(bundle=bundle))), Topic.SPACE).standing is standing


def test_a_storage_that_is_not_among_the_file_systems_is_said_with_those_there_are() -> None:
    space = point(judged(seen(space=Reading((FileSystem(("disk0:", "flash:"), 9, 9),)))), Topic.SPACE)
    assert (space.standing, space.detail) == (NOT_OK, "there is no harddisk:")
    assert "there are disk0:, flash:" in (space.hint or "")


def test_a_clock_outside_the_roots_validity_is_said_as_such() -> None:
    clock = point(judged(seen(clock=Reading(timedelta(days=9 * 365)))), Topic.CLOCK)
    assert clock.standing is NOT_OK
    assert "outside the validity of IdenTrust Commercial Root CA 1" in clock.detail


@pytest.mark.parametrize(
    "error, standing",
    [
        (agent.SessionLost("the session was lost"), UNKNOWN),
        (agent.ReplyTimeout("no answer within 30 s"), UNKNOWN),
        (agent.ConnectError("Connection refused"), NOT_OK),
    ],
)
def test_what_passes_leaves_every_method_unknown(error: agent.AgentError, standing: Standing) -> None:
    assert set(methods(judged(seen(refused=error))).values()) == {standing}


def test_a_pinned_host_key_is_said_to_be_so() -> None:
    pinned = Device("192.0.2.1", username="x", host_keys=agent.HostKeys(pinned="SHA256:AAAA"))
    found = judged(seen(device=pinned, host_key=HostKey("ssh-ed25519", "SHA256:AAAA")))
    assert point(found, Topic.HOST_KEY).detail == "ssh-ed25519 is the pinned one"
