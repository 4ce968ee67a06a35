"""``show license``: in exec mode, or in the admin plane of 32-bit XR.

The sections and lines are those of the Smart Agent as public output of 2018 to 2022 has them (H34); by policy as in
Cisco's guide to Smart Licensing Using Policy. Account names are made up.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from agent.simulator.device.operstate import State, shown
from agent.simulator.device.simdevice import Device

_DEADLINE, _NEXT = timedelta(days=90), timedelta(days=30)
_TRANSPORTS = {"callhome": "Callhome", "smart": "Smart", "clsu": "cslu", "transport-off": "Transport Off"}


def commands(device: Device) -> dict[str, Callable[[], str]]:
    """The commands by their words."""
    shows = {"status": _status, "all": _everything, "summary": _summary}
    return {f"show license {word}": partial(show, device.state) for word, show in shows.items()}


def _everything(state: State) -> str:
    return "\n".join(
        [
            "Smart Licensing Status",
            "======================",
            "",
            _status(state),
            "",
            "License Usage",
            "=============",
            "",
            "(ESS-CA-100G-RTU-2):",
            "  Description: SYNTHETIC entitlement of the simulator",
            "  Count: 4",
            "  Version: 1.0",
            f"  Status: {_word(state)}",
        ]
    )


def _status(state: State) -> str:
    if state.persona.policy:
        return _by_policy(state)
    return "\n".join(
        [
            *_head(_registration(state), _authorization(state)),
            "Utility:",
            "  Status: DISABLED",
            "",
            "Transport:",
            f"  Type: {_TRANSPORTS.get(state.transport, state.transport)}",
            *([f"  Registration URL: {state.url}"] if state.transport == "smart" else []),
        ]
    )


def _summary(state: State) -> str:
    return "\n".join(
        [
            *_head(_registration(state)[:3], _authorization(state)[:2]),
            "License Usage:",
            "  License                 Entitlement tag               Count Status",
            "  -----------------------------------------------------------------------------",
            f"  ESS-CA-100G-RTU-2       (ESS-CA-100G-RTU-2)               4 {_word(state)}",
        ]
    )


def _head(registration: list[str], authorization: list[str]) -> list[str]:
    enabled = ["Smart Licensing is ENABLED", "", "Registration:"]
    return [*enabled, *registration, "", "License Authorization: ", *authorization, ""]


def _word(state: State) -> str:
    return state.authorization.replace("-", " ").upper()


def _registration(state: State) -> list[str]:
    match state.registration:
        case "complete":
            return [
                "  Status: REGISTERED",
                "  Smart Account: Example",
                "  Virtual Account: Simulated",
                "  Initial Registration: SUCCEEDED on Jan 10 2022 08:00:00 UTC",
            ]
        case "retry" | "failed":
            return [
                f"  Status: {'REGISTERING - RETRYING' if state.registration == 'retry' else 'REGISTRATION FAILED'}",
                f"  Initial Registration: FAILED on {shown(state.last_contact)}",
                f"    Failure reason: {state.fail_message}",
            ]
    return ["  Status: UNREGISTERED", "  Export-Controlled Functionality: Not Allowed"]


def _authorization(state: State) -> list[str]:
    last = shown(state.last_contact)
    word = _word(state)
    if state.authorization in ("authorized", "out-of-compliance", "authorization-expired"):
        outcome = "SUCCEEDED" if state.last_success else "FAILED"
        return [
            f"  Status: {word} on {last}",
            f"  Last Communication Attempt: {outcome} on {last}",
            *([] if state.last_success else [f"    Failure reason: {state.fail_message}"]),
            f"  Next Communication Attempt: {shown(state.last_contact + _NEXT)}",
            f"  Communication Deadline: {shown(state.last_contact + _DEADLINE)}",
        ]
    if state.authorization == "eval-expired":
        return [f"  Status: EVAL EXPIRED on {last}"]
    if state.authorization == "eval":
        return ["  Status: EVAL MODE", "  Evaluation Period Remaining: 89 days, 23 hours, 34 minutes, 40 seconds"]
    return [f"  Status: {'No Licenses in Use' if word == 'NONE' else word}"]


def _by_policy(state: State) -> str:
    last = shown(state.last_contact)
    return "\n".join(
        [
            "Utility:",
            "  Status: DISABLED",
            "",
            "Smart Licensing Using Policy:",
            "  Status: ENABLED",
            "",
            "Account Information:",
            "  Smart Account: <none>",
            "  Virtual Account: <none>",
            "",
            "Transport:",
            "  Type: cslu",
            "  Cslu address: <empty>",
            "  Proxy:",
            "    Not Configured",
            "",
            "Policy:",
            "  Policy in use: Merged from multiple sources.",
            "",
            "Usage Reporting:",
            f"  Last ACK received: {last if state.last_success else '<none>'}",
            f"  Next ACK deadline: {shown(state.last_contact + _DEADLINE)}",
            "  Reporting push interval: 30  days",
            f"  Next report push: {shown(state.last_contact + _NEXT)}",
            f"  Last report push: {last}",
            "",
            "Trust Code Installed: <none>",
        ]
    )
