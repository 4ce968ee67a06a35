"""The demo: the real commands, one after the other, on an inventory of simulated routers, one of each kind."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import click
from rich.text import Text

from agent.cli.replayed import environment
from agent.cli.simulated import VARIABLE, write_inventory
from agent.cli.stdio.quiet import quiet
from agent.cli.view.output import emit_all
from agent.cli.view.render import cell, columns, word
from agent.cli.view.streams import console
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import DeviceRecord
from agent.fleet.results.structs import Push
from agent.model.method import Method
from agent.model.outcome import Status
from agent.model.pki.anchor import TrustAnchor
from agent.simulator import Fault, FaultKind, Member, Persona, Simulator, kinds, mix, rpc_error

ENDS = {
    "affected": ("affected", "remedied"),
    "remedied": ("remedied", "unchanged"),
    "shipped": ("remedied", "remedied"),
    "on-prem": ("not-affected", "remedied"),
    "policy": ("remedied", "remedied"),
    "dialog": ("affected", "remedied"),
    "console": ("affected", "remedied"),
    "wrong-root": ("affected", "failed: anchor-mismatch"),
    "no-way": ("affected", "failed: rpc-error"),
    "unreachable": ("unknown", "failed: connect"),
}
"""By kind: the verdict, and how the push ends, with the kind of its error."""
_BUSY = rpc_error("in-use", "A trial commit is underway")
_HELD = rpc_error("lock-denied", info="<session-id>7</session-id>")
_TROUBLES = (
    ("", None),
    ("; somebody holds the lock for a while", Fault("lock", FaultKind.ERROR, _HELD)),
    ("; the first commit is refused in passing", Fault("commit", FaultKind.ERROR, _BUSY)),
)
"""What befalls the routers of the first kind, of which there is one for each."""
_ALL = ("--canary", "1", "--max-failures", "none")
"""One first, then all of them: what fails here is meant to."""
_WATCH = ("--until", "contacted", "--interval", "0.5", "--timeout", "10")


@dataclass(frozen=True)
class Actor:
    """One router: what is the matter with it, and what the journal has of it by the end."""

    member: Member
    story: str
    trouble: Fault | None = None
    judged: DeviceRecord | None = None
    pushed: DeviceRecord | None = None
    lasting: DeviceRecord | None = None

    @property
    def end(self) -> tuple[str, str]:
        """The verdict, and how the first push ended, as of ``ENDS``."""
        error = self.pushed.error if self.pushed else None
        word = self.pushed.word if self.pushed else "not pushed"
        return self.judged.word if self.judged else "not judged", f"{word}: {error.kind}" if error else word

    @property
    def renewed(self) -> bool:
        """Whether its licence was renewed, so that a contact may be expected."""
        steps = self.pushed.steps if self.pushed else ()
        return any((one.step, one.status) == ("renew-auth", Status.DONE) for one in steps)

    @property
    def as_expected(self) -> bool:
        """Whether its end is its kind's, what befell it was tried again, and what was to outlast a reload does."""
        pushed, lasting = (one.plain if one else None for one in (self.pushed, self.lasting))
        retried = self.trouble is None or (isinstance(pushed, Push) and pushed.retries > 0)
        lasts = self.lasting is None or (self.lasting.well and isinstance(lasting, Push) and lasting.persistent is True)
        return self.end == ENDS[self.member.kind] and retried and lasts


def run(form: str) -> bool:
    """Play it; whether every router ended as it should. In json and jsonl what the commands print goes to stderr."""
    begun = time.monotonic()
    with ExitStack() as stack:
        if form != "table":
            stack.enter_context(redirect_stdout(sys.stderr))
        actors = _played(_cast())
    _tell(form, actors, time.monotonic() - begun)
    return all(actor.as_expected for actor in actors)


def _cast() -> list[Actor]:
    """A router of each kind, and of the first kind one for each trouble."""
    first, *others = kinds()
    stories = [*((first, *trouble) for trouble in _TROUBLES), *((kind, "", None) for kind in others)]
    fleet = mix(100, Persona(terminal_rpc="installs"))
    actors = []
    for number, (kind, more, trouble) in enumerate(stories, 1):
        member = next(one for one in fleet if one.kind == kind.name)
        fleet.remove(member)
        actors.append(Actor(replace(member, name=f"r{number}"), f"{kind.about}{more}", trouble))
    return actors


