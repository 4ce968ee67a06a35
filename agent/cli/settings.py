"""What the options say, checked before anything is reached: how routers are reached, and what is wanted."""

from __future__ import annotations

import base64
import binascii
import getpass
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import click
from click.core import ParameterSource as Source

from agent.cli.usage.given import Options, source
from agent.fleet.inventory.command import Command
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.window.moment import moment
from agent.fleet.window.timing import Timing
from agent.fleet.window.windows import windows
from agent.fleet.window.zone import Zone
from agent.model.address import Endpoint
from agent.model.caution import Caution, CommitMode
from agent.model.device import HostKeys, Secret
from agent.model.errors import InputError
from agent.model.local.files import read_start
from agent.model.local.stdin import at_terminal
from agent.model.masking.redact import masked
from agent.model.method import Method, Storage
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle
from agent.model.plan import Intent
from agent.netconf.trace import TraceFile
from agent.remedy.notices.folder import read
from agent.remedy.notices.notice import Notice
from agent.ssh.settings.config import jump_host

T = TypeVar("T")
_PLACES = ("env", "file", "exec")
"""Where a secret may be by an option, which ends in this word."""


def host(given: Options) -> Target:
    """The router that HOST names.

    Raises:
        InputError: it is no host, or says what an option says otherwise.
    """
    where = Endpoint.parse(given["host"])
    port, username = _once("port", where.port, given), _once("username", where.user, given)
    return Target(where.host, where.host, port=port, username=username)


def _once(name: str, said: T | None, given: Options) -> T:
    """What HOST says besides the host, else the option *name*.

    Raises:
        InputError: both say it, and not the same.
    """
    value: T = given[name]
    if said is None:
        return value
    if source(name) is not Source.DEFAULT and said != value:
        raise InputError(f"the {name} in HOST is another than that of --{name}", hint="say it once")
    return said


def reach(given: Options) -> Reach:
    """How routers are reached; what is the same for all is looked at once, before any connection.

    Raises:
        InputError: the options contradict each other, or a file or variable they name cannot be used.
    """
    here = not given.get("scheduler")
    key, keys, config, jump = _key(given), _host_keys(given), given["ssh_config"], given["jump"]
    if config is not None and here:
        read_start(config, 1, hint="name an OpenSSH client configuration with --ssh-config")
    if jump:
        jump_host(jump, keys, config if here else Path(os.devnull))
    password, passphrase = _password(given), _passphrase(given)
    for secret in filter(None, (password, passphrase)):
        if here:
            secret.look()
    return Reach(
        username=given["username"] or None,
        password=password,
        key_file=key,
        key_passphrase=passphrase,
        host_keys=keys,
        ssh=not given["no_ssh"],
        **_same(given, "port", "ssh_port", "jump", "ssh_config"),
        **_same(given, "timeout", "open_timeout", "login_timeout", "connect_wait", "strict_models", "legacy_ssh"),
    )


def _same(given: Options, *names: str) -> Options:
    """Those that are meant as they are given."""
    return {name: given[name] for name in names}


def _reference(given: Options, what: str, *further: str) -> Reference | None:
    """Where *what* is by its options, of which there may be one, those *further* ones included.

    Raises:
        InputError: it is given in two ways, or by what is no command.
    """
    names = [name for place in _PLACES if (name := f"{what}_{place}") in given]
    said = [name for name in (*names, *further) if given[name] or (name.endswith("exec") and given[name] is not None)]
    if len(said) > 1:
        *first, last = (f"--{name.replace('_', '-')}" for name in (*names, *further))
        what = what.rpartition("_")[2]
        raise InputError(f"the {what} is given in two ways", hint=f"one of {', '.join(first)} and {last}")
    if not said or said[0] in further:
        return None
    value = given[said[0]]
    place = said[0].rpartition("_")[2]
    return Reference.parse(f"{place}:{value.absolute() if isinstance(value, Path) else value}")


