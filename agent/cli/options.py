"""The options that commands share, each declared once; :mod:`agent.cli.settings` reads what they say."""

from __future__ import annotations

from functools import wraps
from typing import Any, cast

import click

from agent.cli.stdio.quiet import QUIET
from agent.cli.usage import complete
from agent.cli.usage.command import command as command
from agent.cli.usage.declare import FROM_ZERO as FROM_ZERO
from agent.cli.usage.declare import PORT as PORT
from agent.cli.usage.declare import SECONDS as SECONDS
from agent.cli.usage.declare import Decorator as Decorator
from agent.cli.usage.declare import F, kept
from agent.cli.usage.declare import choice as choice
from agent.cli.usage.declare import file as file
from agent.cli.usage.declare import flag as flag
from agent.cli.usage.declare import group as group
from agent.cli.usage.declare import option as option
from agent.cli.usage.declare import together as together
from agent.fleet.window.pace import RECKONED
from agent.model.method import Method

DEBUG = "agent.cli.debug"
"""The key of ``Context.meta`` under which ``--debug`` is kept."""

_host = click.argument("host", required=False)

_inventory = group(
    "Inventory",
    file(
        "--inventory -i",
        "In place of HOST: Nornir's hosts.yaml or its folder, a .csv, or a list of hosts; - for a list on stdin.",
        allow_dash=True,
    ),
    file("--nornir-config", "The inventory that this Nornir configuration names."),
    option(
        "--limit",
        "Only these: names and patterns, by commas; !NAME leaves one out.",
        metavar="NAMES",
        shell_complete=complete.routers,
    ),
    option(
        "--group groups",
        "Only routers of this group.",
        multiple=True,
        metavar="NAME",
        shell_complete=complete.groups,
    ),
    option("--where", "Only routers whose data have this.", multiple=True, metavar="KEY=VALUE"),
)


def _reach(timeout: str) -> Decorator:
    return together(_connection(timeout), _login)


def _connection(timeout: str) -> Decorator:
    return group(
        "Connection",
        option("--port", "NETCONF port.", type=PORT, default=830),
        option(
            "--ssh-port",
            "SSH port of the CLI and SFTP, for what NETCONF does not do.",
            type=PORT,
            default=22,
        ),
        flag("--no-ssh", "Never open the CLI or SFTP."),
        flag(
            "--strict-models",
            "Use no model whose revision is not known exactly; else the nearest older one stands in.",
        ),
        option("--jump", "Go through this SSH host.", metavar="[USER@]HOST[:PORT]"),
        file("--ssh-config", "OpenSSH client configuration [default: ~/.ssh/config]."),
        flag("--legacy-ssh", "Offer SHA-1, CBC and DSS as well, for routers whose SSH has nothing better."),
        option(f"{timeout} timeout", "Seconds for one operation.", type=SECONDS, default=60.0),
        option("--open-timeout", "Seconds for opening the session.", type=SECONDS, default=30.0),
        option("--login-timeout", "Seconds for the login, which slow AAA servers take.", type=SECONDS, default=30.0),
        option(
            "--connect-wait",
            "Seconds to keep trying where the router limits new sessions, a minute or more between tries; "
            "below 60: not at all. What else fails a first connection is never tried again.",
            type=FROM_ZERO,
            default=120.0,
        ),
        file("--trace", "Append all that is sent and received to FILE, readable by you alone, secrets masked."),
    )


_login = group(
    "Login and host keys",
    option("--username -u", "Login name [default: of the SSH configuration, else yours]."),
    option("--password-env", "Take the password from this environment variable.", metavar="NAME"),
    file("--password-file", "Take the password from the first line of FILE."),
    option("--password-exec", "Take it from the first line that this program prints.", metavar="COMMAND"),
    flag("--ask-password", "Ask for the password."),
    file("--key", "Private key."),
    option("--key-passphrase-env", "Take the key's passphrase from this variable.", metavar="NAME"),
    option("--key-passphrase-exec", "Take it from the first line that this program prints.", metavar="COMMAND"),
    file("--known-hosts", "Host keys on record [default: ~/.ssh/known_hosts]."),
    option("--host-key", "The only host key to accept: SHA256:… or 'ssh-ed25519 AAAA…'.", metavar="KEY"),
    flag(
        "--accept-new-host-keys",
        "Store the key of a host that has none on record; a changed key is refused all the same.",
    ),
    option(
        "--max-refused-logins",
        "After so many refusals of one credential without a success in between, try nothing more with it.",
        type=click.IntRange(1),
        default=3,
        metavar="N",
    ),
)

