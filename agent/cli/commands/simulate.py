"""``xr-agent simulate``: IOS XR-like devices on loopback, one or a fleet, until Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli import options
from agent.cli.options import FROM_ZERO, Decorator, choice, file, flag, option
from agent.cli.usage.given import refuse

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


@options.command("simulate", "Run simulated routers on this machine.", "it was ended by Ctrl-C")
@options.group(
    "A device",
    option("--release", f"The IOS XR release whose models it has [default: {_RELEASE}]."),
    option("--platform", "Exactly what this platform announced [default: all of the release's].", metavar="NAME"),
    option("--port", "NETCONF listens here [default: a free port].", type=_PORT, metavar="PORT"),
    option("--ssh-port", "CLI and SFTP listen here [default: a free port].", type=_PORT, metavar="PORT"),
    flag("--no-ssh", "Nothing listens for the CLI and SFTP."),
    file("--known-hosts", "Write its host key here; other hosts in FILE are kept."),
    choice(
        "--terminal-rpc",
        "What ca-authenticate does with terminal enrollment; no source says what routers do, 'installs' is assumed "
        "(H1).",
        *("installs", "refused", "ok-without-certificate"),
        default="ok-without-certificate",
    ),
    file("--holds", "Its trustpoint Trustpool has enrollment terminal and holds this certificate.", metavar="FILE.pem"),
    file(
        "--server-root",
        "The root that the licensing servers' certificates chain to [default: IdenTrust Commercial Root CA 1].",
        metavar="FILE.pem",
    ),
)
@options.group(
    "How slow it is",
    option(
        "--hello-size", "Announce modules until the hello is so long.", type=click.IntRange(1, 10_000), metavar="KB"
    ),
    flag("--pad-hello", f"Announce as many modules as a real router: --hello-size {_REAL}."),
    _takes("login", "that a login takes"),
    _takes("commit", "that a commit takes, by NETCONF and at the CLI"),
    _takes("authenticate", "that ca-authenticate takes, by NETCONF and at the CLI"),
    _takes("contact", "from a renewal to the contact with the licensing server"),
    option("--latency", "Answer as from afar: round-trip time in milliseconds.", type=FROM_ZERO, metavar="MS"),
)
@options.group(
    "A recording in its place",
    file("--recording", "Serve what this recording says of a router, as it said it, in place of a simulated one."),
    flag("--recorded-timing", "Let each answer of the recording take as long as it took then, not come at once."),
)
@options.group(
    "A fleet",
    option(
        "--fleet",
        "Serve N devices: of many kinds, or with --release all alike; needs --write.",
        type=click.IntRange(1),
        metavar="N",
    ),
    file("--write folder", "Write the fleet's inventory, known_hosts and password file here.", metavar="FOLDER"),
    file(
        "--counters",
        "Write what was written to each device of the fleet here, as JSON: at the end and on SIGUSR1.",
    ),
)
@options.logging
def command(
    release: str | None,
    platform: str | None,
    port: int | None,
    ssh_port: int | None,
    known_hosts: Path | None,
    **given: Any,
) -> None:
    """Run simulated devices on 127.0.0.1 until Ctrl-C; for tries and tests, no routers.

    Their login is a public constant and good for nothing else.

    TIME is SECONDS, uniform:LOW-HIGH or lognormal:MEDIAN-P95 (median and 95th percentile). What is drawn is the same
    in each run for the same device.
    """
    port, ssh_port = port or 0, ssh_port or 0
    if given["recording"] is not None:
        _only_replay()
        _serve_recording(given["recording"], port, ssh_port, known_hosts, recorded_timing=given["recorded_timing"])
        return
    _refuse({"--recorded-timing": given["recorded_timing"]}, "goes with --recording FILE")
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
        round_trip=(given["latency"] or 0.0) / 1000,
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


def _only_replay() -> None:
    """See that nothing is said of a simulated router, since a recording says all of that."""
    own = ("recording", "recorded_timing", "port", "ssh_port", "known_hosts", "verbose", "quiet", "log_json", "debug")
    names = (one.name or "" for one in click.get_current_context().command.params)
    refuse(tuple(name for name in names if name not in own), "is of a simulated router, not of a recording")


def _serve_recording(path: Path, port: int, ssh_port: int, known_hosts: Path | None, *, recorded_timing: bool) -> None:
    from agent.cli import replayed
    from agent.cli.simulated import VARIABLE, explain
    from agent.cli.view.streams import say_failure, say_warning

    recording = replayed.opened(path)
    serving = replayed.served(
        recording, recorded_timing=recorded_timing, told=say_failure, port=port, ssh_port=ssh_port
    )
    with serving as server:
        for note in server.notes:
            say_warning(f"SSH without {note}, which the recorded server offered")
        _record(known_hosts, server.known_hosts())
        trust = f"--known-hosts {known_hosts}" if known_hosts else f"--host-key '{server.netconf.public_key}'"
        login = f"--username {server.username} --password-env {VARIABLE}"
        explain(
            server,
            [
                f"recording {path}, no router: {replayed.name(recording)}, NETCONF on 127.0.0.1 port {server.port}",
                f"its CLI and SFTP on port {server.ssh_port}",
            ],
            [f"host key {entry}" for entry in server.known_hosts().splitlines()],
            [f"xr-agent assess 127.0.0.1 --port {server.port} --ssh-port {server.ssh_port} {login} {trust}"],
        )
        _until_interrupted()


def _record(known_hosts: Path | None, entries: str) -> None:
    from agent.cli.simulated import record

    if known_hosts is not None:
        for entry in entries.splitlines():
            record(known_hosts, entry)


def _until_interrupted() -> None:
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


def _serve_one(persona: Persona, port: int, ssh_port: int, known_hosts: Path | None) -> None:
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
        _record(known_hosts, device.known_hosts())
        _explain(simulator, device, known_hosts)
        _until_interrupted()


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
