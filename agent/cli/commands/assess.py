"""``xr-agent assess``: is the device hit by the withdrawn root, and until when; or which hosts a syslog names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent.cli import chosen, fleetoptions, options


@click.command("assess")
@options.target_or_many
@fleetoptions.inventory
@fleetoptions.kept
@options.trustpoint
@click.option(
    "--notice",
    "notices",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    multiple=True,
    help="Judge by this field notice and its root; may be given several times [default: FN72290, bundled].",
)
@click.option(
    "--syslog",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="In place of HOST: list the hosts that lost the server by a collector's text, also packed; - for stdin.",
)
@options.output
def command(form: str, notices: tuple[Path, ...], syslog: Path | None, **given: Any) -> None:
    """Judge HOST, or all of an inventory: affected, not-affected, remedied or unknown, with reasons and deadlines.

    Exit code 1 for affected and unknown, and where --syslog finds a host that lost the server.
    """
    options.start(given)
    if syslog is not None:
        _without_host(syslog, form, {**given, "notices": notices})
        return
    if options.many(given):
        from agent.cli.fleet import run
        from agent.fleet.results.record import Kind

        run(Kind.ASSESS, form, {**given, "notices": notices})
        return
    _judge(form, {**given, "notices": notices})


def _judge(form: str, given: options.Options) -> None:
    from datetime import UTC, datetime

    from agent.cli.view import render
    from agent.cli.view.progress import Progress
    from agent.cli.work import Router, emit, say_anchor, session_to
    from agent.fleet.results import objects
    from agent.model.errors import AgentError
    from agent.model.plan import Verdict, VerdictKind
    from agent.remedy.assess import assess_by
    from agent.remedy.notices.folder import signatures_of
    from agent.remedy.observe import observe

    notices = chosen.notices(given)
    name, anchor, router = chosen.trustpoint_name(given), chosen.anchor(given, notices), Router.of(given)
    now = datetime.now(UTC)
    try:
        with Progress() as progress, session_to(router, progress) as session, router.shell() as ssh:
            state = observe(session, name, ssh=ssh, full=True, signatures=signatures_of(notices))
    except AgentError as error:
        if form != "table":
            unread = Verdict(router.name, VerdictKind.UNKNOWN, (error.message,))
            print(objects.dump(objects.assess_object(unread), form))
        raise
    verdict = assess_by(state, notices, now, anchor=anchor if len(notices) < 2 else None)
    say_anchor(anchor, bundled=given["anchor"] is None and not notices)
    emit(form, lambda: objects.assess_object(verdict), lambda: render.verdict_view(verdict, now))
    if verdict.kind in (VerdictKind.AFFECTED, VerdictKind.UNKNOWN):
        click.get_current_context().exit(1)


def _without_host(path: Path, form: str, given: options.Options) -> None:
    from agent.cli.input.collected import affected_hosts, summary
    from agent.cli.view import render
    from agent.cli.view.console import errors
    from agent.cli.work import emit
    from agent.fleet.results import objects
    from agent.remedy.notices.folder import signatures_of

    if given["host"] is not None or given["inventory"] or given["nornir_config"]:
        raise click.UsageError("--syslog reads no router: leave HOST out", ctx=click.get_current_context())
    options.not_for_many()
    findings, failure = affected_hosts(path, signatures_of(chosen.notices(given)))
    found = list(findings.hosts.values())
    if form == "jsonl":
        for host in found:
            print(objects.dump(objects.syslog_object(host), form))
    else:
        emit(form, lambda: [objects.syslog_object(host) for host in found], lambda: render.syslog_view(found))
    errors().print(summary(findings), soft_wrap=True)
    if failure is not None:
        raise failure
    if any(not host.recovered for host in found):
        click.get_current_context().exit(1)
