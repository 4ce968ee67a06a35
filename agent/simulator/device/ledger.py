"""What was written to a device: the account by which another process can tell that nothing was done twice."""

from __future__ import annotations

from agent.simulator.device.simdevice import Device


def ledger(device: Device) -> dict[str, object]:
    """How often what was done, and what is left, in plain values.

    ``commits``, ``rollbacks`` (of commits on trial), ``authenticates`` (certificates that a trustpoint was given),
    ``imports`` (into the trustpool), ``renewals``, ``registrations``; ``sessions`` (NETCONF and CLI) and ``rpcs`` that
    came; ``open`` sessions, ``locked`` datastores, ``dirty`` candidate, ``files`` that were left.
    """
    state, config = device.state, device.config
    return {
        "release": device.persona.release,
        "sessions": device.last_session,
        "rpcs": sum(device.counters.values()),
        "commits": config.commits,
        "rollbacks": config.rollbacks,
        "authenticates": state.authenticates,
        "imports": state.imports,
        "renewals": state.renewals,
        "registrations": len(state.tokens),
        "open": len(device.sessions),
        "locked": sorted(config.locks),
        "dirty": config.dirty,
        "files": sorted(device.files),
    }
