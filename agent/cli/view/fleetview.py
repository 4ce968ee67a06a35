"""What a run over many routers prints at its end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from rich.console import Group, RenderableType
from rich.text import Text

from agent.cli.usage.given import resuming
from agent.cli.view.checkview import together
from agent.cli.view.render import cell, columns, some, watched, word
from agent.fleet.report.shown import LEGACY
from agent.fleet.results.record import DeviceRecord, Kind, RunRecord
from agent.fleet.results.structs import Check, CheckMethod, CheckPoint, Plan
from agent.model.check import Standing
from agent.model.errors import LoginWithheld
from agent.model.masking.text import counted
from agent.model.pki.certificate import Evidence
from agent.model.plan import DRIFTED

T = TypeVar("T")
Said = TypeVar("Said", CheckPoint, CheckMethod)
_Alike = tuple[str, tuple[str, ...]]
"""What routers come to, in a line, and the lines below it."""

_ADVICE = 5
_MOST = 40
"""Rows of a table at the most: what is more is in the report, in the journal and in --format json."""


def run_view(run: RunRecord, devices: Iterable[DeviceRecord]) -> RenderableType:
    """Counts, then every router, or those that need a look where there are many."""
    notes = _Notes()
    if run.kind in (Kind.PLAN, Kind.CHECK):
        alike = _check if run.kind is Kind.CHECK else _plan
        return Group(*_grouped(map(notes.seen, devices), alike), *notes.old())
    total = sum(run.counts.values())
    rows: list[tuple[object, ...]] = []
    hidden = well = 0
    for one in devices:
        if one.word == "waiting":
            continue
        notes.take(one)
        if total > _MOST and one.well:
            well += 1
            continue
        if len(rows) == _MOST:
            hidden += 1
            continue
        rows.append((cell(one.device, "bold"), word(one.word), one.release, one.method, _why(one)))
    counts = (Text.assemble(f"{count:,} ", word(name)) for name, count in run.counts.items())
    parts: list[RenderableType] = [Text(" · ").join((cell(f"run {run.run}", "bold"), *counts))]
    if rows:
        parts.append(columns(("device", "", "release", "method", "detail"), rows))
    if well:
        parts.append(cell(f"{well:,} that ended well are not listed: xr-agent history {run.run}", "dim"))
    if hidden:
        parts.append(cell(f"{hidden} more need a look: xr-agent history {run.run} --failed", "yellow"))
    return Group(*parts, *notes.lines(run.run))


@dataclass
class _Notes:
    """What is said once below the table, of however many routers."""

    advice: dict[str, list[str]] = field(default_factory=dict)
    passing: int = 0
    owed: int = 0
    unheard: int = 0
    legacy: list[str] = field(default_factory=list)

    def seen(self, one: DeviceRecord) -> DeviceRecord:
        """*one* again, counted where it was reached with legacy algorithms."""
        if one.legacy_ssh:
            self.legacy.append(one.device)
        return one

    def old(self) -> Iterator[Text]:
        """The line about :meth:`seen`."""
        if self.legacy:
            yield cell(f"{counted(len(self.legacy), 'router')}: {LEGACY}  ({some(self.legacy)})", "yellow")

    def take(self, one: DeviceRecord) -> None:
        self.seen(one)
        self.passing += one.passing
        owed = one.renewal is not None and one.renewal.owed
        self.owed += owed
        self.unheard += one.unheard and not owed
        if one.error is not None and one.error.hint:
            self.advice.setdefault(one.error.hint, []).append(one.device)

    def lines(self, run: str) -> Iterator[Text]:
        """The lines, those that concern most routers first."""
        if self.passing:
            said = "a reload forgets the root; an import into the trustpool lasts (push --bundle FILE --then trustpool)"
            yield cell(f"{counted(self.passing, 'router')}: {said}", "yellow")
        if self.owed:
            said = f"the licence is not known to be renewed: {resuming(run)} renews it"
            yield cell(f"{counted(self.owed, 'router')}: {said}", "yellow")
        if self.unheard:
            said = f"no contact with the licensing server seen yet: {watched()}"
            yield cell(f"{counted(self.unheard, 'router')}: {said}", "yellow")
        yield from self.old()
        for hint, names in _largest(self.advice)[:_ADVICE]:
            yield cell(f"next: {hint}  ({some(names)})")
        if self.advice:
            yield cell(f"the steps of one of them: xr-agent history {run} --device NAME", "dim")


def _why(one: DeviceRecord) -> str | None:
    if one.error is not None:
        return one.error.message
    if one.reached is not None:
        return one.reached
    evidence = one.evidence or Evidence.NONE
    said = next(iter(one.reasons), None) if evidence is Evidence.NONE else f"by {evidence.value}"
    said = f"{said}, until a reload" if one.passing else said
    return "; ".join(filter(None, (said, one.renewal and one.renewal.value))) or None


def plan_groups(devices: Iterable[DeviceRecord], order: Mapping[str, int] | None = None) -> list[Text]:
    """Equal plans together: how many routers, by which method, and what is done to each.

    *order*: the places of the routers by name, where *devices* come as they ended.
    """
    return _grouped(devices, _plan, order)


def _grouped(
    devices: Iterable[DeviceRecord],
    alike: Callable[[DeviceRecord], _Alike],
    order: Mapping[str, int] | None = None,
) -> list[Text]:
    """What comes to the same together: how many routers, and what that is; the largest group first."""
    groups: dict[_Alike, list[str]] = {}
    for one in devices:
        groups.setdefault(alike(one), []).append(one.device)
    if order is not None:
        groups = {what: sorted(names, key=order.__getitem__) for what, names in groups.items()}
        groups = dict(sorted(groups.items(), key=lambda group: order[group[1][0]]))
    lines = []
    for (how, diff), names in _largest(groups):
        head = cell(f"{counted(len(names), 'router')}: {how}", "bold")
        lines.append(Text.assemble(head, cell(f"  ({some(names, 3)})", "dim")))
        lines += [cell(f"  {line}") for line in diff]
    return lines


def _largest(groups: dict[T, list[str]]) -> list[tuple[T, list[str]]]:
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def _plan(one: DeviceRecord) -> tuple[str, tuple[str, ...]]:
    """What a plan comes to, the router's own name and address left out of it."""
    plan = one.plain
    if not isinstance(plan, Plan):
        return f"no plan: {one.word}", ()
    if plan.error is not None:
        what = "" if plan.error.kind == LoginWithheld.kind else "could not be read: "
        return f"{what}{_unnamed(plan.error.message, one)}", _next(plan.error.hint, one)
    if plan.skip is not None:
        reason, drifted = _unnamed(plan.skip.reason, one), plan.skip.reason.startswith(DRIFTED)
        return reason if drifted else f"nothing possible because {reason}", _next(plan.skip.hint, one)
    if not plan.changes or plan.method is None:
        return "nothing to do", ()
    return f"{plan.config_model.value}, {plan.method.value}", plan.diff


