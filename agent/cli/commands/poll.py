"""``xr-agent poll``: watch the licensing state until it is as wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agent.cli import fleetoptions, options

if TYPE_CHECKING:
    from agent.cli.work import Array
    from agent.remedy.poll import Sample


@click.command("poll")
@options.target_of_watch
@fleetoptions.inventory
@fleetoptions.kept
@options.trustpoint
@click.option(
    "--interval", type=options.SECONDS, help="Seconds between samples of one router [default: 60; 300 of an inventory]."
)
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
@click.option(
    "--metrics", metavar="[HOST]:PORT", help="Serve what an inventory's routers said last to Prometheus, on /metrics."
)
@click.option(
    "--keep-sessions", is_flag=True, help="Keep a session to each router of an inventory; else one for each look."
)
@options.output
def command(form: str, interval: float | None, until: str, longest: float | None, **given: Any) -> None:
    """Watch the licensing state of HOST, or of all of an inventory, reconnecting as needed.

    HOST keeps one session; the looks at an inventory's routers are spread over the interval. jsonl gives each sample as
    it is taken, json one array; the table of an inventory has the first of each router, then only what is new. Exit
    code 1 where --timeout came before --until, or a router of an inventory could not be read at last.
    """
    options.start(given)
    if options.many(given):
        from agent.cli.fleetpoll import run

        run(form, given, interval=interval or 300.0, until=until, timeout=longest)
        return
    if given["metrics"] is not None or given["keep_sessions"]:
        raise click.UsageError("--metrics and --keep-sessions go with an inventory", click.get_current_context())
    _one(form, interval or 60.0, until, longest, given)


def _one(form: str, interval: float, until: str, longest: float | None, given: options.Options) -> None:
    from contextlib import ExitStack, closing

    from agent.cli.work import Array, Router
    from agent.remedy.poll import Until, poll

    router = Router.of(given)
    last, array = None, Array()
    with ExitStack() as stack:
        ssh = stack.enter_context(router.shell())
        samples = poll(
            router.connect, interval=interval, until=Until(until), timeout=longest, device=router.name, ssh=ssh
        )
        # Closing the generator, as an interrupt does, closes the session.
        stack.enter_context(closing(samples))
        try:
            for last in samples:
                _say(last, form, array)
        finally:
            if form == "json":
                array.end()
    if until != "forever" and (last is None or not last.reached):
        from agent.cli.view.console import say_failure

        say_failure(f"not {until} within {longest:g} s", device=router.name, hint="read its state with show")
        click.get_current_context().exit(1)


def _say(sample: Sample, form: str, array: Array) -> None:
    """Print a sample at once; what could not be read is said on stderr as well."""
    import sys

    from agent.cli.view.console import console, errors
    from agent.cli.view.render import cell, sample_line
    from agent.fleet.results import objects

    made = objects.poll_object(sample)
    if form == "table":
        console(sys.stdout).print(sample_line(sample), soft_wrap=True)
    elif form == "jsonl":
        print(objects.dump(made, form))
    else:
        array.add(made)
    sys.stdout.flush()
    if form != "table" and (sample.error or sample.changed):
        said = sample.error or f"changed: {', '.join(sample.changed)}"
        errors().print(cell(f"{sample.device}: {said}", "yellow" if sample.error else ""), soft_wrap=True)
