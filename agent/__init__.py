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

_FACE = {
    "agent.model.device": "Device HostKeys Secret",
    "agent.model.pki.anchor": "TrustAnchor",
    "agent.model.pki.bundle": "Bundle",
    "agent.model.pki.certificate": "Evidence",
    "agent.model.plan": "Intent Plan Skip Verdict",
    "agent.model.caution": "Caution CommitMode",
    "agent.model.method": "Method",
    "agent.model.state": "State",
    "agent.model.telemetry.context": "ContextFilter bound",
    "agent.model.outcome": "Event Outcome Result Wait Waiting",
    "agent.netconf.retry": "Policy",
    "agent.netconf.session": "Session connect",
    "agent.netconf.trace": "TraceFile",
    "agent.remedy.observe": "observe",
    "agent.remedy.assess": "assess",
    "agent.remedy.plan": "plan",
    "agent.remedy.apply": "apply carry_out",
    "agent.remedy.remediate": "remediate",
    "agent.remedy.poll": "poll Until",
    "agent.xr.cli.sshport": "Ssh",
    "agent.model.errors": (
        "AgentError AccessDenied AnchorMismatch CapabilityMissing CertificateMissing ConnectError ConsoleError "
        "FileError HostKeyError InputError Interrupted JournalError LockDenied LoginWithheld OutcomeUnknown "
        "PolicyRefused ProtocolError RPCError ReplyTimeout SSHAuthenticationError SSHNegotiationError SchemaError "
        "SessionLost TransportError TrustError"
    ),
}
"""The names of the library's face, by their modules."""
_HOME = {name: home for home, names in _FACE.items() for name in names.split()}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604 - the keys of _HOME are strings

if TYPE_CHECKING:
    from agent.model.caution import Caution as Caution
    from agent.model.caution import CommitMode as CommitMode
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
    from agent.model.telemetry.context import ContextFilter as ContextFilter
    from agent.model.telemetry.context import bound as bound
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
