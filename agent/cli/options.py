"""The options that commands share, each declared once; :mod:`agent.cli.settings` reads what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.model.method import Method

F = TypeVar("F", bound=Callable[..., Any])
Options = dict[str, Any]

DEBUG = "agent.cli.debug"
"""The key of ``Context.meta`` under which ``--debug`` is kept."""

_METHODS = tuple(method.value for method in Method)
SECONDS = click.FloatRange(min=0, min_open=True)
_FILE = click.Path(path_type=Path)


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, listed in their order."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _debug(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    ctx.meta[DEBUG] = wanted


def target(function: F) -> F:
    """HOST, and how it is reached."""
    return _target("--timeout")(function)


def targets(function: F) -> F:
    """HOST or an inventory, how they are reached, and where the run is kept."""
    return together(_target("--timeout", required=False), _inventory, _kept)(function)


def watched(function: F) -> F:
    """As :func:`targets` for a command whose ``--timeout`` is its own: one operation has ``--rpc-timeout``."""
    return together(_target("--rpc-timeout", required=False), _inventory, _kept)(function)


_FOR_MANY = (
    *("limit", "groups", "where", "workers", "processes", "scheduler", "rate", "rate_per_jump"),
    *("canary", "batch", "max_failures", "pause", "stop_at"),
)
_FOR_A_RUN = ("journal", "report", "change_ref")


def one_or_many(given: Options) -> None:
    """See that the options name either HOST or an inventory.

    Raises:
        UsageError: they name both, or neither, or say of HOST what is for an inventory.
    """
    context = click.get_current_context()
    inventory = bool(given["inventory"] or given["nornir_config"])
    if inventory == bool(given["host"]):
        raise click.UsageError("give either HOST or an inventory (-i FILE, --nornir-config FILE)", ctx=context)
    if not inventory:
        _refuse(_FOR_MANY, "goes with an inventory (-i FILE; --limit chooses)")


def no_router(given: Options, option: str) -> None:
    """See that there is neither HOST nor an inventory, nor what goes with them.

    Raises:
        UsageError: *option*, by which no router is read, was given beside such an option.
    """
    if given["host"] is not None or given["inventory"] or given["nornir_config"]:
        raise click.UsageError(f"{option} reads no router: leave HOST out", ctx=click.get_current_context())
    _refuse((*_FOR_MANY, *_FOR_A_RUN), f"does not go with {option}, which reads no router")


def _refuse(names: tuple[str, ...], why: str) -> None:
    """Refuse those of the options *names* that were given and would go unheeded."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = "--" + name.rstrip("s" if name == "groups" else "").replace("_", "-")
            raise click.UsageError(f"{option} {why}", ctx=context)


