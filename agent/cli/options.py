"""The options that commands share, and what they say: a device, an intent, a format."""

from __future__ import annotations

import base64
import binascii
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from agent.model.anchor import TrustAnchor
    from agent.model.caution import Caution
    from agent.model.device import Device, HostKeys, Secret
    from agent.model.plan import Intent

F = TypeVar("F", bound=Callable[..., Any])
Options = dict[str, Any]

DEBUG = "agent.cli.debug"
"""The key of ``Context.meta`` under which ``--debug`` is kept."""

_METHODS = ("auto", "trustpool", "file", "rpc", "dialog")
SECONDS = click.FloatRange(min=0, min_open=True)


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


def target_of_watch(function: F) -> F:
    """As :func:`target_or_many` for a command whose ``--timeout`` is its own: one operation has ``--rpc-timeout``."""
    return _target("--rpc-timeout", required=False)(function)


def target_or_many(function: F) -> F:
    """As :func:`target` for a command that takes an inventory in place of HOST."""
    return _target("--timeout", required=False)(function)


def many(given: Options) -> bool:
    """Whether the options name an inventory in place of HOST.

    Raises:
        UsageError: they name both, or neither.
    """
    inventory = given["inventory"] or given["nornir_config"] or given.get("resume")
    if bool(inventory) == bool(given["host"]):
        raise click.UsageError(
            "give either HOST or an inventory (-i FILE, --nornir-config FILE)", ctx=click.get_current_context()
        )
    return bool(inventory)


