"""What ``--notify`` tells of a run, made of what the journal has of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from agent.fleet.results.record import Counts, DeviceRecord, Kind, RunRecord, RunState
from agent.fleet.results.structs import Count, Moment, Printed, Texts, about

MOST_NAMED = 100
"""Routers that a notification names; ``needing_look`` has the number of all."""
NEVER_LOOKED_AT = frozenset({"waiting", "remedied", "unchanged"})
"""Words of routers that need no look."""

What = Literal["begin", "stop", "end"]


class Notification(Printed, frozen=True, kw_only=True):
    """What is posted when a run begins, stops early, and ends."""

    event: Annotated[What, about("stop: no further router is begun, those in flight go on; an end always follows")]
    time: Moment
    run: Annotated[str, about("the run's name in the journal")]
    kind: Annotated[Kind, about("the command")]
    state: Annotated[
        RunState,
        about(
            "stopped: by a bound, such as too many failures; interrupted: by the user, and in a stop also where an "
            "error ends the run; lost: in the end of such a run"
        ),
    ]
    why: Annotated[str | None, about("why it stopped; null where it did not")] = None
    change_ref: Annotated[str | None, about("the change it belongs to")] = None
    user: str
    host: Annotated[str, about("the machine it runs on")]
    version: Annotated[str, about("of xr-agent")]
    routers: Annotated[Count, about("how many the run is about")]
    counts: Counts
    needing_look: Annotated[Count, about("how many ended, and somebody has to look at")]
    names: Annotated[Texts, about("what those are called", maxItems=MOST_NAMED)] = ()


def notification(
    event: What, run: RunRecord, devices: Iterable[DeviceRecord], *, time: datetime, why: str | None = None
) -> Notification:
    """What is said of *run*; *devices* are those of it that may need a look."""
    doubted = event == "end"  # while a run goes on, those in flight are not in doubt yet
    names = [one.device for one in devices if not one.well and (one.ended or (doubted and one.word == "doubtful"))]
    return Notification(
        event=event,
        time=time,
        run=run.run,
        kind=run.kind,
        state=run.state,
        why=why or None,
        change_ref=run.change_ref,
        user=run.user,
        host=run.host,
        version=run.version,
        routers=sum(run.counts.values()),
        counts=run.counts,
        needing_look=len(names),
        names=tuple(names[:MOST_NAMED]),
    )
