"""``xr-agent plan``: what a push would do, as a diff; nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agent.cli import chosen, fleetoptions, options

if TYPE_CHECKING:
    from agent.cli.work import Router
    from agent.model.plan import Intent


@click.command("plan")
@options.target_or_many
@fleetoptions.inventory
@fleetoptions.kept
@options.trustpoint
@options.wish
@options.output
def command(form: str, **given: Any) -> None:
    """Show what push would do to HOST, or to all of an inventory, without doing it; equal plans stand together.

    Exit code 0 with and without steps, 1 where there is no way to offer.
    """
    options.start(given)
    if options.many(given):
        from agent.cli.fleet import run
        from agent.fleet.results.record import Kind

        run(Kind.PLAN, form, given)
        return
    from agent.cli.work import Router

    intent = chosen.intent(given)
    make(Router.of(given, intent.token), intent, form, bundled=given["anchor"] is None)


def make(router: Router, intent: Intent, form: str, *, bundled: bool) -> None:
    """Read *router*, print the plan, exit with its code; ``push --dry-run`` ends here too."""
    from agent.cli.view import render
    from agent.cli.view.console import say_failure
    from agent.cli.view.progress import Progress
    from agent.cli.work import emit, say_anchor, session_to
    from agent.fleet.results import objects
    from agent.model.errors import AgentError
    from agent.model.plan import Skip
    from agent.remedy.observe import observe
    from agent.remedy.plan import plan

    device = router.device
    try:
        with Progress() as progress, session_to(router, progress) as session, router.shell() as ssh:
            made = plan(intent, observe(session, intent.trustpoint, ssh=ssh, trustpool=intent.has_bundle))
    except AgentError as error:
        if form != "table":
            print(objects.dump(objects.unplanned_object(device.name, device.address, intent.anchor, error), form))
        raise
    say_anchor(intent.anchor, bundled=bundled)
    emit(form, lambda: objects.plan_object(made, intent.anchor, address=device.address), lambda: render.plan_view(made))
    if isinstance(made, Skip):
        say_failure(f"skipped: {made.reason}", device=made.device, hint=made.hint)
        click.get_current_context().exit(1)
