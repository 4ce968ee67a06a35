"""What bounds a push to many: its canary, and the failures that stop it, as given or as is usual above ten routers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from rich.text import Text

from agent.cli.usage.given import Options
from agent.cli.view.render import some
from agent.fleet.inventory.target import Target
from agent.fleet.run.rollout import LEAST_FAILURES, MANY, USUAL_FAILURES, Rollout, Share, usual_failures


@dataclass(frozen=True)
class Seen:
    """What a look at all routers found.

    Attributes:
        kinds: of each that is to be changed the kind of its plan, in the routers' order.
        unread: those that could not be read.
        groups: all plans, equal ones together.
    """

    kinds: Mapping[str, str]
    unread: frozenset[str] = frozenset()
    groups: Sequence[Text] = ()


@dataclass(frozen=True)
class Bounds:
    """A push's roll-out, and what is said of it.

    Attributes:
        canaries: where one router of each kind of plan is the canary, their names with their kinds.
        unread: those that could not be looked at, which come last.
        changing: how many routers may be changed, as far as that is known.
        bound: at how many failures it stops where nobody says otherwise; 0 where that is ten routers or fewer.
        asked: what the user said of canary and failures.
    """

    rollout: Rollout
    canaries: Mapping[str, str] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    changing: int = 0
    bound: int = 0
    asked: Options = field(default_factory=dict)

    @classmethod
    def of(cls, given: Options, rollout: Rollout, total: int, seen: Seen | None = None, *, before: int = 0) -> Self:
        """Of a push to *total* routers, which were *seen* before.

        *before*: of a run that is resumed, its :attr:`bound` until now: what bounded it does so to its end.
        """
        kinds, unread = (seen.kinds, seen.unread) if seen else ({}, frozenset())
        changing = len(kinds) + len(unread) if seen else total
        bound = usual_failures(changing, before)
        canaries = _first_of_each(kinds) if bound and wants_kinds(given) else {}
        if canaries:
            rollout = replace(rollout, canary=Share(len(canaries)), kinds=kinds)
        if bound and given["max_failures"] is None:
            rollout = replace(rollout, max_failures=Share(bound - 1), canary_may_fail=False)
        return cls(rollout, canaries, unread, changing, bound, given)

    def ordered(self, targets: Sequence[Target]) -> list[Target]:
        """*targets*, the canaries first, and last those of which nobody knows what is to be done to them."""
        return sorted(targets, key=lambda one: (one.name in self.unread, one.name not in self.canaries))

    @property
    def lines(self) -> Iterator[str]:
        """What bounds the run, and how to have it otherwise."""
        parts = [part for part in (self._canary, self._failures) if part]
        yield f"bounds: {'; '.join(parts) or self._none}"
        usual = [*(["--no-canary"] if self.canaries else []), *(["--max-failures none"] if self._usual else [])]
        if usual:
            yield f"  without: {', '.join(usual)}"

    @property
    def _usual(self) -> bool:
        return self.bound > 0 and self.asked["max_failures"] is None

    @property
    def _canary(self) -> str:
        if self.canaries:
            named = some([f"{name} ({kind})" for name, kind in self.canaries.items()])
            return f"canary {named}: one of each kind of plan (release line, method), before all others"
        return f"canary {self.rollout.canary}, before all others" if self.rollout.canary else ""

    @property
    def _failures(self) -> str:
        if self._usual:
            canary = ", and at one in the canary" if self.rollout.canary else ""
            return f"stops at {self.bound:,} failures ({self._why}){canary}"
        if self.rollout.max_failures is not None:
            return f"stops at more than {self.rollout.max_failures} failures"
        return "stops at one failure in the canary" if self.rollout.canary else ""

    @property
    def _why(self) -> str:
        if self.bound > self.changing:
            return "fewer routers are left"
        if self.bound < usual_failures(self.changing):
            return "as it did before"
        return f"{USUAL_FAILURES} % of {self.changing:,}, at least {LEAST_FAILURES}"

    @property
    def _none(self) -> str:
        if self.bound:
            return "none, as --no-canary and --max-failures none say"
        return f"none, up to {MANY} routers to be changed; --canary and --max-failures set some"


def wants_kinds(given: Options) -> bool:
    """Whether nobody said what the canary is to be."""
    return given["canary"] is None and not given["no_canary"]


def _first_of_each(kinds: Mapping[str, str]) -> dict[str, str]:
    """The first router of each kind."""
    firsts: dict[str, str] = {}
    for name, kind in kinds.items():
        firsts.setdefault(kind, name)
    return {name: kind for kind, name in firsts.items()}
