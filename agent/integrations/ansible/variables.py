"""A router as Ansible's usual variables and a task's options describe it, read before anything is reached.

No message quotes the value of a variable but a host: what stands at a wrong place may be a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agent.fleet.inventory.entry import NETCONF_PORT, BadValue, Layer, parsed, target_of
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach, Target
from agent.integrations.ansible.sshargs import lines_of, written
from agent.model.device import Device, HostKeys, Secret
from agent.model.errors import InputError
from agent.ssh.settings.config import settings
from agent.ssh.settings.lookup import Options as SshOptions

Said = Mapping[str, Any]
"""Values by the names of variables, and of keywords such as ``remote_user``; None and what is left out say nothing."""

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "host": ("ansible_ssh_host", "ansible_host"),
        "port": ("ansible_ssh_port", "ansible_port"),
        "username": ("ansible_ssh_user", "ansible_user", "remote_user"),
        "password": (
            *("ansible_ssh_pass", "ansible_password"),
            # ansible.netcommon.netconf documents these, and logs in with the ones before them alone.
            *("ansible_netconf_password", "ansible_ssh_password"),
            "conn_pass",
        ),
        "key_file": ("ansible_ssh_private_key_file", "ansible_private_key_file", "private_key_file"),
        "key_passphrase": ("ansible_ssh_private_key_passphrase", "ansible_private_key_passphrase"),
    }
)
"""Fields of a router, each with the variables and keywords that say it; the first one that is said counts."""
_COMMANDS = ("ansible_netconf_proxy_command", "ansible_libssh_proxy_command", "ansible_paramiko_proxy_command")
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args", "ssh_common_args")
_CONNECTION = ("ansible_connection", "connection")
_SYSTEM = "ansible_network_os"
_KEY_ITSELF = ("ansible_ssh_private_key", "ansible_private_key")

VARIABLES = tuple(
    name
    for names in (*FIELDS.values(), _COMMANDS, _ARGUMENTS, _CONNECTION, (_SYSTEM,), _KEY_ITSELF)
    for name in names
    if name.startswith("ansible_")
)
"""The variables that are looked at."""

_SSH_PORT = 22
_BY_CLI = frozenset(("network_cli", "libssh", "paramiko", "paramiko_ssh"))
_OURS = ("port", "ssh_port", "jump", "login_timeout", "legacy_ssh")
_OF_REACH = ("timeout", "open_timeout", "connect_wait", "ssh", "strict_models")


def router(name: str, said: Said, options: Mapping[str, Any], folder: Path) -> tuple[Target, Reach]:
    """The router that the inventory calls *name*, and how it is reached; *folder*, the task's own, is for a file that
    says so.

    Raises:
        InputError: a variable or an option is missing or cannot be used; the error names the router.
    """
    try:
        _see_system(said)
        _see_key(said)
        target = _target(name, said, options)
        named = options.get("ssh_config")
        config = written(target.host, _way(said), Path(named) if named else None, folder)
        made = Reach(ssh_config=config, host_keys=_host_keys(options), **given(options, _OF_REACH))
        _see_login(target.device(made), config)
    except InputError as error:
        error.device = name
        raise
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror or error}", device=name) from error
    return target, made


def _see_system(said: Said) -> None:
    system = str(said.get(_SYSTEM) or "iosxr")
    if system.rpartition(".")[2] != "iosxr":
        hint = "leave the host out, or mend the variable: cisco.iosxr.iosxr"
        raise InputError(f"this is no IOS XR router by {_SYSTEM}", hint=hint)


def _see_key(said: Said) -> None:
    name = next((name for name in _KEY_ITSELF if said.get(name)), None)
    if name is not None:
        hint = "put it into a file that only you can read, and name that with ansible_ssh_private_key_file"
        raise InputError(f"the variable {name} has a private key itself, which is not taken", hint=hint)


def _target(name: str, said: Said, options: Mapping[str, Any]) -> Target:
    chosen = {field: variable for field in FIELDS if (variable := _variable(field, said)) is not None}
    if (port := chosen.pop("port", None)) is not None:
        chosen[_meaning(port, said, options)] = port
    secret: dict[str, Any] = {
        field: _secret(chosen.pop(field), said) for field in ("password", "key_passphrase") if field in chosen
    }
    own = {option: options.get(option) for option in _OURS}
    try:
        layer = parsed(said, {variable: field for field, variable in chosen.items()}, Path.cwd())
        made = target_of({**layer, **_spoken(own)}, name, (), {})
    except BadValue as error:
        what = error.path[-1] if error.path else "name of the host"
        raise InputError(f"the variable {what}: {error.message}", hint=error.hint) from error
    return replace(made, **secret)


def _spoken(own: Mapping[str, Any]) -> Layer:
    """The options that were given, read as an inventory of ours reads them."""
    try:
        return parsed(own, {option: option for option in own}, Path.cwd())
    except BadValue as error:
        raise InputError(f"the option {error.path[-1]}: {error.message}", hint=error.hint) from error


def _variable(field: str, said: Said) -> str | None:
    """The name of the variable that says *field*.

    Raises:
        InputError: it is there and has no value.
    """
    name = next((name for name in FIELDS[field] if said.get(name) is not None), None)
    if name is not None and said[name] == "":
        raise InputError(f"the variable {name} is empty", hint="give it a value, or leave it out")
    return name


def _secret(variable: str, said: Said) -> Reference:
    value = said[variable]
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(f"the variable {variable} is no text", hint="put it in quotes")
    return Reference.asked(Secret(str(value)))


def _meaning(variable: str, said: Said, options: Mapping[str, Any]) -> str:
    """Whether the port is that of NETCONF or that of the CLI: the field it is.

    It goes by the connection; one that is neither's says nothing, so 830 is NETCONF's, 22 the CLI's, and any other the
    one for which no option is given.

    Raises:
        InputError: that cannot be told.
    """
    connection = str(next(filter(None, map(said.get, _CONNECTION)), "")).rpartition(".")[2]
    value = str(said[variable])
    if connection == "netconf" or value == str(NETCONF_PORT):
        return "port"
    if connection in _BY_CLI or value == str(_SSH_PORT) or options.get("port") is not None:
        return "ssh_port"
    if options.get("ssh_port") is not None:
        return "port"
    raise InputError(
        f"the variable {variable} may be the port of NETCONF or that of the CLI",
        hint="set ansible_connection to ansible.netcommon.netconf or ansible.netcommon.network_cli, or give the "
        "options port (NETCONF) and ssh_port (the CLI)",
    )


def _way(said: Said) -> Iterator[str]:
    for name in _ARGUMENTS:
        if said.get(name):
            yield from lines_of(name, str(said[name]))
    for name in _COMMANDS:
        if said.get(name):
            if "\n" in str(said[name]):
                raise InputError(f"the variable {name} has a line break")
            yield f"ProxyCommand {said[name]}"


def _host_keys(options: Mapping[str, Any]) -> HostKeys:
    pinned, accept = options.get("host_key"), bool(options.get("accept_new_host_keys"))
    if pinned and accept:
        raise InputError("the options host_key and accept_new_host_keys exclude each other", hint="choose one")
    known = options.get("known_hosts")
    return HostKeys(known_hosts=Path(known) if known else None, pinned=pinned or None, accept_new=accept)


def given(options: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Those of *names* that the options have a value for; for the others the library has its own."""
    return {name: options[name] for name in names if options.get(name) is not None}


def _see_login(device: Device, config: Path | None) -> None:
    """See that there is a user, and something to log in with, before it is tried.

    Raises:
        InputError: there is none.
    """
    if device.username is None and SshOptions(device.host, config, port=device.port).one("user") is None:
        raise InputError("no user is given", hint="set the variable ansible_user, or remote_user")
    known = settings(device)
    keys = (*known.key_files, *known.default_key_files)
    missing = [path for path in keys if not path.is_file()]
    if device.key_file is not None and missing:
        raise InputError(f"{missing[0]}: there is no such key file", hint="mend ansible_ssh_private_key_file")
    if device.password is None and known.agent_path is None and len(missing) == len(keys):
        raise InputError(
            "there is nothing to log in with: no password, no private key and no ssh-agent",
            hint="set the variable ansible_password or ansible_ssh_private_key_file",
        )
