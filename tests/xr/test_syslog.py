"""The device's own buffer over NETCONF tells of a loss as a collector's text does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agent.model.state import Signature
from agent.remedy.notices.folder import bundled
from agent.xr import syslog

CSSM = "Communications failure with the Cisco Smart Software Manager (CSSM) : Fail to send out Call Home HTTP message"
CSLU = (
    "Communications failure with the Cisco Smart License Utility (CSLU) : Unable to resolve server hostname/domain name"
)


def counted(entered: list[Any]) -> tuple[Signature, ...]:
    return syslog.counted(entered, bundled().signatures)


def entry(
    name: str | None, text: str, *, level: str = "error", category: str | None = "LICENSE", second: int = 0
) -> Any:
    """A message as yangson decodes it; SYNTHETIC."""
    stamp = int(datetime(2022, 2, 22, 10, 0, second, tzinfo=UTC).timestamp() * 1000)
    made = {
        "category": category,
        "group": "SMART_LIC" if name else None,
        "message-name": name,
        "severity": f"message-severity-{level}",
        "text": text,
        "time-of-day": f"Feb 22 10:00:{second:02}",
        "time-zone": "UTC",
        "time-stamp": stamp,
    }
    return {leaf: value for leaf, value in made.items() if value is not None}


LOST = entry("COMM_FAILED", CSSM)
BACK = entry("COMM_RESTORED", "Communications with Cisco licensing cloud restored", level="notice", second=5)


@pytest.mark.parametrize(
    "lost",
    [
        LOST,
        entry("COMM_FAILED", CSSM, category=None),
        entry("COMM_FAILED", f"%LICENSE-SMART_LIC-3-COMM_FAILED : {CSSM}"),
        entry(None, f"SMART_LIC-3-COMM_FAILED:{CSSM}", category=None),
        entry(None, f"smartlicserver[186]: SMART_LIC-3-COMM_FAILED:{CSSM}", category="LOG"),
    ],
    ids=["as modelled", "no category", "text repeats it", "text alone", "text with its process"],
)
def test_a_loss_is_found_however_it_is_told(lost: Any) -> None:
    [found] = counted([lost, lost])
    assert (found.mnemonic, found.count) == ("SMART_LIC-3-COMM_FAILED", 2)
    assert found.last is not None
    assert found.last.moment == datetime(2022, 2, 22, 10, 0, tzinfo=UTC)


def test_a_server_that_was_reached_ends_what_was_before() -> None:
    verify = entry("AGENT_REG_FAILED", "x")
    assert counted([LOST, verify, BACK]) == ()
    assert [one.count for one in counted([LOST, LOST, BACK, LOST])] == [1]


def test_the_licence_utility_is_no_loss() -> None:
    assert counted([entry("COMM_FAILED", CSLU)]) == ()
    assert [one.mnemonic for one in counted([entry("COMM_FAILED", CSLU), LOST])] == ["SMART_LIC-3-COMM_FAILED"]
