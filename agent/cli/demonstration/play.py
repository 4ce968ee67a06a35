"""The demo: simulated routers of several releases go through the real commands, show to poll."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import RenderableType
from rich.text import Text

from agent.cli.demonstration.scenes import SCENES, Scene, Stage, stage
from agent.cli.main import program
from agent.cli.view.console import console, errors
from agent.cli.view.output import emit_all
from agent.cli.view.render import cell, columns, word
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import DeviceRecord
from agent.model.plan import VerdictKind

_CONTACT_WAIT = "5"
_RENEWAL = "renew-auth"


@dataclass(frozen=True)
class Actor:
    """One router and what came of it, as the journal has it."""

    scene: Scene
    judged: DeviceRecord | None
    pushed: DeviceRecord | None

    @property
    def end(self) -> str:
        """How it ended, in the words of a :class:`Scene`: the push's word with its error's kind, else the verdict."""
        if self.pushed is None:
            return self.judged.word if self.judged else "unread"
        error = self.pushed.error
        return f"{self.pushed.word}: {error.kind}" if error and error.kind != "skipped" else self.pushed.word

    @property
    def as_expected(self) -> bool:
        """Whether the verdict, the end, and a repetition where one was to happen are the scene's."""
        retried = self.pushed is not None and self.pushed.plain.get("retries", 0) > 0
        verdict = self.judged.word if self.judged else None
        good = verdict == self.scene.verdict.value and self.end == self.scene.end
        return good and retried >= self.scene.retried


def run(form: str) -> bool:
    """Play every scene; whether each ended as it should."""
    begun = time.monotonic()
    with stage() as setting, ExitStack() as stack:
        if form != "table":
            stack.enter_context(redirect_stdout(io.StringIO()))
        actors = _play(setting)
    _end(form, actors, time.monotonic() - begun)
    return all(actor.as_expected for actor in actors)


def _play(setting: Stage) -> list[Actor]:
    journal = setting.folder / "journal.db"
    _command(setting, "show", *setting.host(SCENES[0]))
    _command(setting, "assess", *_of(journal))
    judged = _records(journal)
    concerned = [scene for scene in SCENES if judged[scene.name].word != VerdictKind.NOT_AFFECTED.value]
    ways = [
        ([scene for scene in concerned if scene.fetches], ("--enrollment-url", setting.url)),
        ([scene for scene in concerned if scene.bundle], ("--bundle", str(setting.folder / "bundle.pem"))),
        ([scene for scene in concerned if not (scene.fetches or scene.bundle)], ()),
    ]
    for scenes, words in ways:
        _command(setting, "plan", *_of(journal, scenes), *words)
    setting.begin_trouble()
    pushed: dict[str, DeviceRecord] = {}
    for scenes, words in ways:
        _command(setting, "push", *_of(journal, scenes), *words, "--yes", "--contact-wait", _CONTACT_WAIT)
        pushed |= _records(journal)
    renewed = [scene for scene in concerned if _renewed(pushed[scene.name])]
    until = ("--until", "contacted", "--interval", "0.3", "--timeout", _CONTACT_WAIT)
    _command(setting, "poll", *_of(journal, renewed), *until)
    return [Actor(scene, judged.get(scene.name), pushed.get(scene.name)) for scene in SCENES]


def _of(journal: Path, scenes: Sequence[Scene] = ()) -> tuple[str, ...]:
    """The options for the routers of *scenes*, or for all."""
    limit = ("--limit", ",".join(scene.name for scene in scenes)) if scenes else ()
    return ("-i", str(journal.with_name("routers.csv")), *limit, "--journal", str(journal))


def _command(setting: Stage, name: str, *words: str) -> None:
    """A command as it is typed, without how the routers are reached, and what it prints."""
    shown = " ".join(["xr-agent", name, *words]).replace(f"{setting.folder}/", "")
    print(f"\n$ {shown}", flush=True)
    command = program.get_command(click.get_current_context(), name)
    if command is None:
        raise AssertionError(f"there is no command {name}")
    command.main([*words, *setting.reach], standalone_mode=False)
    sys.stdout.flush()


def _records(journal: Path) -> dict[str, DeviceRecord]:
    """What the last run has of its routers."""
    with Journal.open(journal, create=False) as kept:
        return {one.device: one for one in kept.devices("last")}


def _renewed(record: DeviceRecord) -> bool:
    """Whether a new contact may be expected: the router could be told to renew."""
    return record.well and any(step.step == _RENEWAL for step in record.steps)


def _end(form: str, actors: Sequence[Actor], seconds: float) -> None:
    """Whether each end is the expected one: one object for each router, or a table of all."""
    emit_all(
        form,
        lambda: map(_object, actors),
        lambda: (
            Text("\nends", style="bold cyan"),
            columns(("device", "story", "end", ""), [_row(actor) for actor in actors]),
        ),
    )
    good = sum(actor.as_expected for actor in actors)
    said = f"\n{good} of {len(actors)} ended as expected, in {seconds:.1f} s. The routers were simulated: nothing here"
    where = console(sys.stdout) if form == "table" else errors()
    where.print(Text(f"{said} was seen on hardware.", style="bold"))


def _row(actor: Actor) -> tuple[RenderableType, ...]:
    good = "as expected" if actor.as_expected else f"not as expected: {actor.scene.end}"
    error = actor.pushed.error if actor.pushed else None
    lines = [actor.end, *([f"next: {error.hint}"] if error and error.hint else [])]
    if actor.scene.assumed:
        lines.append("assumed, not seen on hardware")
    style = word(actor.end.partition(":")[0]).style
    end = Text("\n").join([cell(lines[0], str(style)), *(cell(line, "dim") for line in lines[1:])])
    return cell(actor.scene.name, "bold"), cell(actor.scene.story), end, word(good)


def _object(actor: Actor) -> dict[str, object]:
    scene = actor.scene
    return {
        "device": scene.name,
        "release": scene.release,
        "story": scene.story,
        "assumed": scene.assumed,
        "verdict": actor.judged.word if actor.judged else None,
        "expected": scene.end,
        "end": actor.end,
        "as_expected": actor.as_expected,
        "push": dict(actor.pushed.plain) if actor.pushed else None,
    }