def _played(actors: list[Actor]) -> list[Actor]:
    with tempfile.TemporaryDirectory(prefix="xr-agent-") as name, Simulator() as simulator, ExitStack() as stack:
        folder, fleet = Path(name), [actor.member for actor in actors]
        devices = simulator.add_all((one.name, one.persona) for one in fleet)
        write_inventory(folder, fleet, devices, simulator)
        bundle = folder / "root.pem"
        bundle.write_text(TrustAnchor.bundled().pem, encoding="utf-8")
        stack.enter_context(environment({VARIABLE: simulator.password, "XDG_STATE_HOME": name}))
        print(f"{len(fleet)} simulated routers, as of xr-agent simulate --fleet N --write DIR")
        login = ("--username", simulator.username, "--password-env", VARIABLE)
        ports = ("--port", str(devices[0].port), "--ssh-port", str(devices[0].ssh_port))
        _command(folder, "show", "127.0.0.1", *ports, *login)
        _command(folder, "support", "--release", "25.2.1", "--platform", "ncs5700")
        _command(folder, "assess", "-i", name)
        actors = [replace(actor, judged=record) for actor, record in zip(actors, _records(), strict=True)]
        _command(folder, "plan", "-i", name)
        for actor, device in zip(actors, devices, strict=True):
            device.faults.extend([actor.trouble] if actor.trouble else [])
        _command(folder, "push", "-i", name, "--yes", *_ALL, "--contact-wait", "5")
        actors = [replace(actor, pushed=record) for actor, record in zip(actors, _records(), strict=True)]
        _command(folder, "history", "last", "--device", actors[1].member.name)
        lack = ("-i", name, "--group", kinds()[0].name)
        _command(folder, "push", *lack, "--yes", "--bundle", str(bundle), "--then", "trustpool")
        lasting = {record.device: record for record in _records()}
        renewed = [actor.member.name for actor in actors if actor.renewed]
        _command(folder, "poll", "-i", name, "--limit", ",".join(renewed), *_WATCH)
        _command(folder, "history")
        return [replace(actor, lasting=lasting.get(actor.member.name)) for actor in actors]


def _command(folder: Path, name: str, *words: str) -> None:
    """Run it as if it had been typed, and show it so; an error or an interrupt ends the demo as it ends the command."""
    alone = name in ("history", "support")  # they reach no router
    reach = () if alone else ("--known-hosts", str(folder / "known_hosts"))
    typed = " ".join(("xr-agent", name, *words, *reach)).replace(str(folder), "DIR")
    console(sys.stdout).print(Text(f"\n$ {typed}", style="bold cyan"), soft_wrap=True)
    sys.stdout.flush()
    root = click.get_current_context().find_root()
    command = root.command.get_command(root, name) if isinstance(root.command, click.Group) else None
    if command is None:
        raise AssertionError(f"there is no command {name}")
    own = (*(() if alone else ("--ssh-config", os.devnull)), *(("-q",) if quiet() else ()))
    command.main([*words, *reach, *own], prog_name=f"xr-agent {name}", standalone_mode=False)
    sys.stdout.flush()


def _records() -> list[DeviceRecord]:
    """What the last run has of its routers, in the inventory's order."""
    with Journal.open(create=False) as journal:
        return list(journal.devices("last"))


def _tell(form: str, actors: Sequence[Actor], seconds: float) -> None:
    """Whether each end is the expected one: a table, or one object for each router."""
    heads = ("device", "release", "what is the matter", "verdict", "push", "")
    good = sum(actor.as_expected for actor in actors)
    said = f"\n{good} of {len(actors)} ended as expected, in {seconds:.1f} s. The routers were simulated: "
    said += "nothing here was seen on hardware, and that rpc ca-authenticate installs is assumed: docs/hardware.md, H1."
    views = (Text(), columns(heads, [_row(actor) for actor in actors]), Text(said, style="bold"))
    emit_all(form, actors, _object, lambda _: views)


def _row(actor: Actor) -> tuple[object, ...]:
    verdict, end = actor.end
    good = "as expected" if actor.as_expected else f"not as expected: {', '.join(ENDS[actor.member.kind])}"
    said = Text(end, style=word(end.partition(":")[0]).style)
    names = cell(actor.member.name, "bold"), actor.member.persona.release, actor.story
    return (*names, word(verdict), said, word(good))


def _object(actor: Actor) -> dict[str, object]:
    verdict, end = actor.end
    expected = ENDS[actor.member.kind]
    return {
        "device": actor.member.name,
        "release": actor.member.persona.release,
        "kind": actor.member.kind,
        "story": actor.story,
        "assumed": actor.pushed is not None and actor.pushed.method is Method.RPC,
        "verdict": verdict,
        "end": end,
        "expected": ", ".join(expected),
        "as_expected": actor.as_expected,
        "push": actor.pushed.plain if actor.pushed else None,
    }
