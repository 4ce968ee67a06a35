"""poll on one router or many: what is new is said, kept in the journal and told Prometheus."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import ExitStack, closing
from typing import NoReturn

import click
from rich.text import Text

from agent.cli.execution import begin, write_report
from agent.cli.request import RunRequest
from agent.cli.signals import Interrupted, breakable, leave_at_once, unbroken
from agent.cli.usage.given import Options
from agent.cli.view.asking import asker
from agent.cli.view.notifying import Notifications
from agent.cli.view.output import Objects
from agent.cli.view.progress import say_legacy
from agent.cli.view.render import cell, sample_line, sample_text, some
from agent.cli.view.streams import console, progress, say_failure, say_warning, tell
from agent.fleet.journal.runlog import RunLog
from agent.fleet.metrics import Metrics
from agent.fleet.metricslabels import metrics_labels
from agent.fleet.poll import Look, Stopped, watch
from agent.fleet.results import objects
from agent.fleet.results.record import Kind, Result, RunState
from agent.fleet.run.executors import Inline
from agent.fleet.run.logins import Logins, Rest
from agent.fleet.run.rate import Limiter, Rate
from agent.fleet.run.router import Hooks
from agent.model.errors import AgentError, FileError, InputError
from agent.model.errors import Interrupted as Ended
from agent.model.masking.text import counted
from agent.model.outcome import Event, Status
from agent.netconf.retry import Policy
from agent.remedy.poll import Until


def run(form: str, given: Options) -> None:
    if given["processes"] or given["scheduler"]:
        raise InputError("a poll runs in one process", hint="leave --processes and --scheduler out")
    if given["metrics_label"] and given["metrics"] is None:
        raise InputError("--metrics-label without --metrics", hint="it is a label of what --metrics serves")
    interval = given["interval"] or (60.0 if given["host"] else 300.0)
    with ExitStack() as stack:
        request = RunRequest.of(Kind.POLL, form, {**given, "interval": interval}, stack)
        sink = _Sink(request)
        looks = _looks(stack, sink, request)
        if sink.metrics is not None:
            port = stack.enter_context(sink.metrics.served(given["metrics"]))
            progress().print(f"metrics on port {port}, /metrics", soft_wrap=True)
        journal, log = begin(request, stack)
        if not request.one:
            number = counted(len(request.targets), "router")
            progress().print(f"run {log.run}: {number}, each every {interval:g} s", soft_wrap=True)
        notifications = stack.enter_context(Notifications(request.receivers, journal, log.run))
        ended = _take(looks, sink, log)
        notifications.ended(ended.message if ended is not None else "")
        write_report(request, journal, log.run)
    if isinstance(ended, Ended):
        raise Interrupted(f"interrupted; every session is closed; next: xr-agent history {log.run}")
    if ended is not None:
        raise ended
    _judge(request, sink.last)


def _looks(stack: ExitStack, sink: _Sink, request: RunRequest) -> Generator[Look, None, None]:
    """The looks, which end in order where the user interrupts; the look at one router is broken off."""
    given = request.given
    stop = stack.enter_context(unbroken(sink.leave))
    if request.one:
        stack.enter_context(breakable())
    looks = watch(
        request.targets,
        request.job,
        interval=given["interval"],
        until=Until(given["until"]),
        workers=given["workers"],
        keep_sessions=given["keep_sessions"] or request.one,
        timeout=given["longest"],
        hooks=Hooks(
            policy=Policy(stop=stop),
            limiter=Limiter(Rate(given["rate"], given["rate_per_jump"])),
            logins=Logins(given["max_refused_logins"], rest=Rest()),
            trace=request.trace,
            ask=asker() if request.one else None,
        ),
        executor=Inline() if request.one else None,
    )
    return stack.enter_context(closing(looks))


def _take(looks: Generator[Look, None, None], sink: _Sink, log: RunLog) -> AgentError | None:
    """Take the looks in; what ended them, where they were not all."""
    try:
        for look in looks:
            sink.take(look, log)
            if sink.alone and look.cause is not None:
                log.close(RunState.STOPPED)
                return look.cause
    except (BrokenPipeError, FileError):  # stdout is lost
        log.close(RunState.INTERRUPTED)
        raise
    except (KeyboardInterrupt, Ended):
        log.close(RunState.INTERRUPTED)
        return Ended("interrupted")
    except Stopped as error:
        log.close(RunState.STOPPED)
        return error
    finally:
        sink.end()
    log.close(RunState.DONE)
    return None


class _Sink:
    """Where looks go.

    Attributes:
        last: the last one of each router; metrics: what Prometheus is told, where it is; alone: of one router.
    """

    def __init__(self, request: RunRequest) -> None:
        labels = metrics_labels(request.given["metrics_label"], request.targets)
        self.metrics = Metrics(labels) if request.given["metrics"] is not None else None
        self.last: dict[str, Look] = {}
        self._wanted = Until(request.given["until"]) is not Until.FOREVER
        self.alone, self._anchor = request.one, request.job.intent.anchor
        self._objects = Objects(request.form) if request.form != "table" else None
        self._shown: dict[str, bool] = {}

    def take(self, look: Look, log: RunLog) -> None:
        """Tell a look to all that want it; to people and the journal only where it says something new."""
        name, before = look.target.name, self.last.get(look.target.name)
        shown = look.anchor_present is not None and look.anchor_present != self._shown.get(name)
        self.last[name] = look
        if look.unseen is not None and not (self.alone or (before is not None and before.unseen is not None)):
            self._say_unseen(look, look.unseen)
        say_legacy(name, legacy=look.legacy_ssh and not (before is not None and before.legacy_ssh))
        if self.metrics is not None:
            self.metrics.saw(look)
        if look.anchor_present is not None:
            self._shown[name] = look.anchor_present
        new = _is_new(look, before) or shown
        if new:
            self._keep(look, log)
        line = Text.assemble(sample_line(look.sample), _root(look))
        if self._objects is None:
            if new or self.alone:
                console(sys.stdout).print(line, soft_wrap=True)
        else:
            self._objects.add(objects.poll_object(look.sample, anchor_present=look.anchor_present))
            if new and (before is not None or look.sample.error is not None):
                tell(
                    progress(),
                    line,
                    level="warning" if look.sample.error is not None else "info",
                    about={"device": name},
                )
        sys.stdout.flush()

    def _say_unseen(self, look: Look, why: AgentError) -> None:
        """Say that nothing shows a router's licensing, where it is not looked at for ever."""
        if look.last or self._wanted:
            until = "it is looked at no more" if look.last else "it is looked at only while others are waited for"
            say_warning(f"{why.message}; {until}", device=look.target.name, hint=why.hint)

    def _keep(self, look: Look, log: RunLog) -> None:
        sample, name = look.sample, look.target.name
        status = Status.DONE if sample.error is None else Status.FAILED
        log.event(Event(name, "look", status, Text.assemble(sample_text(sample), _root(look)).plain))
        log.ended(
            Result(name, Kind.POLL, sample=sample, began=sample.time, ended=sample.time, legacy_ssh=look.legacy_ssh),
            self._anchor,
        )

    def end(self) -> None:
        if self._objects is not None:
            self._objects.end()

    def leave(self) -> NoReturn:
        """End the process at once: looks change nothing, and sessions end with their connections."""
        leave_at_once("interrupted at once; looks change nothing", self._objects.closing if self._objects else "")


