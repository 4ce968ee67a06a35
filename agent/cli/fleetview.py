"""What a run over many routers prints at its end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from agent.cli.render import cell, columns, word
from agent.fleet.record import DeviceRecord, Kind, RunRecord
from agent.model.text import counted

_MOST = 40
"""Rows of a table at the most: what is more is in the report, in the journal and in --format json."""


def run_view(run: RunRecord, devices: Iterable[DeviceRecord]) -> RenderableType:
    """Counts, then every router, or those that need a look where there are many."""
    if run.kind is Kind.PLAN:
        return Group(*plan_groups(devices))
    total = sum(run.counts.values())
    rows: list[tuple[Text, ...]] = []
    hidden = well = 0
    for one in devices:
        if total > _MOST and one.well:
            well += 1
            continue
        if len(rows) == _MOST:
            hidden += 1
            continue
        rows.append((cell(one.device, "bold"), word(one.word), cell(one.release), cell(one.method), cell(_why(one))))
    parts: list[RenderableType] = [_counts(run)]
    if rows:
        parts.append(columns(("device", "", "release", "method", "detail"), rows))
    if well:
        parts.append(cell(f"{well:,} that ended well are not listed: xr-agent history {run.run}", "dim"))
    if hidden:
        parts.append(cell(f"{hidden} more need a look: xr-agent history {run.run} --failed", "yellow"))
    return Group(*parts)


def _counts(run: RunRecord) -> Text:
    parts = [
        cell(f"run {run.run}", "bold"),
        *(Text.assemble(f"{count:,} ", word(name)) for name, count in run.counts.items()),
    ]
    return Text(" · ").join(parts)


def _why(one: DeviceRecord) -> str | None:
    if one.error is not None:
        return one.error.message
    if one.evidence not in (None, "none"):
        return f"by {one.evidence}"
    return next(iter(one.reasons), None)


def plan_groups(devices: Iterable[DeviceRecord]) -> list[Text]:
    """Equal plans together: how many routers, by which way, and what is done to each; the largest group first."""
    counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
    first: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for one in devices:
        key = _plan(one)
        counts[key] += 1
        names = first.setdefault(key, [])
        if len(names) < 3:
            names.append(one.device)
    lines = []
    for key, count in counts.most_common():
        how, diff = key
        more = ", …" if count > len(first[key]) else ""
        lines.append(
            Text.assemble(
                cell(f"{counted(count, 'router')}: {how}", "bold"), cell(f"  ({', '.join(first[key])}{more})", "dim")
            )
        )
        lines += [cell(f"  {line}") for line in diff]
    return lines


def _plan(one: DeviceRecord) -> tuple[str, tuple[str, ...]]:
    """What a plan comes to, the router's own name and address left out of it."""
    plain = one.plain
    if plain.get("error"):
        return f"could not be read: {_unnamed(plain['error']['message'], one)}", ()
    if plain.get("skip"):
        return f"nothing possible because {_unnamed(plain['skip']['reason'], one)}", ()
    if not plain.get("changes"):
        return "nothing to do", ()
    return f"{plain['config_model']}, {plain['method']}", tuple(plain["diff"])


def _unnamed(text: str, one: DeviceRecord) -> str:
    """*text* without what differs from router to router."""
    host = (one.address or one.device).rpartition(":")[0] or one.device
    return re.sub(rf"{re.escape(host)}:\d+: |{re.escape(one.device)}: ", "", text)
