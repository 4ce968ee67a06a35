"""``xr-agent simulate``: IOS XR-like devices on loopback, one or a fleet, until Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.options import FROM_ZERO, Decorator, choice, file, flag, option

if TYPE_CHECKING:
    from agent.simulator import Device, Persona, ServiceTime, Simulator

_RELEASE = "7.3.2"
_PORT = click.IntRange(0, 65535)
_REAL = 120
"""The kilobytes of a usual hello; real ones have 50 to 180."""


def _parsed(_: click.Context, __: click.Parameter, given: str) -> ServiceTime:
    from agent.model.errors import InputError
    from agent.simulator import ServiceTime

    try:
        return ServiceTime.parse(given)
    except InputError as error:
        raise click.BadParameter(error.message) from error


def _takes(what: str, said: str) -> Decorator:
    return option(f"--{what}-time", f"Seconds {said}.", callback=_parsed, default="0", metavar="TIME")


@click.command("simulate")
@option("--release", f"The IOS XR release whose models it has [default: {_RELEASE}].")
@option("--platform", "Exactly what this platform announced [default: all of the release's].", metavar="NAME")
@click.option("--port", type=_PORT, default=0, metavar="PORT", help="NETCONF listens here [default: a free port].")
@click.option(
    "--ssh-port", type=_PORT, default=0, metavar="PORT", help="CLI and SFTP listen here [default: a free port]."
)
@flag("--no-ssh", "Nothing listens for the CLI and SFTP.")
@choice(
    "--terminal-rpc",
    "What ca-authenticate does with terminal enrollment; no source says what a router does, 'installs' is assumed.",
    *("installs", "refused", "ok-without-certificate"),
    default="ok-without-certificate",
)
@file("--holds", "Its trustpoint Trustpool has enrollment terminal and holds this certificate.", metavar="FILE.pem")
@file(
    "--server-root",
    "The root that the licensing servers' certificates chain to [default: IdenTrust Commercial Root CA 1].",
    metavar="FILE.pem",
)
@click.option(
    "--hello-size", type=click.IntRange(1, 10_000), metavar="KB", help="Announce modules until the hello is so long."
)
@flag("--pad-hello", f"Announce as many modules as a real router: --hello-size {_REAL}.")
@_takes("login", "that a login takes")
@_takes("commit", "that a commit takes, by NETCONF and at the CLI")
@_takes("authenticate", "that ca-authenticate takes, by NETCONF and at the CLI")
@_takes("contact", "from a renewal to the contact with the licensing server")
@click.option(
    "--latency", type=FROM_ZERO, default=0.0, metavar="MS", help="Answer as from afar: round-trip time in milliseconds."
)
@file("--known-hosts", "Write its host key here; other hosts in FILE are kept.")
@option(
    "--fleet",
    "Serve N devices: of many kinds, or with --release all alike; needs --write.",
    type=click.IntRange(1),
    metavar="N",
)
@file("--write folder", "Write the fleet's inventory, known_hosts and password file here.", metavar="FOLDER")
@file(
    "--counters",
    "Write what was written to each device of the fleet here, as JSON: at the end and on SIGUSR1.",
)
def command(
    release: str | None, platform: str | None, port: int, ssh_port: int, known_hosts: Path | None, **given: Any
) -> None:
    """Run simulated devices on 127.0.0.1 until Ctrl-C; for tries and tests, no routers.

    Their login is a public constant and good for nothing else.

    TIME is SECONDS, uniform:LOW-HIGH or lognormal:MEDIAN-P95 (median and 95th percentile). What is drawn is the same
    in each run for the same device.
    """
    from agent.model.pki.anchor import TrustAnchor
    from agent.simulator import Persona, ServiceTimes

    times = {what: given[f"{what}_time"] for what in ("commit", "authenticate", "login", "contact")}
    holds, root = _pem(given["holds"]), _pem(given["server_root"]) or TrustAnchor.bundled().pem
    # click checked the choice.
    persona = Persona(
        release=release or _RELEASE,
        platform=platform,
        ssh=not given["no_ssh"],
        terminal_rpc=given["terminal_rpc"],
        hello_size=(given["hello_size"] or (_REAL if given["pad_hello"] else 0)) * 1000,
        round_trip=given["latency"] / 1000,
        takes=ServiceTimes(**times),
        enrollment="terminal" if holds else None,
        certificate=holds,
        server_root=root,
        installs=root,
    )
    folder, counters = given["folder"], given["counters"]
    if given["fleet"] is None:
        _refuse({"--write": folder, "--counters": counters}, "is of a fleet: give --fleet N as well")
        _serve_one(persona, port, ssh_port, known_hosts)
        return
    from agent.cli.simulated import serve_fleet

    _refuse({"--port": port, "--ssh-port": ssh_port, "--known-hosts": known_hosts}, "is of one device, not of a fleet")
    if folder is None:
        raise click.UsageError("--fleet needs --write FOLDER, where its inventory goes")
    uniform = release is not None or platform is not None
    serve_fleet(given["fleet"], persona, folder, uniform=uniform, counters=counters)


def _pem(path: Path | None) -> str | None:
    from agent.model.pki.anchor import TrustAnchor

    return TrustAnchor.from_file(path).pem if path else None


def _refuse(given: dict[str, object], why: str) -> None:
    for name, value in given.items():
        if value:
            raise click.UsageError(f"{name} {why}")


def _serve_one(persona: Persona, port: int, ssh_port: int, known_hosts: Path | None) -> None:
    from agent.cli.simulated import record
    from agent.model.errors import InputError
    from agent.simulator import Simulator

    with Simulator() as simulator:
        try:
            device = simulator.add(persona, name=persona.release, port=port, ssh_port=ssh_port)
        except OSError as error:
            raise InputError(
                f"port {port or ssh_port} cannot be used: {error.strerror or error}",
                hint="leave --port and --ssh-port out",
            ) from error
        if known_hosts is not None:
            for entry in device.known_hosts().splitlines():
                record(known_hosts, entry)
        _explain(simulator, device, known_hosts)
        try:
            while True:
                signal.pause()
        except KeyboardInterrupt:
            click.echo("stopped", err=True)


def _explain(simulator: Simulator, device: Device, known_hosts: Path | None) -> None:
    from agent.cli.simulated import VARIABLE, explain

    trust = f"--known-hosts {known_hosts}" if known_hosts else f"--host-key '{' '.join(device.host_key.split()[1:3])}'"
    login = f"--username {simulator.username} --password-env {VARIABLE}"
    way = f"--ssh-port {device.ssh_port}" if device.ssh_port else "--no-ssh"
    cli = [f"its CLI and SFTP on port {device.ssh_port}"] if device.ssh_port else []
    what = " ".join(filter(None, (device.persona.release, device.persona.platform)))
    explain(
        simulator,
        [f"simulated IOS XR {what}, no router: NETCONF on 127.0.0.1 port {device.port}", *cli],
        [f"host key {entry}" for entry in device.known_hosts().splitlines()],
        [f"xr-agent assess 127.0.0.1 --port {device.port} {way} {login} {trust}"],
    )
