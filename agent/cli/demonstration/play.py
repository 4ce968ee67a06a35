"""The demo: simulated routers of several releases go through show, assess, plan, push and poll."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from rich.console import RenderableType
from rich.text import Text

from agent.cli.demonstration.scenes import SCENES, Scene, Stage, stage
from agent.cli.view.console import console, errors
from agent.cli.view.progress import Progress
from agent.cli.view.render import cell, cell_lines, columns, plan_view, sample_line, word
from agent.fleet.results import objects
from agent.model.device import Device
from agent.model.errors import AgentError, InputError
from agent.model.outcome import Outcome
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle
from agent.model.plan import Intent, Plan, Skip, Verdict, VerdictKind
from agent.model.state import State
from agent.netconf.retry import Policy
from agent.netconf.session import Session, connect
from agent.remedy.apply import apply, failed
from agent.remedy.assess import assess
from agent.remedy.observe import observe
from agent.remedy.plan import plan
from agent.remedy.poll import Sample, Until, poll
from agent.xr.cli.sshport import Ssh

_CONTACT_WAIT = 5.0


@dataclass
class Actor:
    """One simulated router on its way through the demo."""

    scene: Scene
    device: Device
    policy: Policy
    intent: Intent
    ssh: Ssh
    session: Session | None = None
    state: State | None = None
    verdict: Verdict | None = None
    made: Plan | Skip | None = None
    outcome: Outcome | None = None
    samples: list[Sample] = field(default_factory=list)

    @property
    def end(self) -> str:
        """How it ended, in the words of a :class:`Scene`: the outcome with its error's kind, else the verdict."""
        if self.outcome is None:
            return self.verdict.kind.value if self.verdict else "unread"
        error = self.outcome.error
        return (
            f"{self.outcome.result.value}: {error.kind}"
            if error and error.kind != "skipped"
            else (self.outcome.result.value)
        )

    @property
    def as_expected(self) -> bool:
        """Whether the verdict, the end, and a repetition where one was to happen are the scene's."""
        retried = self.outcome is not None and self.outcome.retries > 0
        verdict = self.verdict.kind if self.verdict else None
        return verdict is self.scene.verdict and self.end == self.scene.end and retried >= self.scene.retried


def run(form: str) -> bool:
    """Play every scene; whether each ended as it should."""
    begun = time.monotonic()
    say = _Say(form)
    # The pool is left last: an interrupt closes the stage under it, and its threads sleep no more.
    with ThreadPoolExecutor(max_workers=8) as pool, stage() as setting, _stopping() as policy:
        actors = _cast(setting, policy)
        progress = Progress()
        with progress:
            list(pool.map(partial(_read, progress), actors))
        say.part("show", _show(actors))
        now = datetime.now(UTC)
        for actor in actors:
            if actor.state is not None:
                actor.verdict = assess(actor.state, actor.intent.anchor, now)
                actor.made = plan(actor.intent, actor.state)
        say.part("assess", _assess(actors))
        concerned = [actor for actor in actors if _concerned(actor)]
        say.part("plan", *(plan_view(actor.made) for actor in concerned if actor.made is not None))
        setting.begin_trouble()
        say.note("push")
        with progress:
            list(pool.map(partial(_push, progress), concerned))
        with progress:
            list(pool.map(partial(_poll, progress), [actor for actor in concerned if _watched(actor)]))
        say.part("poll", *(sample_line(sample) for actor in actors for sample in actor.samples))
        for actor in actors:
            actor.ssh.close()
            if actor.session is not None:
                actor.session.close()
    say.end(actors, time.monotonic() - begun)
    return all(actor.as_expected for actor in actors)


def _cast(setting: Stage, policy: Policy) -> list[Actor]:
    devices = {scene.name: setting.device(scene) for scene in SCENES}
    return [
        Actor(
            scene,
            devices[scene.name],
            policy,
            ssh=Ssh(devices[scene.name]),
            intent=Intent(
                contact_wait=_CONTACT_WAIT,
                enrollment_url=setting.url if scene.fetches else None,
                bundle=_bundle() if scene.bundle else None,
            ),
        )
        for scene in SCENES
    ]


def _bundle() -> Bundle:
    """A bundle with nothing but the bundled root in it."""
    return Bundle.from_bytes(TrustAnchor.bundled().pem.encode())


@contextmanager
def _stopping() -> Iterator[Policy]:
    """A policy whose sleeps end, by an error, when the block is left."""
    stopped = threading.Event()

    def sleep(seconds: float) -> None:
        if stopped.wait(seconds):
            raise InputError("the demo was ended")

    try:
        yield Policy(sleep=sleep)
    finally:
        stopped.set()


def _read(progress: Progress, actor: Actor) -> None:
    name = actor.device.name
    progress.say(name, "reading")
    try:
        actor.session = connect(actor.device)
        actor.state = observe(actor.session, policy=actor.policy, ssh=actor.ssh, full=True)
        progress.line(name, "read", "done", f"release {actor.state.release or 'unknown'}")
    except AgentError as error:
        actor.outcome = failed(name, error, actor.device.address)
        progress.line(name, "read", "failed", error.message)
    finally:
        progress.finished(name)


