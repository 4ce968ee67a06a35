"""``xr-agent poll`` over an inventory: what is new of a router is said once, kept in the journal, told Prometheus."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import NoReturn

import click
from rich.text import Text

import agent
from agent.cli import chosen, fleetchosen, options
from agent.cli.signals import Interrupted, unbroken
from agent.cli.view.console import console, errors, say_failure
from agent.cli.view.render import cell, sample_line, sample_text
from agent.cli.view.unread import last_words
from agent.cli.work import Array
from agent.fleet.inventory.target import Target
from agent.fleet.journal.runlog import RunLog
from agent.fleet.journal.store import Journal
from agent.fleet.metrics import Metrics
from agent.fleet.poll import Look, Stopped, watch
from agent.fleet.report import document as report
from agent.fleet.results import objects
from agent.fleet.results.record import Kind, Result, RunState
from agent.fleet.run.job import Hooks
from agent.fleet.run.rate import Limiter, Rate
from agent.model.errors import InputError
from agent.model.errors import Interrupted as Ended
from agent.model.outcome import Event, Status
from agent.model.pki.anchor import TrustAnchor
from agent.netconf.retry import Policy
from agent.remedy.poll import Until

_NAMED = 5
"""How many routers an error names."""


def run(form: str, given: options.Options, *, interval: float, until: str, timeout: float | None) -> None:
    """The whole watch; exits with its code."""
    if given["processes"] or given["scheduler"]:
        raise InputError("a poll runs in one process", hint="leave --processes and --scheduler out")
    if given["report"] is not None:
        report.check_path(given["report"])
    wish = {**given, "interval": interval, "until": until, "longest": timeout}
    targets = fleetchosen.targets(given)
    with ExitStack() as stack:
        sink = _Sink(form, chosen.anchor(given))
        looks = _looks(stack, sink, targets, wish)
        if given["metrics"] is not None:
            port = stack.enter_context(sink.metrics.served(given["metrics"]))
            errors().print(f"metrics on port {port}, /metrics", soft_wrap=True)
        journal = stack.enter_context(Journal.open(given["journal"]))
        log = stack.enter_context(_begun(journal, targets, wish))
        errors().print(f"run {log.run}: {len(targets)} routers, each every {interval:g} s", soft_wrap=True)
        ended = _take(looks, sink, log)
        if given["report"] is not None:
            report.write(given["report"], journal.run(log.run), journal.devices(log.run), now=datetime.now(UTC))
            errors().print(f"report {given['report']}", soft_wrap=True)
    if isinstance(ended, Stopped):
        raise ended
    if ended is not None:
        raise Interrupted(f"interrupted; every session is closed; next: xr-agent history {log.run}")
    _judge(targets, sink.last, until, timeout)


def _looks(
    stack: ExitStack, sink: _Sink, targets: Sequence[Target], wish: options.Options
) -> Generator[Look, None, None]:
    """The looks, which end in order where the user wants them to."""
    stop = stack.enter_context(unbroken(sink.leave))
    looks = watch(
        targets,
        fleetchosen.job(Kind.POLL, wish),
        interval=wish["interval"],
        until=Until(wish["until"]),
        workers=wish["workers"],
        keep_sessions=wish["keep_sessions"],
        timeout=wish["longest"],
        hooks=Hooks(
            policy=Policy(stop=stop),
            limiter=Limiter(Rate(wish["rate"], wish["rate_per_jump"])),
            trace=fleetchosen.trace(wish, stack),
        ),
    )
    return stack.enter_context(closing(looks))


def _begun(journal: Journal, targets: Sequence[Target], wish: options.Options) -> RunLog:
    return journal.begin(
        Kind.POLL,
        [target.name for target in targets],
        settings=fleetchosen.settings(wish),
        change_ref=wish["change_ref"],
        version=agent.__version__,
    )


def _take(looks: Generator[Look, None, None], sink: _Sink, log: RunLog) -> Ended | Stopped | None:
    """Take the looks in; what ended them, where they were not all."""
    try:
        for look in looks:
            sink.take(look, log)
    except BrokenPipeError:
        log.close(RunState.INTERRUPTED)
        raise
    except (Ended, Stopped) as error:
        log.close(RunState.INTERRUPTED if isinstance(error, Ended) else RunState.STOPPED)
        return error
    finally:
        sink.end()
    log.close(RunState.DONE)
    return None


class _Sink:
    """Where looks go; ``last`` is the last one of each router."""

    def __init__(self, form: str, anchor: TrustAnchor) -> None:
        self.metrics = Metrics()
        self.last: dict[str, Look] = {}
        self._form, self._anchor, self._array = form, anchor, Array()
        self._shown: dict[str, bool] = {}

    def take(self, look: Look, log: RunLog) -> None:
        """Tell a look to all that want it; to people and the journal only where it says something new."""
        name = look.target.name
        before = self.last.get(name)
        shown = look.anchor_present is not None and look.anchor_present != self._shown.get(name)
        self.last[name] = look
        self.metrics.saw(look)
        if look.anchor_present is not None:
            self._shown[name] = look.anchor_present
        new = _is_new(look, before) or shown
        if new:
            self._keep(look, log)
        if self._form == "table":
            if new:
                console(sys.stdout).print(_line(look), soft_wrap=True)
        else:
            self._print(look)
            if new and (before is not None or look.sample.error is not None):
                errors().print(_line(look), soft_wrap=True)
        sys.stdout.flush()

    def _keep(self, look: Look, log: RunLog) -> None:
        sample, name = look.sample, look.target.name
        status = Status.DONE if sample.error is None else Status.FAILED
        log.event(Event(name, "look", status, _text(look).plain))
        log.ended(Result(name, Kind.POLL, sample=sample, began=sample.time, ended=sample.time), self._anchor)

    def _print(self, look: Look) -> None:
        made = objects.poll_object(look.sample, anchor_present=look.anchor_present)
        if self._form == "json":
            self._array.add(made)
        else:
            print(objects.dump(made, self._form))

    def end(self) -> None:
        """Nothing more comes."""
        if self._form == "json":
            self._array.end()

    def leave(self) -> NoReturn:
        """End the process at once: looks change nothing, and sessions end with their connections."""
        if self._form == "json":
            last_words(1, f"{self._array.closing}\n")
        last_words(2, "interrupted at once; looks change nothing\n")
        os._exit(130)


def _is_new(look: Look, before: Look | None) -> bool:
    """Whether it is a router's first look, or says what the one before did not: an error, its end, a change."""
    if before is None:
        return True
    if look.sample.error is not None or before.sample.error is not None:
        return look.sample.kind != before.sample.kind
    return bool(look.sample.changed)


