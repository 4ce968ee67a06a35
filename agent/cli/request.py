"""A run as the options ask for it: whom, the job, the backend and the roll-out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click
from click.core import ParameterSource as Source

from agent.cli import replayed, settings
from agent.cli.input.approval import Approval, same_plan
from agent.cli.usage.given import Options, one_or_many, source
from agent.fleet.inventory.command import env_names
from agent.fleet.inventory.filter import Filter
from agent.fleet.inventory.reference import Place
from agent.fleet.inventory.source import load, load_nornir
from agent.fleet.inventory.target import Target
from agent.fleet.parking import MOST, allow_files, rarely_collected
from agent.fleet.planfile.content import Collected
from agent.fleet.report import document as report
from agent.fleet.report import place
from agent.fleet.results.record import Kind
from agent.fleet.run.executors import cluster, processes, reach, require_dask, threads
from agent.fleet.run.job import Job
from agent.fleet.run.logins import Logins
from agent.fleet.run.rate import Limiter, Rate
from agent.fleet.run.rollout import Rollout, Share
from agent.fleet.run.router import Hooks
from agent.fleet.run.runner import Backend
from agent.fleet.window import preview
from agent.fleet.window.calendar import Calendar
from agent.fleet.window.timing import Timing
from agent.model.errors import InputError
from agent.model.pki.anchor import TrustAnchor
from agent.model.plan import Intent
from agent.netconf.trace import TraceFile
from agent.remedy.lease import lease

if TYPE_CHECKING:
    from agent.cli.recorded import RecordingFile
    from agent.fleet.notify import Receiver

_STDIN = "-"
NO_BOUND = "none"
"""What ``--max-failures`` is given where no number of failures is to stop the run."""
_MOST_ASKED = 20
"""Programs that are asked for their secrets before a run; more are asked as their routers are reached."""
_SETTINGS_OF_NOW = frozenset(
    ("form", "resume", "yes", "report", "journal", "ask_password", "record", "sanitise", "out", "notify")
)

_ONE_OF = (
    *(("canary", "no_canary"), ("windows", "no_window"), ("inventory", "nornir_config"), ("processes", "scheduler")),
    *(("host_key", "accept_new_host_keys"), ("key_passphrase_env", "key_passphrase_exec")),
    ("password_env", "password_file", "password_exec", "ask_password"),
    ("register_token_env", "register_token_file", "register_token_exec"),
)
"""Options of which one is given: one that is given to a run that goes on takes the place of another it began with."""


@dataclass(frozen=True)
class RunRequest:
    """A run as the options ask for it, understood whole before a journal, a run or a router is touched.

    Attributes:
        one: whether HOST was given, which is an inventory of one; only the view differs.
        timing: when routers may be begun; None of a command without such options.
        replay: the recording that stands in for HOST.
        backend: makes who does the work of a run that has begun on an inventory.
        recording: the recording of what passes, where one is wanted.
        logins: the guard of all that is done by it, so that what was refused before counts.
        receivers: who is told of the run.
        given: the options themselves, which the journal keeps.
        approval: the plan file that the run goes by; collected: what a plan run found, for such a file.
    """

    kind: Kind
    form: str
    one: bool
    targets: list[Target]
    job: Job
    rollout: Rollout
    timing: Timing | None
    backend: Callable[[Hooks], Backend]
    trace: TraceFile | None
    recording: RecordingFile | None
    given: Options
    replay: replayed.Replayed | None = None
    approval: Approval | None = None
    collected: Collected | None = None
    receivers: tuple[Receiver, ...] = ()
    logins: Logins = field(default_factory=Logins)

    @classmethod
    def of(
        cls, kind: Kind, form: str, given: Options, stack: ExitStack, *, before_asking: Callable[[], None] | None = None
    ) -> Self:
        """What is opened for it is closed by *stack*.

        *before_asking* is called where the options are good by themselves, before a person or a program is asked for a
        secret and anything of the run is made; what it raises ends it.

        Raises:
            UsageError, InputError: an option cannot be used, or what it names, or they do not go together.
        """
        one_or_many(given)
        if given["scheduler"] and given["processes"]:
            raise InputError("--processes and --scheduler exclude each other", hint="choose one")
        if given["trace"] is not None and (given["processes"] or given["scheduler"]):
            raise InputError("a trace is written by this process", hint="leave --processes and --scheduler out")
        if given.get("record") is not None:
            _look_at_recording(given)
        # A program that says a secret may be asked before all that the options name is read.
        env_names.update(text for name, text in given.items() if name.endswith("_env") and text)
        receivers = _receivers(given)
        if given["report"] is not None:
            report.check_path(given["report"], read_by(given))
        approval = Approval.given(given)
        given = approval.options(given) if approval else given
        given, replay = replayed.begin(given, stack)
        if replay is not None and kind is Kind.PUSH:
            replay.see_push()
        one, now = given["host"] is not None or replay is not None, datetime.now(UTC)
        given = settings.dated(settings.placed(given), now)
        if kind is Kind.PUSH and not given["scheduler"]:
            lease.prepare(lease.folder())
        rollout, timing = _rollout(given), settings.timing(given)
        if before_asking is not None:
            before_asking()
        targets = [replay.target] if replay else _targets(given, approval)
        if timing is not None:
            preview.check(timing, targets, now, rollout.stop_at)
            targets = Calendar(timing).ordered(targets, now)
        job, traced, backend = _job(kind, given, approval), settings.trace(given, stack), _backend(given, stack)
        recording = _recording(kind, job, targets, given, stack)
        logins = Logins(given["max_refused_logins"])
        files = (replay, approval, _collected(job, targets, given), receivers)
        if approval is not None:
            approval.say(targets, job.reach)
        return cls(kind, form, one, targets, job, rollout, timing, backend, traced, recording, given, *files, logins)

    def calendar(self) -> Calendar:
        """When the routers may be begun; what only reads needs no window."""
        return Calendar(self.timing if self.kind is Kind.PUSH else None)

    @property
    def bundled(self) -> bool:
        """Whether the anchor is the bundled one."""
        if self.approval is not None:
            return self.job.intent.anchor == TrustAnchor.bundled()
        return self.given["anchor"] is None and not self.job.notices

    def settings(self) -> dict[str, Any]:
        """What the user gave, as a journal keeps it: references and plain values, never a secret; absolute paths."""
        wanted = (name for name in self.given if name not in _SETTINGS_OF_NOW and source(name) is not Source.DEFAULT)
        approved = {"sha256": self.approval.sha256} if self.approval else {}
        return {name: _plain(self.given[name]) for name in wanted} | approved


def _receivers(given: Options) -> tuple[Receiver, ...]:
    if not given.get("notify"):
        return ()
    from agent.fleet.notify import receiver

    return tuple(map(receiver, given["notify"]))


def _recording(kind: Kind, job: Job, targets: list[Target], given: Options, stack: ExitStack) -> RecordingFile | None:
    path: Path | None = given.get("record")
    if path is None:
        return None
    from agent.cli.recorded import RecordingFile

    token, anchor = (job.token.resolve(),) if job.token else (), job.intent.anchor
    device, sanitise = targets[0].device(job.reach), given["sanitise"]
    return stack.enter_context(RecordingFile(path, kind.value, device, sanitise=sanitise, secrets=token, anchor=anchor))


def _look_at_recording(given: Options) -> None:
    if given["processes"] or given["scheduler"]:
        raise InputError("a recording is written by this process", hint="leave --processes and --scheduler out")
    if given["host"] is None:
        raise InputError("a recording is of one router", hint="push to one HOST with --record")


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value if str(value) == _STDIN else value.absolute())
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def resumed(kept: Mapping[str, Any], given: Options) -> Options:
    """The options *kept* of the run that goes on, with those that were given anew in their place."""
    merged = {**given, "sha256": same_plan(kept.get("sha256"), given)}
    paths = {one.name for one in click.get_current_context().command.params if isinstance(one.type, click.Path)}
    anew = {name for name in merged if source(name) is Source.COMMANDLINE}
    anew |= {"sha256"}.union(*(names for names in _ONE_OF if anew.intersection(names)))
    for name, value in kept.items():
        if name in merged and name not in anew:
            make = Path if name in paths else lambda plain: plain
            merged[name] = tuple(map(make, value)) if isinstance(value, list) else make(value)
    if str(merged["inventory"]) == _STDIN and given["inventory"] is None:
        raise InputError("the run's list of hosts came on stdin", hint="give it again with -i")
    return merged


def read_by(given: Options) -> dict[str, Path]:
    """The files that a command is given to read, by their options."""
    made = ("report", "out", "trace", "record", "metrics")
    named = {name: value for name, value in given.items() if isinstance(value, Path) and name not in made}
    return {f"--{name.replace('_', '-')}": value for name, value in named.items()}


def _collected(job: Job, targets: list[Target], given: Options) -> Collected | None:
    """What gathers a plan run's results for its file, where one is wanted.

    Raises:
        InputError: it could not be written, or a recording stands in for the router.
    """
    path: Path | None = given.get("out")
    if path is None:
        return None
    if given.get("replay") is not None:
        raise InputError("a recording is no router to push to by a plan file", hint="leave --replay or --out out")
    if str(path) == _STDIN:
        raise InputError("--out is a file, and - is none", hint="name a file: its SHA-256 is what is approved")
    place.see(path, "plan file", read_by(given))
    reach = job.reach
    further = {"ssh": reach.ssh, "strict_models": reach.strict_models, "register": job.token is not None}
    return Collected(job.intent, targets, **further)


def _targets(given: Options, approval: Approval | None) -> list[Target]:
    if given["host"] is not None:
        one = settings.host(given)
        return approval.targets([one], [one]) if approval else [one]
    config: Path | None = given["nornir_config"]
    if config is not None and given["inventory"] is not None:
        raise InputError("the inventory is given in two ways", hint="one of -i and --nornir-config")
    port = given["port"]
    found = load_nornir(config, port=port) if config is not None else load(str(given["inventory"]), port=port)
    kept = Filter.parse(given["limit"], given["groups"], given["where"]).select(found)
    if approval is not None:
        kept = approval.targets(found, kept)
    if not given["scheduler"]:
        _look_for_shared(kept)
    return kept


def _look_for_shared(found: list[Target]) -> None:
    """Look for a secret that all of them share before any is reached, and for all that programs say, where these are
    few; another one fails with those whose it is.

    Raises:
        InputError: it cannot be read.
    """
    for name in ("password", "key_passphrase"):
        wanted = dict.fromkeys(getattr(target, name) for target in found)
        programs = [secret for secret in wanted if secret is not None and secret.place is Place.EXEC]
        for secret in programs if len(wanted) > 1 else filter(None, wanted):
            secret.look(ask=len(programs) <= _MOST_ASKED)


def _job(kind: Kind, given: Options, approval: Approval | None) -> Job:
    notices = settings.notices(given)
    token = settings.token(given)
    if token is not None and not given["scheduler"]:
        token.resolve()
    if kind in (Kind.ASSESS, Kind.POLL):
        intent = Intent(anchor=settings.anchor(given, notices), trustpoint=settings.trustpoint(given))
    elif approval is not None:
        intent = approval.intent(settings.caution(given))
        settings.see_valid(intent.anchor, str(approval.path))
    else:
        intent = settings.intent(given)
    return Job(kind, settings.reach(given), intent, token, notices)


def _backend(given: Options, stack: ExitStack) -> Callable[[Hooks], Backend]:
    """How the backend is made; a cluster is reached at once, and *stack* leaves it.

    Raises:
        InputError: as of :func:`agent.fleet.run.executors.reach`.
    """
    rate, workers, count = Rate(given["rate"], given["rate_per_jump"]), given["workers"], given["processes"]
    in_flight: int | None = given.get("in_flight")
    if given["host"] is None and given.get("replay") is None:
        allow_files(workers, in_flight or MOST)
        stack.enter_context(rarely_collected())
    if given["scheduler"]:
        first = [reach(given["scheduler"])]
        stack.callback(first[0].close)

        def over(hooks: Hooks) -> Backend:
            """A run leaves the scheduler at its end, so a second one reaches it anew."""
            reached = first.pop() if first else reach(given["scheduler"])
            return cluster(reached, workers, hooks, rate=rate, in_flight=in_flight)

        return over
    if count:
        require_dask()
        return lambda hooks: processes(count, workers, hooks, rate=rate, in_flight=in_flight)
    return lambda hooks: threads(workers, dataclasses.replace(hooks, limiter=Limiter(rate)), in_flight=in_flight)


def _rollout(given: Options) -> Rollout:
    if given.get("canary") and given.get("no_canary"):
        raise InputError("--canary and --no-canary exclude each other", hint="choose one")
    said = {name: given.get(name) for name in ("canary", "batch", "max_failures")}
    if said["max_failures"] == NO_BOUND:
        del said["max_failures"]
    shares = {name: Share.parse(text) for name, text in said.items() if text is not None}
    for name in ("canary", "batch"):
        if name in shares and not shares[name].amount:
            raise InputError(f"--{name} {given[name]} is no router", hint="write at least 1, or a percentage above 0")
    until = given.get("stop_at")
    stop_at = datetime.fromisoformat(until) if until is not None else None
    canary, batch, most = (shares.get(name) for name in ("canary", "batch", "max_failures"))
    return Rollout(canary, batch, most, pause=given.get("pause") or 0.0, stop_at=stop_at)
