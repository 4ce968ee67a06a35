"""What ``xr-agent history`` prints of the journal, and what that keeps of a router's state; schema ``history``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from agent.fleet.journal.rows import Attempt, Entry, Trail
from agent.fleet.results.objects import made
from agent.fleet.results.record import DeviceRecord, Router, RunRecord
from agent.fleet.results.structs import Moment, Printed, about
from agent.remedy.lease import writeahead

Seen = Annotated[
    dict[str, Any] | None,
    about(
        "trustpoint, enrollment, certificate and licensing as they were seen; null where none was kept; in before, "
        "held has in full each certificate that was to be removed, its pem where the router showed that"
    ),
]


class Run(RunRecord, frozen=True, kw_only=True):
    """A run, and who carried it out."""

    attempts: Annotated[tuple[Attempt, ...], about("who began the run, and who resumed it", minItems=1)]


class Unfinished(Printed, frozen=True, kw_only=True):
    """What was begun at the router's configuration and not seen to end."""

    trustpoint: str
    before: Annotated[str | None, about("the enrollment before the change; null where there was no trustpoint")]
    wanted: str | None
    persist: Annotated[str | None, about("the beginning of the persist-id of a commit on trial")]
    until: Annotated[
        Moment | None,
        about("when the router has taken a commit on trial back by itself, by this machine's clock"),
    ]


class RouterTrail(Router, frozen=True, kw_only=True):
    """The same with every event, what was seen first and last, and what is unfinished."""

    events: Annotated[tuple[Entry, ...], about("every event of every attempt, in the order in which they came")]
    before: Seen
    after: Seen
    unfinished: Unfinished | None


def run_object(run: RunRecord, attempts: Sequence[Attempt]) -> Run:
    """A run, and who carried it out."""
    return Run(**run.members(), attempts=tuple(attempts))


def device_object(run: RunRecord, record: DeviceRecord) -> Router:
    """What came of one router in a run."""
    return Router(run=run.run, kind=run.kind, **record.members())


def trail_object(run: RunRecord, record: DeviceRecord, trail: Trail) -> RouterTrail:
    """As :func:`device_object`, with every event and its time, what was seen first and last, and what is unfinished."""
    change = trail.unfinished
    return RouterTrail(
        **device_object(run, record).members(),
        events=trail.moments,
        before=trail.before,
        after=trail.after,
        unfinished=None if change is None else made(writeahead.shown(change), Unfinished),
    )