def _check(one: DeviceRecord) -> tuple[str, tuple[str, ...]]:
    """What a check comes to: by which methods a push could go, and what is not as it should be."""
    found = one.plain
    if not isinstance(found, Check):
        return f"no check: {one.word}", ()
    if found.error is not None:
        return f"could not be looked at: {_unnamed(found.error.message, one)}", _next(found.error.hint, one)
    possible = ", ".join(way.method.value for way in found.methods if way.standing is Standing.OK)
    points = _amiss(found.points, lambda one: one.topic.value)
    methods = (f"method {line}" for line in _amiss(found.methods, lambda one: one.method.value))
    return " by ".join(filter(None, (one.word, possible))), tuple(_unnamed(line, one) for line in (*points, *methods))


def _next(hint: str | None, one: DeviceRecord) -> tuple[str, ...]:
    return (f"next: {_unnamed(hint, one)}",) if hint else ()


def _amiss(found: Iterable[Said], name: Callable[[Said], str]) -> Iterator[str]:
    """What is not as it should be, in one line for all by *name* of which the same is said."""
    for group in together(found):
        one = group[0]
        if one.standing is not Standing.OK:
            cure = f"; next: {one.hint}" if one.hint else ""
            yield f"{', '.join(map(name, group))} {one.standing.value.replace('-', ' ')}: {one.detail}{cure}"


def _unnamed(text: str, one: DeviceRecord) -> str:
    """*text* without what differs from router to router."""
    host = (one.address or one.device).rpartition(":")[0] or one.device
    text = re.sub(rf"{re.escape(host)}:\d+: |{re.escape(one.device)}: |\bport \d+: ", "", text)
    text = re.sub(r"(?<=ssh server netconf port )(?!830\b)\d+", "…", text)
    return re.sub(r"SHA256:[A-Za-z0-9+/]{43}(?: at port \d+)?", "SHA256:…", text)
