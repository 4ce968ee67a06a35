"""``xr-agent poll``: watch the licensing state until it is as wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agent.cli import options

if TYPE_CHECKING:
    from agent.remedy.poll import Sample


@click.command("poll")
@options.target_of_watch
@click.option("--interval", type=options.SECONDS, default=60.0, show_default=True, help="Seconds between samples.")
@click.option(
    "--until",
    type=click.Choice(("authorized", "contacted", "forever")),
    default="forever",
    show_default=True,
    help="What ends the watch.",
)
@click.option(
    "--timeout", "longest", type=options.SECONDS, metavar="SECONDS", help="Give up after this [default: never]."
)
@options.output
def command(form: str, interval: float, until: str, longest: float | None, **given: Any) -> None:
    """Watch the licensing state of HOST on one session, reconnecting as needed.

    jsonl and table give each sample as it is taken, json one array at the end. Exit code 1 where --timeout came
    before --until.
    """
    options.start(given)
    from contextlib import ExitStack, closing

    from agent.cli.work import Router
    from agent.remedy.poll import Until, poll

    router = Router.of(given)
    last = None
    seen: list[Any] = []
    with ExitStack() as stack:
        ssh = stack.enter_context(router.shell())
        samples = poll(
            router.connect, interval=interval, until=Until(until), timeout=longest, device=router.name, ssh=ssh
        )
        # Closing the generator, as an interrupt does, closes the session.
        stack.enter_context(closing(samples))
        try:
            for last in samples:
                _say(last, form, seen)
        finally:
            if form == "json":
                from agent.fleet.objects import dump

                print(dump(seen, form))
    if until != "forever" and (last is None or not last.reached):
        from agent.cli.console import say_failure

        say_failure(f"not {until} within {longest:g} s", device=router.name, hint="read its state with show")
        click.get_current_context().exit(1)


def _say(sample: Sample, form: str, seen: list[Any]) -> None:
    """Print a sample at once, or keep it for the array; what could not be read is said on stderr as well."""
    import sys

    from agent.cli.console import console, errors
    from agent.cli.render import cell, sample_line
    from agent.fleet import objects

    made = objects.poll_object(sample)
    if form == "table":
        console(sys.stdout).print(sample_line(sample), soft_wrap=True)
    elif form == "jsonl":
        print(objects.dump(made, form))
    else:
        seen.append(made)
    sys.stdout.flush()
    if form != "table" and (sample.error or sample.changed):
        said = sample.error or f"changed: {', '.join(sample.changed)}"
        errors().print(cell(f"{sample.device}: {said}", "yellow" if sample.error else ""), soft_wrap=True)