def _target(timeout: str, *, required: bool = True) -> Callable[[F], F]:
    return together(
        click.argument("host", required=required),
        click.option("--port", type=click.IntRange(1, 65535), default=830, show_default=True, help="NETCONF port."),
        click.option(
            "--ssh-port",
            type=click.IntRange(1, 65535),
            default=22,
            show_default=True,
            help="SSH port of the CLI and SFTP; opened only where NETCONF does not reach, or may not.",
        ),
        click.option("--no-ssh", is_flag=True, help="Never open the CLI or SFTP."),
        click.option(
            "--strict-models",
            is_flag=True,
            help="Use no model whose revision is not known exactly; else the nearest older one stands in.",
        ),
        click.option("--username", "-u", help="Login name [default: of the SSH configuration, else yours]."),
        click.option("--password-env", metavar="NAME", help="Take the password from this environment variable."),
        click.option(
            "--password-file",
            type=_FILE,
            metavar="FILE",
            help="Take the password from the first line of FILE.",
        ),
        click.option("--ask-password", is_flag=True, help="Ask for the password."),
        click.option("--key", type=_FILE, metavar="FILE", help="Private key."),
        click.option("--key-passphrase-env", metavar="NAME", help="Take the key's passphrase from this variable."),
        click.option(
            "--known-hosts",
            type=_FILE,
            metavar="FILE",
            help="Host keys on record [default: ~/.ssh/known_hosts].",
        ),
        click.option("--host-key", metavar="KEY", help="The only host key to accept: SHA256:… or 'ssh-ed25519 AAAA…'."),
        click.option(
            "--accept-new-host-keys",
            is_flag=True,
            help="Store the key of a host that has none on record; a changed key is refused all the same.",
        ),
        click.option("--jump", metavar="[USER@]HOST[:PORT]", help="Go through this SSH host."),
        click.option(
            "--ssh-config",
            type=_FILE,
            metavar="FILE",
            help="OpenSSH client configuration [default: ~/.ssh/config].",
        ),
        click.option(
            timeout, "timeout", type=SECONDS, default=60.0, show_default=True, help="Seconds for one operation."
        ),
        click.option(
            "--open-timeout", type=SECONDS, default=30.0, show_default=True, help="Seconds for opening the session."
        ),
        click.option(
            "--trace",
            type=_FILE,
            metavar="FILE",
            help="Append all that is sent and received to FILE, readable by you alone, secrets masked.",
        ),
        click.option(
            "--connect-wait",
            type=click.FloatRange(min=0),
            default=120.0,
            show_default=True,
            help="Seconds to keep trying where the router limits new sessions, a minute or more between tries; "
            "below 60: not at all. What else fails a first connection is never tried again.",
        ),
    )


def _inventory(function: F) -> F:
    """Which routers, in place of HOST, and how many at once."""
    return together(
        click.option(
            "--inventory",
            "-i",
            type=click.Path(path_type=Path, allow_dash=True),
            metavar="FILE",
            help="In place of HOST: Nornir's hosts.yaml, a .csv, or a list of hosts; - for a list on stdin.",
        ),
        click.option(
            "--nornir-config", type=_FILE, metavar="FILE", help="The inventory that this Nornir configuration names."
        ),
        click.option(
            "--limit", metavar="NAMES", help="Only these: names and patterns, by commas; !NAME leaves one out."
        ),
        click.option("--group", "groups", multiple=True, metavar="NAME", help="Only routers of this group."),
        click.option("--where", multiple=True, metavar="KEY=VALUE", help="Only routers whose data have this."),
        click.option("--workers", type=click.IntRange(1, 2000), default=50, show_default=True, help="Routers at once."),
        click.option("--processes", type=click.IntRange(1, 64), metavar="N", help="Spread them over N processes."),
        click.option("--scheduler", metavar="URL", help="Let a Dask cluster do it: tcp://… or tls://…"),
        click.option("--rate", type=SECONDS, metavar="N", help="New SSH sessions a second, at most."),
        click.option("--rate-per-jump", type=SECONDS, metavar="N", help="The same through each jump host."),
    )(function)


def _kept(function: F) -> F:
    """Where the run is kept and reported."""
    return together(
        click.option(
            "--journal", type=_FILE, metavar="FILE", help="Keep runs here [default: in the user's state folder]."
        ),
        click.option(
            "--report", type=_FILE, metavar="FILE", help="Write a report: .html, .json, .csv or .xml (JUnit)."
        ),
        click.option("--change-ref", metavar="TEXT", help="The change's number, for journal and report."),
    )(function)


def rollout(function: F) -> F:
    """In which order, and when to stop."""
    return together(
        click.option(
            "--canary",
            metavar="N|%",
            help="These come first, alone; one that fails stops the run (see --max-failures).",
        ),
        click.option("--batch", metavar="N|%", help="Then so many at a time."),
        click.option("--max-failures", metavar="N|%", help="When more failed than that, begin no further router."),
        click.option("--pause", type=SECONDS, metavar="SECONDS", help="Wait between batches."),
        click.option(
            "--stop-at", metavar="TIME", help="Begin no router after this: HH:MM by this machine's clock, or ISO 8601."
        ),
        click.option("--resume", metavar="RUN", help="Go on with this run: doubtful routers first, proven ones not."),
    )(function)