replay = group(
    "Recordings",
    file("--replay", "In place of HOST: what this recording says of a router; nothing is reached."),
    flag("--recorded-timing", "Let each answer of the recording take as long as it took then, not come at once."),
)
"""A recording in the place of a router."""

_in_flight = group(
    "Speed",
    option(
        "--in-flight",
        "Routers begun and not ended, at most: those included that wait, for contact say. "
        "[default: 1000, or as many as open files allow]",
        type=click.IntRange(1, 20_000),
        metavar="N",
    ),
)
_speed = group(
    "Speed",
    option("--workers", "Routers worked on at once.", type=click.IntRange(1, 2000), default=100, metavar="N"),
    option("--processes", "Spread them over N processes.", type=click.IntRange(1, 64), metavar="N"),
    option("--scheduler", "Let a Dask cluster do it: tcp://… or tls://…", metavar="URL"),
    option("--rate", "New SSH sessions a second, at most.", type=SECONDS, metavar="N"),
    option("--rate-per-jump", "The same through each jump host.", type=SECONDS, metavar="N"),
)
_kept = group(
    "Journal and report",
    file("--journal", "Keep runs here [default: in the user's state folder]."),
    file("--report", "Write a report: .html, .json, .csv or .xml (JUnit)."),
    option("--change-ref", "The change's number, for journal and report.", metavar="TEXT"),
)

target = together(click.argument("host"), _reach("--timeout"))
"""HOST, and how it is reached."""

target_or_recording = together(_host, _reach("--timeout"), replay)
"""The same, or a recording in its place."""

targets = together(_host, _inventory, _reach("--timeout"), _in_flight, _speed, replay, _kept)
"""HOST or an inventory, how they are reached, and where the run is kept."""

watched = together(_host, _inventory, _reach("--rpc-timeout"), _speed, _kept)
"""As :data:`targets` for a command whose ``--timeout`` is its own: one operation has ``--rpc-timeout``."""

notify = group(
    "Journal and report",
    option(
        "--notify",
        "Tell this URL, or a program by exec:COMMAND, as JSON that the run begins, stops and ends; may be repeated.",
        multiple=True,
        metavar="URL|exec:COMMAND",
    ),
)
"""Who is told of a run."""

rollout = group(
    "Roll-out",
    option(
        "--canary",
        "These come first, alone; one that fails stops the run (see --max-failures). "
        "[default: above ten routers to be changed one of each kind of plan, by release line and method]",
        metavar="N|%",
    ),
    flag("--no-canary", "None comes first."),
    option("--batch", "Then so many at a time.", metavar="N|%"),
    option(
        "--max-failures",
        "When more failed than that, begin no further router; none: whatever fails, but for the canary. "
        "[default: above ten routers to be changed it stops at 5 % of them, at least 3]",
        metavar="N|%|none",
    ),
    option("--pause", "Wait between batches.", type=SECONDS, metavar="SECONDS"),
    option(
        "--resume",
        "Go on with this run, or the last: doubtful routers first, proven ones not.",
        metavar="RUN",
        shell_complete=complete.runs,
    ),
)
"""In which order, and when to stop."""

approved = group(
    "An approved plan",
    file("--plan", "Take routers and options from this file of plan --out, and do just what it says."),
    option("--sha256", "The SHA-256 of that file as it was approved.", metavar="HEX"),
    flag("--replan", "Plan a router anew whose state is another by now; else it is skipped."),
)
"""A plan that was approved, in the place of one that is made now."""

timing = group(
    "When",
    option(
        "--window windows",
        "Begin routers within this alone, where the inventory gives them none: 22:00-04:00, or Sat,Sun 22:00-04:00; "
        "may be given several times.",
        multiple=True,
        metavar="WINDOW",
    ),
    option(
        "--tz",
        "The time zone of windows, where the inventory gives none, and of times, e.g. Europe/Berlin [default: this "
        "machine's].",
        metavar="ZONE",
    ),
    flag("--no-window", "Begin routers at any time, whatever windows there are."),
    flag("--until-done", "Go on in the windows behind the first, until every router was begun."),
    option(
        "--router-time",
        "What a router is reckoned with, so that it ends before its window closes, until this run has measured it.",
        type=click.IntRange(1, 86_400),
        default=RECKONED,
        metavar="SECONDS",
    ),
    option(
        "--start-at",
        "Begin no router before this: 22:00 (of today), tomorrow 02:00, 2026-12-01 02:00, or ISO 8601.",
        metavar="TIME",
    ),
    option("--stop-at", "Begin no router after this, a time as of --start-at.", metavar="TIME"),
)
"""When routers may be begun."""