def placed(given: Options) -> Options:
    """*given* with its commands as they mean the same in another folder, where a run may go on.

    Raises:
        InputError: one is no command.
    """
    said = {name: text for name, text in given.items() if name.endswith("_exec") and text}
    return {**given, **{name: Command.parse(text).beside(Path.cwd()) for name, text in said.items()}}


def _passphrase(given: Options) -> Reference | None:
    found = _reference(given, "key_passphrase")
    if found is not None and given["key"] is None:
        raise InputError(f"--key-passphrase-{found.place.value} without --key", hint="name the key that it opens")
    return found


def _password(given: Options) -> Reference | None:
    found = _reference(given, "password", "ask_password")
    elsewhere = "use --password-env, --password-file or --password-exec"
    if not given["ask_password"]:
        return found
    if given.get("processes") or given.get("scheduler"):
        raise InputError("a password that is asked for stays in this process", hint=elsewhere)
    if not at_terminal():
        raise InputError("there is no terminal to ask for the password on", hint=elsewhere)
    whose = given["host"] or given["username"] or getpass.getuser()
    return Reference.asked(Secret(click.prompt(f"Password for {whose}", hide_input=True, err=True)))


def _key(given: Options) -> Path | None:
    path: Path | None = given["key"]
    try:
        if path is not None and not path.is_file():
            raise InputError(f"{path}: there is no such key file", hint="name a private key with --key")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", hint="name a private key with --key") from error
    return path


def _host_keys(given: Options) -> HostKeys:
    pinned: str | None = given["host_key"]
    if pinned is not None:
        if given["accept_new_host_keys"]:
            raise InputError("--host-key and --accept-new-host-keys exclude each other", hint="choose one")
        _check_pinned(pinned)
    return HostKeys(known_hosts=given["known_hosts"], pinned=pinned, accept_new=given["accept_new_host_keys"])


def _check_pinned(pinned: str) -> None:
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


def dated(given: Options, now: datetime) -> Options:
    """*given* with the times between which routers are begun in full: the journal keeps which day was meant.

    Raises:
        InputError: one is no time, or has gone by, as that may have by which a run that goes on was to end.
    """
    made, zone = dict(given), _zone(given)
    for name, option in (("start_at", "--start-at"), ("stop_at", "--stop-at")):
        text: str | None = given.get(name)
        if text is not None and source(name) is Source.COMMANDLINE:
            made[name] = _of_option(option, text, lambda text: moment(text, now, zone)).isoformat()
        elif text is not None and name == "stop_at" and not _is_ahead(text, now):
            raise InputError(f"the run was to begin no router after {text}", hint=f"give {option} anew")
    return made


def _is_ahead(text: str, now: datetime) -> bool:
    try:
        return datetime.fromisoformat(text) > now
    except (TypeError, ValueError):  # of a run that an earlier xr-agent kept without its day or zone
        return False


def timing(given: Options) -> Timing | None:
    """When routers may be begun, by options that are :func:`dated`; None of a command that has none.

    Raises:
        InputError: a window or the zone cannot be used, or windows are given and forbidden.
    """
    if "windows" not in given:
        return None
    if given["windows"] and given["no_window"]:
        raise InputError("--window and --no-window exclude each other", hint="choose one")
    texts, start = tuple(given["windows"]), given["start_at"]
    return Timing(
        windows=_of_option("--window", "; ".join(texts), lambda _: windows(texts)) if texts else (),
        zone=_zone(given),
        heeded=not given["no_window"],
        start_at=datetime.fromisoformat(start) if start is not None else None,
        until_done=given["until_done"],
        reckoned=given["router_time"],
    )


def _zone(given: Options) -> Zone:
    name: str | None = given.get("tz")
    return Zone() if name is None else _of_option("--tz", name, Zone.parse)


