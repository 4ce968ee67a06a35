"""``xr-agent history``: what the journal has of runs, of their routers, of one router's steps; and how it travels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click

from agent.cli import options
from agent.cli.usage import complete
from agent.cli.usage.command import Command

_JOURNAL = options.file(
    "--journal path", "The journal [default: xr-agent/journal.db below $XDG_STATE_HOME or ~/.local/state]."
)


class _History(Command, click.Group):
    """A group that is a command by itself: RUN stands where others have the name of a command."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        at = 0
        while args[at : at + 1] and args[at].partition("=")[0] == "--journal":  # which may stand before the command
            at += 1 if "=" in args[at] else 2
        if args[at : at + 1] and (command := self.commands.get(args[at])) is not None:
            return command.make_context(f"{info_name} {args[at]}", args[:at] + args[at + 1 :], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """All that it has; its commands are called without RUN, whatever asks for their path."""
        found = super().get_params(ctx)
        return found if ctx.command is self else [one for one in found if not isinstance(one, click.Argument)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Its own words, in any order: no command comes behind them."""
        ctx.allow_interspersed_args = True
        return click.Command.parse_args(self, ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Its options, and its commands behind them."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        return click.Command.invoke(self, ctx) if ctx.command is self else ctx.command.invoke(ctx)


@options.command(
    "history",
    "List runs, the routers of one, the steps of one router.",
    "what was asked for is there, or there is no run yet",
    cls=_History,
    invoke_without_command=True,
    subcommand_metavar="| export FILE | import FILE",
)
@click.argument("run", required=False, shell_complete=complete.runs)
@options.group(
    "What is shown",
    options.option(
        "--device",
        "Every step of this router, in RUN or in all runs it was in.",
        metavar="NAME",
        shell_complete=complete.routers_of_runs,
    ),
    options.flag("--pem", "Print the certificate that a push removed from this router last, as PEM, and nothing else."),
    options.flag("--failed", "Only the routers of RUN that need a look."),
    options.option("--limit", "How many runs, the newest first.", type=click.IntRange(1), default=50, metavar="N"),
    options.file("--report", "Write a report of RUN, and print nothing: .html, .json, .csv or .xml (JUnit)."),
    _JOURNAL,
)
@options.output
def command(
    form: str,
    run: str | None,
    device: str | None,
    pem: bool,
    failed: bool,
    limit: int,
    report: Path | None,
    path: Path | None,
) -> None:
    """List the runs, the routers of RUN, or the steps of one router with their times.

    RUN is an id, the beginning of one, or 'last'. A run whose process died is 'lost'; a router that was begun and of
    which nothing is known since is 'doubtful'. Times are UTC. A pipe gets each name whole.
    """
    if failed and (run is None or device is not None):
        raise click.UsageError("--failed goes with RUN alone, or with 'last'", click.get_current_context())
    from agent.cli.view.historyview import say, say_pem, write_report

    if report is not None:
        if run is None or device is not None or failed or pem:
            raise click.UsageError("--report goes with RUN alone, or with 'last'", click.get_current_context())
        write_report(run, path, report)
        return
    if pem:
        if device is None or form != "table":
            raise click.UsageError("--pem goes with --device NAME, in no other --format", click.get_current_context())
        say_pem(run, device, path)
        return
    say(form, run, device, path, failed=failed, limit=limit)


_GROUP = cast("_History", command)
_FILE = click.argument("file", type=click.Path(path_type=Path, allow_dash=True))


@options.command(
    "export", "Write runs for somebody else's journal.", "the file has all that was asked for and has ended", of=_GROUP
)
@_FILE
@options.option(
    "--run runs",
    "Only this run; may be given several times.",
    multiple=True,
    metavar="RUN",
    shell_complete=complete.runs,
)
@_JOURNAL
@options.logging
def export(file: Path, runs: tuple[str, ...], path: Path | None) -> None:
    """Write the journal's runs to the new FILE, for somebody else's 'history import'; packed where it ends in .gz.

    With - it goes to stdout. A run that is under way is left out, and said. No secret is in it.
    """
    from agent.cli.input.journals import export_to

    export_to(file, runs, path)


@options.command(
    "import",
    "Bring runs of somebody else's journal.",
    "all runs of the file are here",
    "one is here with other content",
    of=_GROUP,
)
@_FILE
@_JOURNAL
@options.logging
def bring(file: Path, path: Path | None) -> None:
    """Bring the runs of FILE, which 'history export' made, into the journal; they keep their ids.

    With - it comes from stdin. A run that is here already is nothing new. One that is here with other content, as one
    that was resumed since, stays as it is here, and is said.
    """
    from agent.cli.input.journals import import_from

    import_from(file, path)