def _line(look: Look) -> Text:
    return Text.assemble(sample_line(look.sample), _root(look))


def _text(look: Look) -> Text:
    return Text.assemble(sample_text(look.sample), _root(look))


def _root(look: Look) -> Text:
    """Whether the trustpoint shows the root, where that can be told."""
    if look.anchor_present is None:
        return Text("")
    return cell(" · root shown" if look.anchor_present else " · root not shown", "" if look.anchor_present else "red")


def _judge(targets: Sequence[Target], last: dict[str, Look], until: str, timeout: float | None) -> None:
    """Exit with 1 where a router did not come to its end, or could not be read at last."""
    wanted = until != "forever"
    left = [target.name for target in targets if not _well(last.get(target.name), reached=wanted)]
    if left:
        what = f"not {until}" if wanted else "not read at last"
        within = f" within {timeout:g} s" if wanted and timeout is not None else ""
        names = ", ".join(left[:_NAMED]) + (", …" if len(left) > _NAMED else "")
        say_failure(f"{len(left)} of {len(targets)} routers are {what}{within}: {names}", hint="xr-agent history last")
    click.get_current_context().exit(1 if left else 0)


def _well(look: Look | None, *, reached: bool) -> bool:
    if look is None:
        return False
    return look.sample.reached if reached else look.sample.error is None
