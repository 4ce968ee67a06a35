"""``xr-agent record``: a file of what a router says to all that is read of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli import options

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agent.cli.recorded import RecordingFile
    from agent.fleet.results.structs import Record
    from agent.fleet.run.router import Router
    from agent.model.device import Device
    from agent.remedy.check.survey import Survey


def _one_host(ctx: click.Context, _: click.Parameter, given: str | None) -> None:
    if given is not None:
        raise click.UsageError("record reads one HOST; make a file of each router", ctx=ctx)


@options.command(
    "record",
    "Keep all that a router says in a file.",
    "the router was there to the end",
    "it was not; the file is whole all the same",
)
@options.target
@options.file("--output -o", "Write the recording to this new file, readable by you alone.", required=True)
@options.option("--trustpoint", "The trustpoint to read.", default="Trustpool", metavar="NAME")
@click.option("--inventory", "-i", hidden=True, expose_value=False, callback=_one_host)
@options.sanitise
@options.output
def command(form: str, output: Path, sanitise: bool, **given: Any) -> None:
    """Read of HOST all that check, show, assess and plan may read, and keep what passes in a file; nothing is changed.

    Each message, each line of the CLI with its timing, SFTP's answers and what SSH offers. Where one read fails the
    next is made all the same. Names, addresses, serial numbers and the like are replaced; passwords are never in it.
    """
    from contextlib import ExitStack
    from functools import partial

    from agent.cli import settings
    from agent.cli.recorded import RecordingFile
    from agent.cli.view.asking import asker
    from agent.cli.view.progress import Progress, say_wait
    from agent.fleet.run.logins import Logins
    from agent.fleet.run.router import Hooks, Router
    from agent.netconf.retry import Policy
    from agent.remedy.check.survey import Survey

    target, name = settings.host(given), settings.trustpoint(given)
    with ExitStack() as stack:
        reach, policy = settings.reach(given), Policy(told=partial(say_wait, target.name))
        logins, trace = Logins(given["max_refused_logins"]), settings.trace(given, stack)
        progress = Progress()
        recording = stack.enter_context(RecordingFile(output, "record", target.device(reach), sanitise=sanitise))
        hooks = Hooks(
            policy=policy, logins=logins, trace=trace, recorder=recording.recorder, ask=asker(progress.paused)
        )
        router = Router(target, reach, hooks)
        with progress:
            found = Survey(name, policy, partial(progress.say, target.name))
            progress.say(target.name, f"connecting to {router.device.address}")
            _read(router, found, recording)
        recording.end()
        click.get_current_context().exit(_tell(found, recording, router.device, form))


def _read(router: Router, found: Survey, recording: RecordingFile) -> None:
    """Read all of it, and tell the recording how that ended."""
    from agent.cli.view.progress import say_legacy
    from agent.netconf.retry import Waits, completed
    from agent.netconf.session import Session
    from agent.recording.events import How

    def first() -> Waits[Session]:
        session = yield from router.first()
        say_legacy(router.device.name, legacy=session.legacy_ssh)
        return session

    try:
        with router.shell() as ssh:
            completed(found.steps(first, router.opening, ssh), found.policy)
    except KeyboardInterrupt:
        recording.how = How.INTERRUPTED
    recording.release = found.release or ""
    if recording.how is How.FINISHED and found.failed is not None:
        recording.how, recording.why = How.FAILED, found.failed.message


def _tell(found: Survey, recording: RecordingFile, device: Device, form: str) -> int:
    """Say what was recorded, and what not; the exit code."""
    from agent.cli.signals import Interrupted
    from agent.cli.view.output import emit
    from agent.cli.view.streams import say_failure, say_warning
    from agent.recording.events import How

    for line in found.unread:
        say_warning(f"{device.name}: not read: {line}")
    made = recording.record(found.unread)
    emit(form, lambda: made, lambda: _view(made, recording))
    recording.advise()
    if recording.how is How.INTERRUPTED:
        raise Interrupted(f"interrupted; what was recorded until then is in {recording.path}")
    if found.failed is None:
        return 0
    say_failure(found.failed.message, device=device.name, hint=found.failed.hint)
    return 1


def _view(made: Record, recording: RecordingFile) -> RenderableType:
    """What was recorded, and what was replaced, by kind."""
    from agent.cli.view.render import cell, grid

    rows = (
        ("release", made.release),
        ("recorded", recording.counts()),
        ("replaced", recording.replacements()),
        ("ended", made.ended if made.why is None else f"{made.ended}: {made.why}"),
    )
    return grid(rows, title=cell(f"{made.device} · {made.file}", "bold"))
