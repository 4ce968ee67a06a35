"""``xr-agent simulate --fleet``: the devices, the files that name them, and the account of what was written to them."""

from __future__ import annotations

import json
import os
import queue
import resource
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from agent.model.errors import InputError
from agent.simulator import Device, Member, Persona, Replay, Simulator, alike, kinds, mix

VARIABLE = "XR_SIMULATED_PASSWORD"
_MARK = "# Simulated devices, written by xr-agent simulate --fleet.\n"
_CLOSED = 1
"""The CLI's port of a device without one: nothing answers there, as it might on 22."""
_SPARE = 512
"""File descriptors for connections and for everything else."""


def serve_fleet(number: int, persona: Persona, folder: Path, *, uniform: bool, counters: Path | None) -> None:
    """Serve *number* devices until Ctrl-C: all of *persona*, or of many kinds that are otherwise as it is.

    Raises:
        InputError: too few file descriptors or free ports, or *folder* or *counters* cannot be written.
    """
    fleet = alike(number, persona) if uniform else mix(number, persona)
    _allow_files(sum(1 + one.persona.ssh for one in fleet) + _SPARE)
    with Simulator() as simulator:
        try:
            devices = simulator.add_all((one.name, one.persona) for one in fleet)
        except OSError as error:
            raise InputError(
                f"{number} devices cannot be served: {error.strerror or error}",
                hint="ask for fewer, or give --no-ssh for one port each in place of two",
            ) from error
        write_inventory(folder, fleet, devices, simulator)
        account = _Account(simulator, fleet, counters)
        account.write()
        with _asked() as asked:
            _explain(fleet, folder, simulator, counters)
            try:
                while True:
                    asked.get()
                    account.write()
            except KeyboardInterrupt:
                account.write()
                click.echo("stopped", err=True)


def _allow_files(needed: int) -> None:
    """Have as many file descriptors as *needed*, up to the limit that the system sets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= needed:
        return
    if hard != unlimited and hard < needed:
        raise InputError(
            f"{needed} file descriptors are needed, and the system allows {hard}",
            hint="ask for fewer devices, give --no-ssh for one port each in place of two, or raise the limit "
            "(ulimit -Hn)",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class _Account:
    """Writes what was written to each device, as often as it is asked; nowhere without a path."""

    def __init__(self, simulator: Simulator, fleet: Sequence[Member], path: Path | None) -> None:
        self._simulator, self._path = simulator, path
        self._kinds = {one.name: one.kind for one in fleet}
        self._written = 0

    def write(self) -> None:
        """Replace the file, whole at every moment; ``written`` in it counts how often that was done.

        Raises:
            InputError: it cannot be written.
        """
        if self._path is None:
            return
        self._written += 1
        devices = {name: {"kind": self._kinds[name], **one} for name, one in self._simulator.ledgers().items()}
        try:
            put(self._path, json.dumps({"written": self._written, "devices": devices}) + "\n")
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror}", hint="name a writable file with --counters") from error


@contextmanager
def _asked() -> Iterator[queue.SimpleQueue[int]]:
    """Every SIGUSR1 that comes while the block lasts."""
    # Its put may be called by a signal handler that interrupts its own get.
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()
    before = signal.signal(signal.SIGUSR1, lambda number, _: asked.put(number))
    try:
        yield asked
    finally:
        signal.signal(signal.SIGUSR1, before)


def write_inventory(folder: Path, fleet: Sequence[Member], devices: Sequence[Device], simulator: Simulator) -> None:
    """Nornir's SimpleInventory in three files, one host a line (JSON is YAML), and known_hosts and password beside it.

    Raises:
        InputError: the folder cannot be written, or holds an inventory of somebody else's.
    """
    groups = {group: {"data": data} for one in fleet for group, data in _groups(one).items()}
    defaults = {"platform": "cisco_iosxr", "username": simulator.username}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        hosts = folder / "hosts.yaml"
        if hosts.exists() and not hosts.read_text(encoding="utf-8").startswith(_MARK):
            raise InputError(
                f"{hosts} is there already, and simulate did not write it", hint="name another folder with --write"
            )
        put(folder / "known_hosts", "".join(device.known_hosts() for device in devices))
        put(folder / "password", f"{simulator.password}\n")
        put(folder / "groups.yaml", _lines(groups))
        put(folder / "defaults.yaml", _lines(defaults))
        put(hosts, _lines({one.name: _host(one, at) for one, at in zip(fleet, devices, strict=True)}))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{folder}: {error}", hint="name a folder of your own with --write") from error


def _lines(entries: Mapping[str, object]) -> str:
    return _MARK + "".join(f"{json.dumps(name)}: {json.dumps(entry)}\n" for name, entry in entries.items())


def _groups(member: Member) -> dict[str, dict[str, str]]:
    """The groups a device is in: its release line and its kind."""
    line = ".".join(member.persona.release.split(".")[:2])
    return {f"xr-{line}": {"line": line}, member.kind: {"kind": member.kind}}


def _host(member: Member, device: Device) -> object:
    return {
        "hostname": "127.0.0.1",
        "groups": list(_groups(member)),
        "data": {
            "release": member.persona.release,
            "kind": member.kind,
            "xr_agent": {
                "netconf_port": device.port,
                "ssh_port": device.ssh_port or _CLOSED,
                "password": f"env:{VARIABLE}",
            },
        },
    }


def _explain(fleet: Sequence[Member], folder: Path, simulator: Simulator, counters: Path | None) -> None:
    about = {kind.name: kind.about for kind in kinds()}
    release, afar = fleet[0].persona.release, fleet[0].persona.round_trip * 1000
    away = f", {afar:g} ms away" if afar else ""
    hosts, known_hosts, password = (folder / name for name in ("hosts.yaml", "known_hosts", "password"))
    no_ssh = not any(one.persona.ssh for one in fleet)
    reach = f"-i {folder} --known-hosts {known_hosts}" + (" --no-ssh" if no_ssh else "")
    sorts = Counter(one.kind for one in fleet).most_common()
    explain(
        simulator,
        [
            f"simulated IOS XR, no routers: {len(fleet)} devices on 127.0.0.1{away}",
            *(f"{number:7} {kind:12} {about.get(kind, f'of release {release}')}" for kind, number in sorts),
            f"inventory {hosts}, host keys {known_hosts}, password file {password}",
        ],
        [f"what was written to each: {counters}, at the end and on SIGUSR1"] if counters else [],
        [f"xr-agent assess {reach}", f"xr-agent push {reach} --yes"],
    )


def explain(simulator: Simulator | Replay, what: Sequence[str], more: Sequence[str], commands: Sequence[str]) -> None:
    """What there is and how to reach it, on stdout; flushed, since a script may wait for it."""
    login = f"user {simulator.username}, password {simulator.password}: a public constant of the simulator"
    export = f"export {VARIABLE}={simulator.password}"
    for line in (*what, login, *more, "", export, *commands, "", "Ctrl-C ends it."):
        click.echo(line)


def record(path: Path, entry: str) -> None:
    """Put the known_hosts line *entry* into *path*, in place of an older one for the same host and port.

    Raises:
        InputError: the file cannot be read or written.
    """
    host = entry.split()[0]
    try:
        old = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line for line in old if line.split(maxsplit=1)[:1] != [host]]
        put(path, "\n".join([*kept, entry, ""]))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}", hint="name a writable file with --known-hosts") from error


def put(path: Path, text: str) -> None:
    """Make *text* the content of *path*, which only its owner may read, whole at every moment.

    Raises:
        OSError: it cannot be written.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
