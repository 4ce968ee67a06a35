"""``xr-agent history``: what the journal has of runs, of their routers, and of one router's steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli import options

if TYPE_CHECKING:
    from agent.fleet.journal.store import Journal
    from agent.fleet.results.record import DeviceRecord, RunRecord


@click.command("history")
@click.argument("run", required=False)
@click.option("--device", metavar="NAME", help="Every step of this router, in RUN or in all runs it was in.")
@click.option("--failed", is_flag=True, help="Only the routers of RUN that need a look.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many runs, the newest first.")
@click.option(
    "--journal",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The journal [default: xr-agent/journal.db below $XDG_STATE_HOME or ~/.local/state].",
)
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
    journal = _journal(path, missing_is_empty=run is None and device is None)
    if journal is None:
        _print(form, (), dict, lambda _: iter(()))
    elif device is not None:
        _trails(form, journal, run, device, limit)
    elif run is not None:
        _devices(form, journal, journal.run(run), failed=failed)
    else:
        _runs(form, journal, limit)


def _journal(path: Path | None, *, missing_is_empty: bool) -> Journal | None:
    """The journal; None where the user's own is not there yet and that is no error."""
    from agent.fleet.journal.store import Journal
    from agent.fleet.journal.tables import default_path

    if path is None and missing_is_empty and not default_path().exists():
        from agent.cli.view.render import cell
        from agent.cli.view.streams import errors

        errors().print(cell(f"no run yet: there is no {default_path()}"), soft_wrap=True)
        return None
    return Journal.open(path, create=False)


def _runs(form: str, journal: Journal, limit: int) -> None:
    from agent.cli.view.historyview import runs_view
    from agent.fleet.journal.history import run_object

    _print(
        form,
        journal.runs(limit=limit),
        lambda run: run_object(run, journal.attempts(run.run)),
        lambda runs: iter((runs_view(runs),)),
    )


def _devices(form: str, journal: Journal, run: RunRecord, *, failed: bool) -> None:
    from agent.cli.view.historyview import devices_views, run_view
    from agent.fleet.journal.history import device_object

    def views(records: Iterable[DeviceRecord]) -> Iterator[Any]:
        yield run_view(run)
        yield from devices_views(records)

    records = (one for one in journal.devices(run.run) if not failed or _needs_a_look(one, run))
    _print(form, records, lambda record: device_object(run, record), views)


def _needs_a_look(record: DeviceRecord, run: RunRecord) -> bool:
    """Whether it did not end well, or is in doubt and nobody works at it any more."""
    from agent.fleet.results.record import RunState

    if record.word == "doubtful":
        return run.state is not RunState.RUNNING
    return not record.well and record.word != "waiting"


def _trails(form: str, journal: Journal, run: str | None, device: str, limit: int) -> None:
    from agent.cli.view.historyview import trail_view
    from agent.fleet.journal.history import trail_object
    from agent.model.errors import InputError

    runs = [journal.run(run)] if run is not None else list(journal.runs(limit=limit, device=device))
    if not runs:
        raise InputError("the journal has no run with it", device=device, hint="see xr-agent history")
    trails = ((one, *journal.trail(one.run, device)) for one in runs)
    _print(form, trails, lambda found: trail_object(*found), lambda found: (trail_view(*one) for one in found))


def _print(
    form: str,
    found: Iterable[Any],
    made: Callable[[Any], Any],
    views: Callable[[Iterable[Any]], Iterator[Any]],
) -> None:
    """Put each on stdout as it is read: as objects, or by *views* as tables."""
    from agent.cli.view.output import emit_all

    emit_all(form, lambda: map(made, found), lambda: views(found))
