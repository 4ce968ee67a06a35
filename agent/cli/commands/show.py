"""``xr-agent show``: everything the device tells about the trustpoint, its certificate, licensing and software."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from agent.cli import options
from agent.cli.usage.given import Options, one_way

if TYPE_CHECKING:
    from agent.cli.replayed import Replayed


def _one_host(ctx: click.Context, _: click.Parameter, given: str | None) -> None:
    if given is not None:
        raise click.UsageError("show reads one HOST; assess and plan take an inventory", ctx=ctx)


@options.command(
    "show",
    "Read one router: trustpoint, certificate, licensing, release.",
    "the router was read",
    "it could not be read",
)
@options.target_or_recording
@options.option("--trustpoint", "The trustpoint to show.", default="Trustpool", metavar="NAME")
@click.option("--inventory", "-i", hidden=True, expose_value=False, callback=_one_host)
@options.flag("--raw", "The device's own data as JSON, with secrets masked, not interpreted.")
@options.output
def command(form: str, raw: bool, **given: Any) -> None:
    """Read HOST: trustpoint, CA certificate, licensing and release, each with its source."""
    from agent.cli import replayed

    one_way(given)
    with ExitStack() as stack:
        given, replay = replayed.begin(given, stack)
        try:
            _show(form, raw, given, replay)
        finally:
            code = replay.code(0) if replay else 0
    click.get_current_context().exit(code)


def _show(form: str, raw: bool, given: Options, replay: Replayed | None) -> None:
    from functools import partial

    from agent.cli import settings
    from agent.cli.view import render
    from agent.cli.view.asking import asker
    from agent.cli.view.output import emit
    from agent.cli.view.progress import Progress, say_legacy, say_wait
    from agent.fleet.results import objects
    from agent.fleet.run.logins import Logins
    from agent.fleet.run.router import Hooks, Router
    from agent.model.errors import AgentError
    from agent.netconf.retry import Policy, completed
    from agent.remedy.observe import observe

    target, name = replay.target if replay else settings.host(given), settings.trustpoint(given)
    with ExitStack() as stack:
        reach, policy = settings.reach(given), Policy(told=partial(say_wait, target.name))
        logins, trace = Logins(given["max_refused_logins"]), settings.trace(given, stack)
        progress = Progress()
        hooks = Hooks(policy=policy, logins=logins, trace=trace, ask=asker(progress.paused))
        hooks = replay.hooks(hooks) if replay else hooks
        policy, router = hooks.policy, Router(target, reach, hooks)
        address = None if replay else router.device.address
        try:
            with progress, ExitStack() as there:
                progress.say(target.name, f"connecting to {router.device.address}")
                session = there.enter_context(completed(router.first(), policy))
                ssh = there.enter_context(router.shell())
                say_legacy(target.name, legacy=session.legacy_ssh)
                progress.say(target.name, "reading")
                if raw:
                    views = raw_views(session, name)
                    print(objects.dump(views, "jsonl" if form == "jsonl" else "json"))
                    return
                state = observe(session, name, policy=policy, ssh=ssh, full=True)
        except AgentError as error:
            if form != "table" and not raw:
                print(objects.dump(objects.unread_object(target.name, address, error), form))
            raise
    emit(form, lambda: objects.show_object(state, address=address), lambda: render.show_view(state, address))


def raw_views(session: Any, name: str) -> dict[str, object]:
    """Each reply's data as xmltodict gives it, by what was asked; a refusal as text, nothing asked as None."""
    from agent.model.errors import RPCError
    from agent.model.masking.text import without_secrets
    from agent.netconf.payload import to_dict
    from agent.netconf.query import Query
    from agent.remedy.access import access
    from agent.xr import licensing, software, trustpoint

    schema = session.schema
    model = access(session.capabilities, schema).config_model
    queries: dict[str, Query[Any]] = {
        "trustpoint-config": trustpoint.config_query(schema, model, name),
        "trustpoint-state": trustpoint.certificate_query(schema, name),
        "licensing": licensing.query(schema),
        "install-version": software.release_query(schema),
        "install-fixes": software.fixes_query(schema),
    }
    flying = {what: query.send(session) for what, query in queries.items()}
    views: dict[str, object] = {}
    for what, pending in flying.items():
        try:
            data = None if pending is None else pending.result().data
            views[what] = None if data is None else without_secrets(to_dict(data))
        except RPCError as error:
            views[what] = error.message
    return views