def trustpoint(function: F) -> F:
    """The certificate that is wanted, and under which trustpoint."""
    return together(
        click.option(
            "--anchor",
            type=_FILE,
            metavar="FILE.pem",
            help="The root to trust [default: IdenTrust Commercial Root CA 1, bundled].",
        ),
        click.option(
            "--trustpoint", default="Trustpool", show_default=True, metavar="NAME", help="The trustpoint it goes to."
        ),
    )(function)


def intent(function: F) -> F:
    """How the certificate gets in, and what may be changed for it."""
    return together(
        click.option(
            "--method",
            type=click.Choice(_METHODS),
            default="auto",
            show_default=True,
            help="The method; auto takes the first that the device allows, in this order.",
        ),
        click.option(
            "--bundle",
            type=_FILE,
            metavar="FILE",
            help="Bundle for a trustpool import: PKCS#7 (.p7b) or PEM, copied to the router for that while.",
        ),
        click.option("--bundle-url", metavar="URL", help="Let the router fetch the bundle from here."),
        click.option(
            "--then",
            "then",
            type=click.Choice(("trustpool",)),
            help="Import the bundle as well after a method that a reload undoes.",
        ),
        click.option("--clean", is_flag=True, help="Let the import drop all that was imported before."),
        click.option(
            "--storage",
            type=click.Choice(("harddisk:", "disk0:")),
            default="harddisk:",
            show_default=True,
            help="Where a file that the router shall read is put for that while.",
        ),
        click.option(
            "--register-token-file",
            type=_FILE,
            metavar="FILE",
            help="Register an unregistered device with the token on the first line of FILE, once the root is proven.",
        ),
        click.option("--register-token-env", metavar="NAME", help="The same, from this environment variable."),
        click.option("--enrollment-url", metavar="URL", help="Let the router fetch the certificate from here."),
        click.option("--replace", is_flag=True, help="Replace another enrollment of the trustpoint."),
        click.option("--discard-foreign", is_flag=True, help="Discard uncommitted changes of somebody else."),
        click.option("--no-renew", is_flag=True, help="Do not renew the licence authorization afterwards."),
        click.option(
            "--contact-wait",
            type=click.FloatRange(min=0),
            default=60.0,
            show_default=True,
            help="Seconds to wait for contact with the licensing server.",
        ),
    )(function)


def caution(function: F) -> F:
    """How carefully the router is changed."""
    return together(
        click.option(
            "--commit",
            type=click.Choice(("auto", "confirmed", "plain")),
            default="auto",
            show_default=True,
            help="A confirmed one is taken back by the router unless a second session confirms it; auto: if offered.",
        ),
        click.option(
            "--confirm-timeout",
            type=click.IntRange(1),
            default=120,
            show_default=True,
            help="Seconds after which the router takes an unconfirmed commit back.",
        ),
        click.option(
            "--lock-wait",
            type=click.FloatRange(min=0),
            default=60.0,
            show_default=True,
            help="Seconds to wait for locks that others hold.",
        ),
        click.option(
            "--kill-lock-holder", is_flag=True, help="End the session that holds a lock for longer than that."
        ),
        click.option(
            "--rollback-on-failure/--keep",
            "rollback",
            default=True,
            show_default=True,
            help="Restore the trustpoint where no certificate could be proven, or keep what was committed.",
        ),
    )(function)


def output(function: F) -> F:
    """The format of stdout, and what is said on stderr."""
    return together(
        click.option(
            "--format",
            "form",
            type=click.Choice(("table", "json", "jsonl")),
            default="table",
            show_default=True,
            help="What stdout gets; progress and logs go to stderr.",
        ),
        click.option("-v", "--verbose", count=True, help="Log what is done; twice: all details."),
        click.option("--log-json", is_flag=True, help="Log as JSON, one object per line."),
        click.option("--debug", is_flag=True, expose_value=False, callback=_debug, help="Show tracebacks of errors."),
    )(function)


def start(options: Options) -> None:
    """What every command does first: logging as the options say."""
    from agent.cli.view.streams import start_logging

    start_logging(options["verbose"], as_json=options["log_json"])