trustpoint = group(
    "The root",
    file("--anchor", "The root to trust [default: IdenTrust Commercial Root CA 1, bundled].", metavar="FILE.pem"),
    option("--trustpoint", "The trustpoint it goes to.", default="Trustpool", metavar="NAME"),
)
"""The certificate that is wanted, and under which trustpoint."""

intent = group(
    "How it gets in",
    choice(
        "--method",
        "The method; auto takes the first that the device allows, in this order.",
        *(method.value for method in Method),
        default="auto",
    ),
    file("--bundle", "Bundle for a trustpool import: PKCS#7 (.p7b) or PEM, copied to the router for that while."),
    option("--bundle-url", "Let the router fetch the bundle from here; with --bundle it is to be that.", metavar="URL"),
    option("--pem-url", "Let the router copy the root for method file from here, in place of SFTP.", metavar="URL"),
    option("--fetch-vrf", "The VRF in which it copies from --pem-url, or from --bundle-url.", metavar="VRF"),
    choice("--then", "Import the bundle as well after a method that a reload undoes.", "trustpool"),
    flag("--clean", "Let the import drop all that was imported before."),
    choice(
        "--storage",
        "Where a file that the router shall read is put for that while.",
        *("harddisk:", "disk0:"),
        default="harddisk:",
    ),
    file(
        "--register-token-file",
        "Register an unregistered device with the token on the first line of FILE, once the root is proven.",
    ),
    option("--register-token-env", "The same, from this environment variable.", metavar="NAME"),
    option("--register-token-exec", "The same, from the first line that this program prints.", metavar="COMMAND"),
    option("--enrollment-url", "Let the router fetch the certificate from here.", metavar="URL"),
    flag(
        "--replace", "Replace another enrollment of the trustpoint, and another certificate in it (25.3.1 and later)."
    ),
    flag("--discard-foreign", "Discard uncommitted changes of somebody else."),
    flag("--no-renew", "Do not renew the licence authorization afterwards."),
    option("--contact-wait", "Seconds to wait for contact with the licensing server.", type=FROM_ZERO, default=60.0),
)
"""How the certificate gets in, and what may be changed for it."""

caution = group(
    "Caution",
    choice(
        "--commit",
        "A confirmed one is taken back by the router unless a second session confirms it; auto: if offered.",
        *("auto", "confirmed", "plain"),
        default="auto",
    ),
    option(
        "--confirm-timeout",
        "Seconds after which the router takes a commit back that nobody confirmed.",
        type=click.IntRange(1),
        default=120,
        metavar="SECONDS",
    ),
    option("--lock-wait", "Seconds to wait for locks that others hold.", type=FROM_ZERO, default=60.0),
    flag("--kill-lock-holder", "End the session that holds a lock for longer than that."),
    option(
        "--rollback-on-failure/--keep rollback",
        "Restore the trustpoint where no certificate could be proven, or keep what was committed.",
        default=True,
    ),
)
"""How carefully the router is changed."""

sanitise = group(
    "Recordings",
    option(
        "--sanitise/--no-sanitise",
        "Put stand-ins in the place of names, addresses, serial numbers and the like, or record them as they are.",
        default=True,
    ),
)
recorded = group(
    "Recordings",
    file("--record", "Keep all that passes in this new file, as xr-agent record does; of one HOST."),
    sanitise,
)
"""Whether what passes is recorded while something else is done, and whether the file may be given away."""

_logging = group(
    "Output",
    option("-v --verbose", "Log what is done; twice: all details.", count=True),
    kept(
        QUIET, "-q --quiet", "Tell no progress: stderr has warnings, errors and questions, stdout all that it has else."
    ),
    flag("--log-json", "Make all of stderr JSON, an object a line."),
    kept(DEBUG, "--debug", "Show tracebacks of errors."),
)
_output = together(
    group(
        "Output",
        choice(
            "--format form",
            "What stdout gets; progress and logs go to stderr.",
            *("table", "json", "jsonl"),
            default="table",
        ),
    ),
    _logging,
)


def output(function: F) -> F:
    """The format of stdout, and what is said on stderr; the command begins with logging as these say."""
    return _output(_logged(function))


def logging(function: F) -> F:
    """The same for a command that has a format of its own, or none."""
    return _logging(_logged(function))


def _logged(function: F) -> F:
    @wraps(function)
    def logged(*, verbose: int, log_json: bool, **given: Any) -> Any:
        from agent.cli.view.streams import start_logging

        start_logging(verbose, as_json=log_json)
        return function(**given)

    return cast("F", logged)
