"""xr-agent's part of the fleet bench: a push to each router, by the library; host keys, payloads and proof checked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import agent
from bench.contestant import Asked, contend


def push_all(asked: Asked) -> list[str]:
    """Push to every router, and give the failures."""
    # The peers' list has a plain commit; a confirmed one takes a second session.
    intent = agent.Intent(caution=agent.Caution(commit=agent.CommitMode.PLAIN))
    host_keys = agent.HostKeys(Path(asked.known_hosts))

    def push(port: int) -> str | None:
        router = agent.Device(
            "127.0.0.1",
            port,
            username=asked.username,
            password=agent.Secret(asked.password),
            host_keys=host_keys,
            timeout=120,
            open_timeout=120,
        )
        try:
            with agent.connect(router) as session:
                outcome = agent.remediate(session, intent)
        except agent.AgentError as error:
            return str(error)
        return None if outcome.result is agent.Result.REMEDIED else f"{port}: {outcome.error}"

    with ThreadPoolExecutor(asked.workers) as pool:
        return [failure for failure in pool.map(push, asked.ports) if failure is not None]


if __name__ == "__main__":
    contend(push_all)
