"""``xr-agent history``: what the journal has of runs, of their routers, and of one router's steps."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli import options

if TYPE_CHECKING:
    from agent.fleet.journal.store import Journal
    from agent.fleet.results.record import DeviceRecord, RunRecord


@click.command("history")
@click.argument("run", required=False)
@options.option("--device", "Every step of this router, in RUN or in all runs it was in.", metavar="NAME")
@options.flag("--failed", "Only the routers of RUN that need a look.")
@options.option("--limit", "How many runs, the newest first.", type=click.IntRange(1), default=50)
@options.file("--journal path", "The journal [default: xr-agent/journal.db below $XDG_STATE_HOME or ~/.local/state].")
@options.output
def command(
    form: str, run: str | None, device: str | None, failed: bool, limit: int, path: Path | None, **given: Any
) -> None:
    """List the runs, the routers of RUN, or the steps of one router with their times.

    RUN is an id, the beginning of one, or 'last'. A run whose process died is 'lost'; a router that was begun and of
    which nothing is known since is 'doubtful'. Times are UTC.
    """
    options.start(given)
    if failed and (run is None or device is not None):
        raise click.UsageError("--failed goes with RUN alone, or with 'last'", click.get_current_context())
    if run is None and device is None:
        _runs(form, path, limit)
        return
    from agent.fleet.journal.store import Journal

    journal = Journal.open(path, create=False)
    if device is not None:
        _trails(form, journal, run, device, limit)
    elif run is not None:
        _devices(form, journal, journal.run(run), failed=failed)


def _runs(form: str, path: Path | None, limit: int) -> None:
    from agent.cli.view.historyview import runs_view
    from agent.cli.view.output import emit_all
    from agent.cli.view.render import cell
    from agent.cli.view.streams import errors
    from agent.fleet.journal.history import run_object
    from agent.fleet.journal.store import Journal
    from agent.fleet.journal.tables import default_path

    if path is None and not default_path().exists():
        errors().print(cell(f"no run yet: there is no {default_path()}"), soft_wrap=True)
        emit_all(form, (), dict, lambda _: ())
        return
    journal = Journal.open(path, create=False)
    found = journal.runs(limit=limit)
    emit_all(form, found, lambda run: run_object(run, journal.attempts(run.run)), lambda runs: (runs_view(runs),))


def _devices(form: str, journal: Journal, run: RunRecord, *, failed: bool) -> None:
    from agent.cli.view.historyview import devices_views
    from agent.cli.view.output import emit_all
    from agent.fleet.journal.history import device_object

    records = (one for one in journal.devices(run.run) if not failed or _needs_a_look(one, run))
    emit_all(form, records, lambda record: device_object(run, record), lambda records: devices_views(run, records))


def _needs_a_look(record: DeviceRecord, run: RunRecord) -> bool:
    """Whether it did not end well, or is in doubt and nobody works at it any more."""
    from agent.fleet.results.record import RunState

    if record.word == "doubtful":
        return run.state is not RunState.RUNNING
    return not record.well and record.word != "waiting"


def _trails(form: str, journal: Journal, run: str | None, device: str, limit: int) -> None:
    from agent.cli.view.historyview import trail_view
    from agent.cli.view.output import emit_all
    from agent.fleet.journal.history import trail_object
    from agent.model.errors import InputError

    runs = [journal.run(run)] if run is not None else [one for one, _ in islice(journal.device(device), limit)]
    if not runs:
        raise InputError("the journal has no run with it", device=device, hint="see xr-agent history")
    trails = ((one, *journal.trail(one.run, device)) for one in runs)
    emit_all(form, trails, lambda found: trail_object(*found), lambda found: (trail_view(*one) for one in found))
