"""``xr-agent simulate``: IOS XR-like devices on loopback, one or a fleet, until Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from agent.simulator import Device, Persona, Simulator

_RELEASE = "7.3.2"


@click.command("simulate")
@click.option("--release", help=f"The IOS XR release whose models it has [default: {_RELEASE}].")
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
@click.option("--no-ssh", is_flag=True, help="Nothing listens for the CLI and SFTP.")
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
    "--latency",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="MS",
    help="Answer as from afar: round-trip time in milliseconds.",
)
@click.option(
    "--known-hosts",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write its host key here; other hosts in FILE are kept.",
)
@click.option(
    "--fleet",
    type=click.IntRange(1),
    metavar="N",
    help="Serve N devices: of many kinds, or with --release all alike; needs --write.",
)
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write the fleet's inventory, known_hosts and password file here.",
)
@click.option(
    "--counters",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what was written to each device of the fleet here, as JSON: at the end and on SIGUSR1.",
)
def command(
    release: str | None, platform: str | None, port: int, ssh_port: int, known_hosts: Path | None, **options: Any
) -> None:
    """Run simulated devices on 127.0.0.1 until Ctrl-C; for tries and tests, no routers.

    Their login is a public constant and good for nothing else.
    """
    from agent.simulator import Persona

    # click checked the choice.
    persona = Persona(
        release=release or _RELEASE,
        platform=platform,
        ssh=not options["no_ssh"],
        terminal_rpc=options["terminal_rpc"],
        pad_hello=_REAL if options["pad_hello"] else 0,
        round_trip=options["latency"] / 1000,
    )
    if options["fleet"] is None:
        _single("--write", options["folder"])
        _single("--counters", options["counters"])
        _serve_one(persona, port, ssh_port, known_hosts)
        return
    from agent.cli.simulated import serve_fleet

    for option, given in (("--port", port), ("--ssh-port", ssh_port), ("--known-hosts", known_hosts)):
        if given:
            raise click.UsageError(f"{option} is of one device, not of a fleet")
    if options["folder"] is None:
        raise click.UsageError("--fleet needs --write FOLDER, where its inventory goes")
    uniform = release is not None or platform is not None
    serve_fleet(options["fleet"], persona, options["folder"], uniform=uniform, counters=options["counters"])


_REAL = 1000
"""Capabilities that a hello is padded to; real ones have up to about 1,100."""


def _single(option: str, given: object) -> None:
    if given is not None:
        raise click.UsageError(f"{option} is of a fleet: give --fleet N as well")


def _serve_one(persona: Persona, port: int, ssh_port: int, known_hosts: Path | None) -> None:
    from agent.cli.simulated import record
    from agent.simulator import Simulator

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


def _add(simulator: Simulator, persona: Persona, port: int, ssh_port: int) -> Device:
    from agent.model.errors import InputError

    try:
        return simulator.add(persona, name=persona.release, port=port, ssh_port=ssh_port)
    except OSError as error:
        raise InputError(
            f"port {port or ssh_port} cannot be used: {error.strerror or error}", hint="leave --port and --ssh-port out"
        ) from error


def _what(device: Device) -> str:
    """Release and platform."""
    return " ".join(one for one in (device.persona.release, device.persona.platform) if one)


def _explain(simulator: Simulator, device: Device, known_hosts: Path | None) -> None:
    """How to reach it, on stdout; flushed, since a script may wait for it."""
    from agent.cli.simulated import VARIABLE

    trust = f"--known-hosts {known_hosts}" if known_hosts else f"--host-key '{' '.join(device.host_key.split()[1:3])}'"
    login = f"--username {simulator.username} --password-env {VARIABLE}"
    cli = [f"its CLI and SFTP on port {device.ssh_port}"] if device.ssh_port else []
    way = f"--ssh-port {device.ssh_port}" if device.ssh_port else "--no-ssh"
    for line in (
        f"simulated IOS XR {_what(device)}, no router: NETCONF on 127.0.0.1 port {device.port}",
        *cli,
        f"user {simulator.username}, password {simulator.password}: a public constant of the simulator",
        *(f"host key {entry}" for entry in device.known_hosts().splitlines()),
        "",
        f"export {VARIABLE}={simulator.password}",
        f"xr-agent assess 127.0.0.1 --port {device.port} {way} {login} {trust}",
        "",
        "Ctrl-C ends it.",
    ):
        click.echo(line)
