"""Looks at routers, as a watch gives them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from agent.fleet.inventory.target import Target
from agent.fleet.poll import Look
from agent.model.state import AuthorizationState, DeviceTime, Licensing, RegistrationState
from agent.remedy.assess import deadlines_of
from agent.remedy.poll import Sample

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def contacted(days: float, *, now: datetime = NOW, **changes: Any) -> Licensing:
    """Licensing whose last contact, a good one, was so many days ago."""
    given: dict[str, Any] = {
        "registration": RegistrationState.COMPLETE,
        "authorization": AuthorizationState.AUTHORIZED,
        "last_comm_success": True,
        "last_comm_time": DeviceTime("then", now - timedelta(days=days)),
    }
    return Licensing(**{**given, **changes})


def look(name: str, licensing: Licensing | None = None, *, now: datetime = NOW, **changes: Any) -> Look:
    """A look that worked, if *licensing* is given; *changes* are those of the sample, then of the look."""
    told = {key: changes.pop(key) for key in ("changed", "error", "kind", "reached") if key in changes}
    sample = Sample(now, name, licensing, **told)
    return Look(Target(name, name), sample, **{"deadlines": deadlines_of(licensing), **changes})


def failed(name: str, kind: str = "connect", error: str = "no answer", **changes: Any) -> Look:
    """A look that failed."""
    return look(name, error=error, kind=kind, **changes)
