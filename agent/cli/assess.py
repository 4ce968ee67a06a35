"""``xr-agent assess``: is the device hit by the withdrawn root, and until when."""

from __future__ import annotations

from typing import Any

import click

from agent.cli import options


@click.command("assess")
@options.target
@options.trustpoint
@options.output
def command(form: str, **given: Any) -> None:
    """Judge HOST: affected, not-affected, remedied or unknown, with reasons and deadlines.

    Exit code 1 for affected and unknown.
    """
    options.start(given)
    name, anchor, device = options.trustpoint_name(given), options.anchor(given), options.device(given)
    from datetime import UTC, datetime

    from agent.cli import jsonout, render
    from agent.cli.progress import Progress
    from agent.cli.work import emit, say_anchor, session_to
    from agent.model.errors import AgentError
    from agent.model.plan import Verdict, VerdictKind
    from agent.remedy.assess import assess
    from agent.remedy.observe import observe

    now = datetime.now(UTC)
    try:
        with Progress() as progress, session_to(device, progress) as session:
            state = observe(session, name)
    except AgentError as error:
        if form != "table":
            unread = Verdict(device.name, VerdictKind.UNKNOWN, (error.message,))
            print(jsonout.dump(jsonout.assess_object(unread), form))
        raise
    verdict = assess(state, anchor, now)
    say_anchor(anchor, bundled=given["anchor"] is None)
    emit(form, lambda: jsonout.assess_object(verdict), lambda: render.verdict_view(verdict, now))
    if verdict.kind in (VerdictKind.AFFECTED, VerdictKind.UNKNOWN):
        click.get_current_context().exit(1)
