"""What the options for one router say: a device, an anchor, an intent; :mod:`agent.cli.options` declares them."""

from __future__ import annotations

import base64
import binascii
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import click

from agent.cli.options import Options

if TYPE_CHECKING:
    from agent.model.caution import Caution
    from agent.model.device import Device, HostKeys, Secret
    from agent.model.pki.anchor import TrustAnchor
    from agent.model.plan import Intent
    from agent.remedy.notices.notice import Notice

T = TypeVar("T")


def device(options: Options) -> Device:
    """The device that the options name.

    Raises:
        InputError: the options contradict each other, or a file or variable they name cannot be used.
    """
    from agent.model.address import Endpoint
    from agent.model.device import Device, Secret

    where = Endpoint.parse(options["host"])
    keys = host_keys(options)
    passphrase = options["key_passphrase_env"]
    return Device(
        host=where.host,
        port=_once("port", where.port, options),
        ssh_port=options["ssh_port"],
        username=_once("username", where.user, options),
        key_file=key(options),
        key_passphrase=Secret.from_env(passphrase) if passphrase else None,
        host_keys=keys,
        ssh_config=options["ssh_config"],
        timeout=options["timeout"],
        open_timeout=options["open_timeout"],
        jump=_jump(options, keys),
        password=_password(options),
    )


def _once(name: str, said: T | None, options: Options) -> T:
    """What HOST says besides the host, else the option *name*.

    Raises:
        InputError: both say it, and not the same.
    """
    from agent.model.errors import InputError

    given: T = options[name]
    if said is None:
        return given
    default = click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.DEFAULT
    if not default and said != given:
        raise InputError(f"the {name} in HOST is another than that of --{name}", hint="say it once")
    return said


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
    from agent.ssh.connection import jump_host

    return jump_host(options["jump"], keys, options["ssh_config"])


def notices(options: Options) -> tuple[Notice, ...]:
    """The notices of ``--notice``; none where the bundled one is meant.

    Raises:
        InputError: one of them cannot be used, or ``--anchor`` beside several.
    """
    from agent.model.errors import InputError
    from agent.remedy.notices.folder import read

    found = tuple(read(one) for one in options.get("notices") or ())
    if len(found) > 1 and options["anchor"] is not None:
        raise InputError("each of several notices has its own root", hint="leave --anchor out")
    return found


def anchor(options: Options, notices: Sequence[Notice] = ()) -> TrustAnchor:
    """The anchor of ``--anchor``, else the root of the first of *notices*, else the bundled one.

    Raises:
        InputError: it is not one CA certificate, or not valid today.
    """
    from agent.model.errors import InputError
    from agent.model.pki.anchor import TrustAnchor

    path: Path | None = options["anchor"]
    default = notices[0].root if notices else TrustAnchor.bundled()
    found = TrustAnchor.from_file(path) if path is not None else default
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
    from agent.model.errors import InputError
    from agent.model.method import Method, Storage
    from agent.model.pki.bundle import Bundle
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
