"""xr-agent's part of the flights bench: pushes one after the other, and how long each of their steps took.

It goes by the library's face and the standard library alone, so that it runs in the environment of another revision.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import agent


@dataclass
class Watch:
    """Seconds by step; what passes counts as the step's that ends by it."""

    steps: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def passed(self, step: str) -> None:
        """Add what passed since the last call."""
        now = time.perf_counter()
        self.steps[step] = self.steps.get(step, 0.0) + now - self._last
        self._last = now


def push(router: agent.Device, intent: agent.Intent) -> dict[str, float]:
    """One push, from no connection to none, and its seconds by step."""
    watch, again = Watch(), partial(agent.connect, router)
    with agent.connect(router) as session:
        watch.passed("connect")
        state = agent.observe(session)
        watch.passed("observe")
        outcome = None
        with closing(agent.apply(session, agent.plan(intent, state), connect=again)) as events:
            for event in events:
                if event.outcome is not None:
                    watch.passed("give back")
                elif event.status.value != "skipped":  # such as a note, which takes no time
                    watch.passed(event.step)
                outcome = event.outcome or outcome
        if outcome is None or outcome.result is not agent.Result.REMEDIED:
            raise SystemExit(f"the push did not work: {outcome}")
    watch.passed("close")
    return watch.steps


def _main() -> None:
    asked = json.load(sys.stdin)
    keys = agent.HostKeys(Path(asked["known_hosts"]))
    login = {"username": asked["username"], "password": agent.Secret(asked["password"]), "host_keys": keys}
    intent = agent.Intent(caution=agent.Caution(commit=agent.CommitMode(asked["commit"])))
    print(json.dumps([push(agent.Device("127.0.0.1", port, **login), intent) for port in asked["ports"]]))


if __name__ == "__main__":
    _main()
