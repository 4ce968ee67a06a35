"""Give IOS XR routers the root certificate they need, over NETCONF and YANG, with proof.

::

    import agent

    router = agent.Device("r1.example", username="ops", password=agent.Secret.from_env("XR_PASSWORD"))
    outcome = agent.remediate(router, agent.Intent())
    print(outcome.result.value, outcome.evidence.value)

Inside an orchestrator that owns an ncclient ``Manager``:
``agent.remediate(router, session=agent.Session.over(manager))``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Device": "agent.model.device",
    "HostKeys": "agent.model.device",
    "Secret": "agent.model.device",
    "TrustAnchor": "agent.model.pki.anchor",
    "Bundle": "agent.model.pki.bundle",
    "Evidence": "agent.model.pki.certificate",
    "Intent": "agent.model.plan",
    "Caution": "agent.model.caution",
    "CommitMode": "agent.model.caution",
    "Method": "agent.model.method",
    "Plan": "agent.model.plan",
    "Skip": "agent.model.plan",
    "Verdict": "agent.model.plan",
    "State": "agent.model.state",
    "ContextFilter": "agent.model.context",
    "bound": "agent.model.context",
    "Event": "agent.model.outcome",
    "Outcome": "agent.model.outcome",
    "Result": "agent.model.outcome",
    "Wait": "agent.model.outcome",
    "Waiting": "agent.model.outcome",
    "Policy": "agent.netconf.retry",
    "Session": "agent.netconf.session",
    "TraceFile": "agent.netconf.trace",
    "connect": "agent.netconf.session",
    "observe": "agent.remedy.observe",
    "assess": "agent.remedy.assess",
    "plan": "agent.remedy.plan",
    "apply": "agent.remedy.apply",
    "carry_out": "agent.remedy.apply",
    "remediate": "agent.remedy.remediate",
    "poll": "agent.remedy.poll",
    "Until": "agent.remedy.poll",
    "Ssh": "agent.xr.cli.sshport",
    "AgentError": "agent.model.errors",
    "AccessDenied": "agent.model.errors",
    "AnchorMismatch": "agent.model.errors",
    "CapabilityMissing": "agent.model.errors",
    "CertificateMissing": "agent.model.errors",
    "ConnectError": "agent.model.errors",
    "ConsoleError": "agent.model.errors",
    "FileError": "agent.model.errors",
    "HostKeyError": "agent.model.errors",
    "InputError": "agent.model.errors",
    "Interrupted": "agent.model.errors",
    "JournalError": "agent.model.errors",
    "LockDenied": "agent.model.errors",
    "LoginWithheld": "agent.model.errors",
    "OutcomeUnknown": "agent.model.errors",
    "PolicyRefused": "agent.model.errors",
    "ProtocolError": "agent.model.errors",
    "RPCError": "agent.model.errors",
    "ReplyTimeout": "agent.model.errors",
    "SSHAuthenticationError": "agent.model.errors",
    "SSHNegotiationError": "agent.model.errors",
    "SchemaError": "agent.model.errors",
    "SessionLost": "agent.model.errors",
    "TransportError": "agent.model.errors",
    "TrustError": "agent.model.errors",
}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604 - the keys of _HOME are strings

if TYPE_CHECKING:
    from agent.model.caution import Caution as Caution
    from agent.model.caution import CommitMode as CommitMode
    from agent.model.context import ContextFilter as ContextFilter
    from agent.model.context import bound as bound
    from agent.model.device import Device as Device
    from agent.model.device import HostKeys as HostKeys
    from agent.model.device import Secret as Secret
    from agent.model.errors import *  # noqa: F403 - the whole error tree is public
    from agent.model.method import Method as Method
    from agent.model.outcome import Event as Event
    from agent.model.outcome import Outcome as Outcome
    from agent.model.outcome import Result as Result
    from agent.model.outcome import Wait as Wait
    from agent.model.outcome import Waiting as Waiting
    from agent.model.pki.anchor import TrustAnchor as TrustAnchor
    from agent.model.pki.bundle import Bundle as Bundle
    from agent.model.pki.certificate import Evidence as Evidence
    from agent.model.plan import Intent as Intent
    from agent.model.plan import Plan as Plan
    from agent.model.plan import Skip as Skip
    from agent.model.plan import Verdict as Verdict
    from agent.model.state import State as State
    from agent.netconf.retry import Policy as Policy
    from agent.netconf.session import Session as Session
    from agent.netconf.session import connect as connect
    from agent.netconf.trace import TraceFile as TraceFile
    from agent.remedy.apply import apply as apply
    from agent.remedy.apply import carry_out as carry_out
    from agent.remedy.assess import assess as assess
    from agent.remedy.observe import observe as observe
    from agent.remedy.plan import plan as plan
    from agent.remedy.poll import Until as Until
    from agent.remedy.poll import poll as poll
    from agent.remedy.remediate import remediate as remediate
    from agent.xr.cli.sshport import Ssh as Ssh


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: ``import agent`` alone loads no SSH, XML or YANG library."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'agent' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