def _is_new(look: Look, before: Look | None) -> bool:
    """Whether it is a router's first look, or says what the one before did not: an error, its end, a change."""
    if before is None:
        return True
    if look.sample.error is not None or before.sample.error is not None:
        return look.sample.kind != before.sample.kind
    return bool(look.sample.changed)


def _root(look: Look) -> Text:
    """Whether the trustpoint shows the root, where that can be told."""
    if look.anchor_present is None:
        return Text("")
    return cell(" · root shown" if look.anchor_present else " · root not shown", "" if look.anchor_present else "red")


def _judge(request: RunRequest, last: dict[str, Look]) -> None:
    """Exit with 1 where a router did not come to its end, or could not be read at last."""
    until, timeout = Until(request.given["until"]), request.given["longest"]
    wanted, names = until is not Until.FOREVER, [target.name for target in request.targets]
    left = [name for name in names if not _well(last.get(name), reached=wanted)]
    if left:
        what = f"not {until.value}" if wanted else "not read at last"
        unseen = {
            name: look.unseen for name in left if (look := last.get(name)) is not None and look.unseen is not None
        }
        within = f" within {timeout:g} s" if wanted and timeout is not None and len(unseen) < len(left) else ""
        if request.one and unseen:
            say_failure(unseen[left[0]].message, device=left[0], hint=unseen[left[0]].hint)
        elif request.one:
            say_failure(f"{what}{within}", device=left[0], hint="read its state with show")
        else:
            why = f"; nothing shows the licensing of {some(list(unseen))}" if unseen else ""
            said = f"{len(left)} of {len(names)} routers are {what}{within}: {some(left)}{why}"
            say_failure(said, hint="xr-agent history last")
    click.get_current_context().exit(1 if left else 0)


def _well(look: Look | None, *, reached: bool) -> bool:
    if look is None:
        return False
    return look.sample.reached if reached else look.sample.error is None
