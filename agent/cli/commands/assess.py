"""``xr-agent assess``: is the device hit by the withdrawn root, and until when; or which hosts a syslog names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent.cli import options
from agent.cli.usage.given import Options, no_router


@options.command(
    "assess",
    "Judge routers: affected, not-affected, remedied, unknown.",
    "every router is not affected or remedied; by --syslog no host has lost the server",
    "one is affected or unknown, or was not read; by --syslog a host has lost the server",
)
@options.targets
@options.trustpoint
@options.group(
    "The root",
    options.file(
        "--notice notices",
        "Judge by this field notice and its root; may be given several times [default: FN72290, bundled].",
        metavar="FOLDER",
        multiple=True,
    ),
)
@options.file(
    "--syslog",
    "In place of HOST: list the hosts that lost the server by a collector's text, also packed; - for stdin.",
    allow_dash=True,
)
@options.output
def command(form: str, syslog: Path | None, **given: Any) -> None:
    """Judge HOST, or all of an inventory: affected, not-affected, remedied or unknown, with reasons and deadlines."""
    if syslog is not None:
        _without_host(syslog, form, given)
        return
    from agent.cli.execution import run
    from agent.fleet.results.record import Kind

    run(Kind.ASSESS, form, given)


def _without_host(path: Path, form: str, given: Options) -> None:
    from agent.cli import settings
    from agent.cli.input.collected import affected_hosts, summary
    from agent.cli.view import render
    from agent.cli.view.output import emit_all
    from agent.cli.view.streams import progress
    from agent.fleet.results import objects
    from agent.remedy.notices.folder import signatures_of

    no_router(given, "--syslog")
    findings, failure = affected_hosts(path, signatures_of(settings.notices(given)))
    found = list(findings.hosts.values())
    emit_all(form, found, objects.syslog_object, lambda found: (render.syslog_view(found),))
    progress().print(summary(findings), soft_wrap=True)
    if failure is not None:
        raise failure
    if any(not host.recovered for host in found):
        click.get_current_context().exit(1)