def _concerned(actor: Actor) -> bool:
    """Whether push goes there: not to a device that needs nothing; to a remedied one, to see that it stays so."""
    return actor.verdict is not None and actor.verdict.kind is not VerdictKind.NOT_AFFECTED


def _push(progress: Progress, actor: Actor) -> None:
    if actor.session is None or actor.made is None:
        return
    reopen = partial(connect, actor.device)
    with closing(apply(actor.session, actor.made, actor.policy, connect=reopen, ssh=actor.ssh)) as events:
        for event in events:
            progress.event(event)
            actor.outcome = event.outcome or actor.outcome


def _watched(actor: Actor) -> bool:
    """Whether a new contact may be expected: the router could be told to renew."""
    renews = actor.state is not None and actor.state.access.renew_auth
    return renews and actor.outcome is not None and actor.outcome.well


def _poll(progress: Progress, actor: Actor) -> None:
    progress.say(actor.device.name, "poll")
    samples = poll(
        partial(connect, actor.device),
        interval=0.3,
        until=Until.CONTACTED,
        timeout=_CONTACT_WAIT,
        device=actor.device.name,
        policy=actor.policy,
        ssh=actor.ssh,
    )
    try:
        with closing(samples):
            actor.samples.extend(samples)
    except AgentError as error:
        progress.line(actor.device.name, "poll", "failed", error.message)
    finally:
        progress.finished(actor.device.name)


def _show(actors: Sequence[Actor]) -> RenderableType:
    def row(actor: Actor) -> tuple[RenderableType, ...]:
        state = actor.state
        if state is None:
            return cell(actor.device.name, "bold"), cell(actor.end), cell(""), cell(""), cell(""), cell("")
        licence = state.licensing.value
        return (
            cell(actor.device.name, "bold"),
            cell(state.release),
            cell(state.access.config_model.value),
            cell(state.config.value.enrollment.cli if state.config.value else None),
            cell(state.certificate.value.name if state.certificate.value else None),
            word(licence.authorization.value if licence and licence.authorization else None),
        )

    heads = ("device", "release", "config model", "enrollment", "CA certificate", "authorization")
    return columns(heads, [row(actor) for actor in actors])


def _assess(actors: Sequence[Actor]) -> RenderableType:
    return columns(
        ("device", "verdict", "because"),
        [
            (cell(actor.device.name, "bold"), word(actor.verdict.kind.value), cell_lines(actor.verdict.reasons[:3]))
            for actor in actors
            if actor.verdict is not None
        ],
    )


class _Say:
    """Where the demo's parts go: tables to stdout as they come, or one object per device at the end."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._screen = console(sys.stdout)

    def note(self, title: str) -> None:
        """A heading for what comes on stderr."""
        errors().print(Text(f"\n{title}", style="bold cyan"))

    def part(self, title: str, *views: RenderableType) -> None:
        """One part of the play."""
        if self._form == "table":
            self._screen.print(Text(f"\n{title}", style="bold cyan"))
            for view in views:
                self._screen.print(view)

    def end(self, actors: Sequence[Actor], seconds: float) -> None:
        """The table that says whether each end is the expected one."""
        if self._form != "table":
            rows = [_object(actor) for actor in actors]
            for row in [rows] if self._form == "json" else rows:
                print(objects.dump(row, self._form))
            return
        self.part("ends", columns(("device", "story", "end", ""), [_row(actor) for actor in actors]))
        self._screen.print(
            Text(
                f"\n{sum(actor.as_expected for actor in actors)} of {len(actors)} ended as expected, "
                f"in {seconds:.1f} s. "
                "The routers were simulated: nothing here was seen on hardware.",
                style="bold",
            )
        )


def _row(actor: Actor) -> tuple[RenderableType, ...]:
    good = "as expected" if actor.as_expected else f"not as expected: {actor.scene.end}"
    error = actor.outcome.error if actor.outcome else None
    lines = [actor.end, *([f"next: {error.hint}"] if error and error.hint else [])]
    if actor.scene.assumed:
        lines.append("assumed, not seen on hardware")
    style = word(actor.end.partition(":")[0]).style
    end = Text("\n").join([cell(lines[0], str(style)), *(cell(line, "dim") for line in lines[1:])])
    return cell(actor.device.name, "bold"), cell(actor.scene.story), end, word(good)


def _object(actor: Actor) -> dict[str, object]:
    scene = actor.scene
    return {
        "device": scene.name,
        "release": scene.release,
        "story": scene.story,
        "assumed": scene.assumed,
        "verdict": actor.verdict.kind.value if actor.verdict else None,
        "expected": scene.end,
        "end": actor.end,
        "as_expected": actor.as_expected,
        "push": objects.push_object(actor.outcome) if actor.outcome else None,
    }