def _of_option(option: str, text: str, read: Callable[[str], T]) -> T:
    """What is *read* of *text*; an error says of which option."""
    try:
        return read(text)
    except InputError as error:
        raise InputError(f"{option} {text!r}: {error.message}", hint=error.hint) from error


def notices(given: Options) -> tuple[Notice, ...]:
    """The notices of ``--notice``; none where the bundled one is meant.

    Raises:
        InputError: one of them cannot be used, or ``--anchor`` beside several.
    """
    found = tuple(read(one) for one in given.get("notices") or ())
    if len(found) > 1 and given["anchor"] is not None:
        raise InputError("each of several notices has its own root", hint="leave --anchor out")
    return found


def anchor(given: Options, notices: Sequence[Notice] = ()) -> TrustAnchor:
    """The anchor of ``--anchor``, else the root of the first of *notices*, else the bundled one.

    Raises:
        InputError: it is not one CA certificate, or not valid today.
    """
    path: Path | None = given["anchor"]
    default = notices[0].root if notices else TrustAnchor.bundled()
    found = TrustAnchor.from_file(path) if path is not None else default
    see_valid(found, str(path or found.name))
    return found


def see_valid(found: TrustAnchor, where: str) -> None:
    """See that the root *found*, from *where*, is valid today.

    Raises:
        InputError: it is not.
    """
    if found.expired(datetime.now(UTC)):
        raise InputError(
            f"{where}: valid only from {found.not_before:%Y-%m-%d} to {found.not_after:%Y-%m-%d}",
            hint="use a certificate that is valid today, and check this machine's clock",
        )


def intent(given: Options) -> Intent:
    """What a push is to bring, without the token.

    Raises:
        InputError: an anchor, trustpoint name, URL, bundle or method that cannot be used.
    """
    for what, key in (("enrollment", "enrollment_url"), ("bundle", "bundle_url"), ("certificate", "pem_url")):
        url: str | None = given[key]
        if url is not None and (_has_password(url) or masked(url) != url):
            raise InputError(
                f"the {what} URL carries a secret, which the process list would show",
                hint="serve the file without one: certificates are public",
            )
    if given["pem_url"] is not None and given["method"] not in ("auto", "file"):
        raise InputError(f"method {given['method']} copies no certificate", hint="--pem-url is for --method file")
    bundle: Path | None = given["bundle"]
    return Intent(
        anchor=anchor(given),
        method=Method(given["method"]),
        renew=not given["no_renew"],
        bundle=Bundle.from_file(bundle) if bundle is not None else None,
        then_trustpool=given["then"] == "trustpool",
        storage=Storage(given["storage"]),
        caution=caution(given),
        **_same(given, "trustpoint", "enrollment_url", "bundle_url", "pem_url", "fetch_vrf"),
        **_same(given, "replace", "discard_foreign", "contact_wait", "clean"),
    )


def caution(given: Options) -> Caution:
    """How carefully; the default where a command changes nothing and has no such options."""
    if "lock_wait" not in given:
        return Caution()
    same = _same(given, "confirm_timeout", "lock_wait", "kill_lock_holder", "rollback")
    return Caution(commit=CommitMode(given["commit"]), **same)


def token(given: Options) -> Reference | None:
    """Where the registration token is.

    Raises:
        InputError: it is given in two ways.
    """
    return _reference(given, "register_token")


def trustpoint(given: Options) -> str:
    """The name of ``--trustpoint``, checked as an intent checks it; for commands without an anchor.

    Raises:
        InputError: XML or the router's CLI cannot carry it.
    """
    return Intent(trustpoint=given["trustpoint"]).trustpoint


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return False


def trace(given: Options, stack: ExitStack) -> TraceFile | None:
    """Where all messages are written down, if anywhere; *stack* closes it.

    Raises:
        InputError: the file cannot be used.
    """
    path: Path | None = given["trace"]
    if path is None:
        return None
    secret = token(given)
    made = TraceFile(path, () if secret is None else (secret.resolve(),))
    stack.callback(made.close)
    return made
