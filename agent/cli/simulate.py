"""``xr-agent simulate``: one IOS XR-like device on loopback, until Ctrl-C."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from agent.simulator import Device, Simulator

_VARIABLE = "XR_SIMULATED_PASSWORD"


@click.command("simulate")
@click.option("--release", default="7.3.2", show_default=True, help="The IOS XR release whose models it has.")
@click.option(
    "--platform", metavar="NAME", help="Exactly what this platform announced [default: all of the release's]."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="NETCONF listens here [default: a free port].",
)
@click.option(
    "--ssh-port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="CLI and SFTP listen here [default: a free port].",
)
@click.option(
    "--terminal-rpc",
    type=click.Choice(("installs", "refused", "ok-without-certificate")),
    default="ok-without-certificate",
    show_default=True,
    help="What ca-authenticate does with terminal enrollment; no source says what a router does, "
    "'installs' is assumed.",
)
@click.option("--pad-hello", is_flag=True, help="Announce as many modules as a real router.")
@click.option(
    "--known-hosts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write its host key here; other hosts in FILE are kept.",
)
def command(
    release: str,
    platform: str | None,
    port: int,
    ssh_port: int,
    terminal_rpc: str,
    pad_hello: bool,
    known_hosts: Path | None,
) -> None:
    """Run one simulated device on 127.0.0.1 until Ctrl-C; for tries and tests, not a router.

    Its login is a public constant and good for nothing else.
    """
    import signal

    from agent.simulator import Persona, Simulator

    # click checked the choice.
    persona = Persona(
        release=release,
        platform=platform,
        terminal_rpc=terminal_rpc,  # type: ignore[arg-type] # click checked it
        pad_hello=_REAL if pad_hello else 0,
    )
    with Simulator() as simulator:
        device = _add(simulator, persona, port, ssh_port)
        if known_hosts is not None:
            for entry in device.known_hosts().splitlines():
                record(known_hosts, entry)
        _explain(simulator, device, known_hosts)
        try:
            while True:
                signal.pause()
        except KeyboardInterrupt:
            click.echo("stopped", err=True)


_REAL = 1000
"""Capabilities that a hello is padded to; real ones have up to about 1,100."""


def _add(simulator: Simulator, persona: Any, port: int, ssh_port: int) -> Device:
    from agent.model.errors import InputError

    try:
        return simulator.add(persona, name=persona.release, port=port, ssh_port=ssh_port)
    except OSError as error:
        raise InputError(
            f"port {port or ssh_port} cannot be used: {error.strerror or error}", hint="leave --port and --ssh-port out"
        ) from error


def record(path: Path, entry: str) -> None:
    """Put the known_hosts line *entry* into *path*, in place of an older one for the same host and port.

    Raises:
        InputError: the file cannot be read or written.
    """
    from agent.model.errors import InputError

    host = entry.split()[0]
    try:
        old = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line for line in old if line.split(maxsplit=1)[:1] != [host]]
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.write_text("\n".join([*kept, entry, ""]), encoding="utf-8")
        fresh.chmod(0o600)
        fresh.replace(path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}", hint="name a writable file with --known-hosts") from error


def _what(device: Device) -> str:
    """Release and platform."""
    return " ".join(one for one in (device.persona.release, device.persona.platform) if one)


def _explain(simulator: Simulator, device: Device, known_hosts: Path | None) -> None:
    """How to reach it, on stdout; flushed, since a script may wait for it."""
    trust = f"--known-hosts {known_hosts}" if known_hosts else f"--host-key '{' '.join(device.host_key.split()[1:3])}'"
    login = f"--username {simulator.username} --password-env {_VARIABLE}"
    for line in (
        f"simulated IOS XR {_what(device)}, no router: NETCONF on 127.0.0.1 port {device.port}",
        f"its CLI and SFTP on port {device.ssh_port}",
        f"user {simulator.username}, password {simulator.password}: a public constant of the simulator",
        *(f"host key {entry}" for entry in device.known_hosts().splitlines()),
        "",
        f"export {_VARIABLE}={simulator.password}",
        f"xr-agent assess 127.0.0.1 --port {device.port} --ssh-port {device.ssh_port} {login} {trust}",
        "",
        "Ctrl-C ends it.",
    ):
        click.echo(line)
