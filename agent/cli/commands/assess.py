"""``xr-agent assess``: is the device hit by the withdrawn root, and until when; or which hosts a syslog names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli import chosen, fleetoptions, options

if TYPE_CHECKING:
    from agent.remedy.notices.notice import Notice


@click.command("assess")
@options.target_or_many
@fleetoptions.inventory
@fleetoptions.kept
@options.trustpoint
@click.option(
    "--notice",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="Judge by this field notice [default: FN72290, bundled].",
)
@click.option(
    "--syslog",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="In place of HOST: list the hosts that lost the server by a collector's text, also packed; - for stdin.",
)
@options.output
def command(form: str, notice: Path | None, syslog: Path | None, **given: Any) -> None:
    """Judge HOST, or all of an inventory: affected, not-affected, remedied or unknown, with reasons and deadlines.

    Exit code 1 for affected and unknown, and where --syslog finds a host that lost the server.
    """
    options.start(given)
    if syslog is not None:
        _without_host(syslog, form, given)
        return
    if options.many(given):
        from agent.cli.fleet import run
        from agent.fleet.results.record import Kind

        run(Kind.ASSESS, form, {**given, "notice": notice})
        return
    _judge(form, _notice(notice), given)


def _judge(form: str, notice: Notice | None, given: options.Options) -> None:
    from datetime import UTC, datetime

    from agent.cli.view import render
    from agent.cli.view.progress import Progress
    from agent.cli.work import Router, emit, say_anchor, session_to
    from agent.fleet.results import objects
    from agent.model.errors import AgentError
    from agent.model.plan import Verdict, VerdictKind
    from agent.remedy.assess import assess
    from agent.remedy.observe import observe

    name, anchor, router = chosen.trustpoint_name(given), chosen.anchor(given), Router.of(given)
    now = datetime.now(UTC)
    try:
        with Progress() as progress, session_to(router, progress) as session, router.shell() as ssh:
            state = observe(session, name, ssh=ssh, full=True)
    except AgentError as error:
        if form != "table":
            unread = Verdict(router.name, VerdictKind.UNKNOWN, (error.message,))
            print(objects.dump(objects.assess_object(unread), form))
        raise
    verdict = assess(state, anchor, now, notice=notice)
    say_anchor(anchor, bundled=given["anchor"] is None)
    emit(form, lambda: objects.assess_object(verdict), lambda: render.verdict_view(verdict, now))
    if verdict.kind in (VerdictKind.AFFECTED, VerdictKind.UNKNOWN):
        click.get_current_context().exit(1)


def _notice(path: Path | None) -> Notice | None:
    from agent.remedy.notices.notice import Notice

    return None if path is None else Notice.from_file(path)


def _without_host(path: Path, form: str, given: options.Options) -> None:
    from agent.cli.input.collected import affected_hosts, summary
    from agent.cli.view import render
    from agent.cli.view.console import errors
    from agent.cli.work import emit
    from agent.fleet.results import objects

    if given["host"] is not None or given["inventory"] or given["nornir_config"]:
        raise click.UsageError("--syslog reads no router: leave HOST out", ctx=click.get_current_context())
    options.not_for_many()
    findings, failure = affected_hosts(path)
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
