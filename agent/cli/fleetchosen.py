"""What the options for many routers say: whom, the job, the crew and the roll-out."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

import agent
from agent.cli import chosen, options
from agent.fleet.inventory.filter import Filter
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.source import load, load_nornir
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.journal.runlog import RunLog
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import Kind
from agent.fleet.run.executors import cluster, processes, threads
from agent.fleet.run.job import Hooks, Job
from agent.fleet.run.rate import Limiter, Rate
from agent.fleet.run.rollout import Rollout, Share
from agent.fleet.run.runner import Crew
from agent.model.errors import InputError
from agent.model.local.files import read_start
from agent.netconf.trace import TraceFile
from agent.ssh.connection import jump_host

Options = options.Options

_STDIN = "-"
_SETTINGS_OF_NOW = ("form", "verbose", "log_json", "resume", "yes", "report", "journal", "ask_password")


def targets(given: Options) -> list[Target]:
    config: Path | None = given["nornir_config"]
    if config is not None and given["inventory"] is not None:
        raise InputError("the inventory is given in two ways", hint="one of -i and --nornir-config")
    port = given["port"]
    found = load_nornir(config, port=port) if config is not None else load(str(given["inventory"]), port=port)
    kept = Filter.parse(given["limit"], given["groups"], given["where"]).select(found)
    if not given["scheduler"]:
        _look_for_shared(kept)
    return kept


def _look_for_shared(found: list[Target]) -> None:
    """Look for a secret that all of them share before any is reached; one of a few fails with those few.

    Raises:
        InputError: it cannot be read.
    """
    for name in ("password", "key_passphrase"):
        shared = {getattr(target, name) for target in found}
        if len(shared) == 1 and (secret := shared.pop()) is not None:
            secret.resolve()


def settings(given: Options) -> dict[str, Any]:
    """What the user gave, as a journal keeps it: references and plain values, never a secret; paths from the root."""
    context = click.get_current_context()

    def said(name: str) -> bool:
        return context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT

    return {name: _plain(value) for name, value in given.items() if name not in _SETTINGS_OF_NOW and said(name)}


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value if str(value) == _STDIN else value.absolute())
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def resumed(kept: Mapping[str, Any], given: Options) -> Options:
    """The options *kept* of the run that goes on, with those that were given anew in their place."""
    context = click.get_current_context()
    merged = dict(given)
    paths = {param.name for param in context.command.params if isinstance(param.type, click.Path)}
    for name, value in kept.items():
        anew = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if name in merged and not anew:
            make = Path if name in paths else lambda plain: plain
            merged[name] = tuple(map(make, value)) if isinstance(value, list) else make(value)
    if str(merged["inventory"]) == _STDIN and given["inventory"] is None:
        raise InputError("the run's list of hosts came on stdin", hint="give it again with -i")
    return merged


def check(given: Options) -> None:
    """See that the options go together.

    Raises:
        InputError: they do not.
    """
    if given["scheduler"] and given["processes"]:
        raise InputError("--processes and --scheduler exclude each other", hint="choose one")
    if given["trace"] is not None and (given["processes"] or given["scheduler"]):
        raise InputError("a trace is written by this process", hint="leave --processes and --scheduler out")


def job(kind: Kind, given: Options) -> Job:
    notices = chosen.notices(given)
    token = _token(given)
    if token is not None and not given["scheduler"]:
        token.resolve()
    if kind in (Kind.ASSESS, Kind.POLL):
        intent = agent.Intent(anchor=chosen.anchor(given, notices), trustpoint=chosen.trustpoint_name(given))
    else:
        intent = replace(chosen.intent({**given, "register_token_file": None, "register_token_env": None}), token=None)
    return Job(kind, _reach(given), intent, token, notices)


def _token(given: Options) -> Reference | None:
    file, name = given.get("register_token_file"), given.get("register_token_env")
    if file is not None and name:
        raise InputError("the token is given in two ways", hint="one of --register-token-file and --register-token-env")
    return _reference(name, file)


def _reference(name: str | None, file: Path | None) -> Reference | None:
    if name:
        return Reference.parse(f"env:{name}")
    return Reference.parse(f"file:{file.absolute()}") if file is not None else None


def _reach(given: Options) -> Reach:
    """How routers are reached; what is the same for all is looked at once, before any connection."""
    password = _password(given)
    passphrase = _reference(given["key_passphrase_env"], None)
    for secret in filter(None, (password, passphrase)):
        if not given["scheduler"]:
            secret.resolve()
    keys, config = chosen.host_keys(given), given["ssh_config"]
    if config is not None and not given["scheduler"]:
        read_start(config, 1, hint="name an OpenSSH client configuration with --ssh-config")
    if given["jump"]:
        jump_host(given["jump"], keys, config)
    return Reach(
        port=given["port"],
        ssh_port=given["ssh_port"],
        username=given["username"] or None,
        password=password,
        key_file=chosen.key(given),
        key_passphrase=passphrase,
        host_keys=keys,
        jump=given["jump"],
        ssh_config=config,
        timeout=given["timeout"],
        open_timeout=given["open_timeout"],
        connect_wait=given["connect_wait"],
        ssh=not given["no_ssh"],
        strict_models=given["strict_models"],
    )


def _password(given: Options) -> Reference | None:
    name, file, ask = given["password_env"], given["password_file"], given["ask_password"]
    if sum((bool(name), file is not None, ask)) > 1:
        raise InputError(
            "the password is given in two ways", hint="one of --password-env, --password-file and --ask-password"
        )
    if not ask:
        return _reference(name, file)
    if given["processes"] or given["scheduler"]:
        raise InputError(
            "a password that is asked for stays in this process", hint="use --password-env or --password-file"
        )
    if not sys.stdin.isatty():
        raise InputError(
            "there is no terminal to ask for the password on", hint="use --password-env or --password-file"
        )
    secret = agent.Secret(
        click.prompt(f"Password for {given['username'] or getpass.getuser()}", hide_input=True, err=True)
    )
    return Reference.asked(secret)


def trace(given: Options, stack: ExitStack) -> TraceFile | None:
    """Where all messages are written down, if anywhere; *stack* closes it.

    Raises:
        InputError: the file cannot be used.
    """
    path: Path | None = given["trace"]
    if path is None:
        return None
    token = _token(given)
    made = TraceFile(path, () if token is None else (token.resolve(),))
    stack.callback(made.close)
    return made


Hire = Callable[[Hooks, RunLog], Crew]
"""Makes the crew of a run that has begun."""


def crew(given: Options, stack: ExitStack) -> Hire:
    """How the crew is made; a cluster is reached at once, and *stack* leaves it.

    Raises:
        InputError: as of :func:`agent.fleet.run.executors.cluster`.
    """
    rate, workers, count = Rate(given["rate"], given["rate_per_jump"]), given["workers"], given["processes"]
    if given["scheduler"]:
        made = cluster(given["scheduler"], workers, rate=rate)
        stack.callback(made.close)
        return lambda _hooks, _log: made
    if count:
        attach = partial(Journal.attach, given["journal"])
        return lambda _hooks, log: processes(count, workers, rate=rate, attach=partial(attach, log.run))
    return lambda hooks, _log: threads(workers, replace(hooks, limiter=Limiter(rate)))


def rollout(given: Options) -> Rollout:
    shares = {
        name: Share.parse(given[name]) for name in ("canary", "batch", "max_failures") if given.get(name) is not None
    }
    for name in ("canary", "batch"):
        if name in shares and not shares[name].amount:
            raise InputError(f"--{name} {given[name]} is no router", hint="write at least 1, or a percentage above 0")
    return Rollout(
        canary=shares.get("canary"),
        batch=shares.get("batch"),
        max_failures=shares.get("max_failures"),
        pause=given.get("pause") or 0.0,
        stop_at=stop_at(given["stop_at"], datetime.now().astimezone()) if given.get("stop_at") else None,
    )


def stop_at(text: str, now: datetime) -> datetime:
    """``HH:MM``: the next time that *now*'s clock shows it; else an ISO 8601 date and time, by default of its zone.

    Raises:
        InputError: it is neither, or past already.
    """
    try:
        when = datetime.fromisoformat(text if len(text) > 5 else f"{now:%Y-%m-%d}T{text}")
    except ValueError as error:
        raise InputError(f"--stop-at {text!r} is no time", hint="HH:MM, or 2026-11-28T02:00") from error
    when = when if when.tzinfo else when.replace(tzinfo=now.tzinfo)
    if len(text) <= 5 and when <= now:
        when += timedelta(days=1)
    if when <= now:
        raise InputError(f"--stop-at {text} is past already", hint="HH:MM, or 2026-11-28T02:00")
    return when