def _target(timeout: str, *, required: bool = True) -> Callable[[F], F]:
    return together(
        click.argument("host", required=required),
        click.option("--port", type=click.IntRange(1, 65535), default=830, show_default=True, help="NETCONF port."),
        click.option(
            "--ssh-port",
            type=click.IntRange(1, 65535),
            default=22,
            show_default=True,
            help="SSH port of the CLI and SFTP; opened only where NETCONF does not reach.",
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
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Take the password from the first line of FILE.",
        ),
        click.option("--ask-password", is_flag=True, help="Ask for the password."),
        click.option("--key", type=click.Path(path_type=Path), metavar="FILE", help="Private key."),
        click.option("--key-passphrase-env", metavar="NAME", help="Take the key's passphrase from this variable."),
        click.option(
            "--known-hosts",
            type=click.Path(path_type=Path),
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
            type=click.Path(path_type=Path),
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
            type=click.Path(path_type=Path),
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


def trustpoint(function: F) -> F:
    """The certificate that is wanted, and under which trustpoint."""
    return together(
        click.option(
            "--anchor",
            type=click.Path(path_type=Path),
            metavar="FILE.pem",
            help="The root to trust [default: IdenTrust Commercial Root CA 1, bundled].",
        ),
        click.option(
            "--trustpoint", default="Trustpool", show_default=True, metavar="NAME", help="The trustpoint it goes to."
        ),
    )(function)


def wish(function: F) -> F:
    """How the certificate gets in, and what may be changed for it."""
    return together(
        click.option(
            "--method",
            type=click.Choice(_METHODS),
            default="auto",
            show_default=True,
            help="The way in; auto takes the first that the device allows, in this order.",
        ),
        click.option(
            "--bundle",
            type=click.Path(path_type=Path),
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
            type=click.Path(path_type=Path),
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


def care(function: F) -> F:
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
    from agent.cli.console import start_logging

    start_logging(options["verbose"], as_json=options["log_json"])


def device(options: Options) -> Device:
    """The device that the options name.

    Raises:
        InputError: the options contradict each other, or a file or variable they name cannot be used.
    """
    from agent.model.device import Device, Secret

    keys = host_keys(options)
    passphrase = options["key_passphrase_env"]
    return Device(
        host=options["host"],
        port=options["port"],
        ssh_port=options["ssh_port"],
        username=options["username"],
        key_file=key(options),
        key_passphrase=Secret.from_env(passphrase) if passphrase else None,
        host_keys=keys,
        ssh_config=options["ssh_config"],
        timeout=options["timeout"],
        open_timeout=options["open_timeout"],
        jump=_jump(options, keys),
        password=_password(options),
    )


def _password(options: Options) -> Secret | None:
    from agent.model.device import Secret
    from agent.model.errors import InputError

    name, file, ask = options["password_env"], options["password_file"], options["ask_password"]
    if sum((bool(name), file is not None, ask)) > 1:
        raise InputError(
            "the password is given in two ways", hint="one of --password-env, --password-file and --ask-password"
        )
    if name:
        return Secret.from_env(name)
    if file is not None:
        return Secret.from_file(file)
    if not ask:
        return None
    if not sys.stdin.isatty():
        raise InputError(
            "there is no terminal to ask for the password on", hint="use --password-env or --password-file"
        )
    return Secret(click.prompt(f"Password for {options['host']}", hide_input=True, err=True))


def key(options: Options) -> Path | None:
    from agent.model.errors import InputError

    path: Path | None = options["key"]
    try:
        if path is not None and not path.is_file():
            raise InputError(f"{path}: there is no such key file", hint="name a private key with --key")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", hint="name a private key with --key") from error
    if options["key_passphrase_env"] and path is None:
        raise InputError("--key-passphrase-env without --key", hint="name the key that it opens")
    return path


def host_keys(options: Options) -> HostKeys:
    from agent.model.device import HostKeys
    from agent.model.errors import InputError

    pinned: str | None = options["host_key"]
    if pinned is not None:
        if options["accept_new_host_keys"]:
            raise InputError("--host-key and --accept-new-host-keys exclude each other", hint="choose one")
        _check_pinned(pinned)
    return HostKeys(known_hosts=options["known_hosts"], pinned=pinned, accept_new=options["accept_new_host_keys"])


def _check_pinned(pinned: str) -> None:
    from agent.model.errors import InputError

    kind, _, key = pinned.strip().partition(" ")
    try:
        if kind.startswith("SHA256:"):
            good = not key and len(base64.b64decode(kind[7:].rstrip("=") + "=", validate=True)) == 32
        else:
            # The key's own text begins with its type as an SSH string (RFC 4253 section 6.6).
            blob = base64.b64decode((key.split() or [""])[0], validate=True)
            good = blob[4 : 4 + len(kind)] == kind.encode() and len(blob) > 4 + len(kind)
    except (binascii.Error, ValueError):
        good = False
    if not good:
        raise InputError(
            "the pinned host key cannot be read", hint="SHA256:… as ssh-keygen -l prints it, or 'ssh-ed25519 AAAA…'"
        )


def _jump(options: Options, keys: HostKeys) -> Device | None:
    if not options["jump"]:
        return None
    from agent.netconf.ssh import jump_host

    return jump_host(options["jump"], keys, options["ssh_config"])


def anchor(options: Options) -> TrustAnchor:
    """The anchor of ``--anchor``, else the bundled one.

    Raises:
        InputError: it is not one CA certificate, or not valid today.
    """
    from agent.model.anchor import TrustAnchor
    from agent.model.errors import InputError

    path: Path | None = options["anchor"]
    found = TrustAnchor.from_file(path) if path is not None else TrustAnchor.bundled()
    if found.expired(datetime.now(UTC)):
        raise InputError(
            f"{path or found.name}: valid only from {found.not_before:%Y-%m-%d} to {found.not_after:%Y-%m-%d}",
            hint="use a certificate that is valid today, and check this machine's clock",
        )
    return found


def intent(options: Options) -> Intent:
    """The wish that the options express.

    Raises:
        InputError: an anchor, trustpoint name, URL or method that cannot be used.
    """
    from agent.model.bundle import Bundle
    from agent.model.errors import InputError
    from agent.model.method import Method, Storage
    from agent.model.plan import Intent

    for what in ("enrollment", "bundle"):
        url: str | None = options[f"{what}_url"]
        if url is not None and _has_password(url):
            raise InputError(
                f"the {what} URL carries a password, which the process list would show",
                hint="serve the file without one: certificates are public",
            )
    bundle: Path | None = options["bundle"]
    return Intent(
        anchor=anchor(options),
        trustpoint=options["trustpoint"],
        method=Method(options["method"]),
        enrollment_url=options["enrollment_url"],
        replace=options["replace"],
        discard_foreign=options["discard_foreign"],
        renew=not options["no_renew"],
        contact_wait=options["contact_wait"],
        bundle=Bundle.from_file(bundle) if bundle is not None else None,
        bundle_url=options["bundle_url"],
        clean=options["clean"],
        then_trustpool=options["then"] == "trustpool",
        storage=Storage(options["storage"]),
        token=_token(options),
        caution=_caution(options),
    )


def _caution(options: Options) -> Caution:
    """As :func:`care` says; the default where a command changes nothing and has no such options."""
    from agent.model.caution import Caution, CommitMode

    if "lock_wait" not in options:
        return Caution()
    return Caution(
        commit=CommitMode(options["commit"]),
        confirm_timeout=options["confirm_timeout"],
        lock_wait=options["lock_wait"],
        kill_lock_holder=options["kill_lock_holder"],
        rollback=options["rollback"],
    )


def _token(options: Options) -> Secret | None:
    from agent.model.device import Secret
    from agent.model.errors import InputError

    file, name = options["register_token_file"], options["register_token_env"]
    if file is not None and name:
        raise InputError("the token is given in two ways", hint="one of --register-token-file and --register-token-env")
    if name:
        return Secret.from_env(name)
    return Secret.from_file(file) if file is not None else None


def trustpoint_name(options: Options) -> str:
    """The name of ``--trustpoint``, checked as an intent checks it; for commands without an anchor.

    Raises:
        InputError: XML or the router's CLI cannot carry it.
    """
    from agent.model.plan import Intent

    return Intent(trustpoint=options["trustpoint"]).trustpoint


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return False
