"""The methods in the order in which ``auto`` prefers them; a further one is a file of this room and a line here."""

from __future__ import annotations

from typing import Any

from agent.model.method import Method
from agent.model.plan import Intent
from agent.model.state import Access, State
from agent.model.steps import Step
from agent.remedy.methods.base import InstallMethod, Refused
from agent.remedy.methods.by_dialog import DialogMethod
from agent.remedy.methods.by_file import FileMethod
from agent.remedy.methods.by_rpc import RpcMethod
from agent.remedy.methods.by_trustpool import TrustpoolMethod

METHODS: dict[Method, InstallMethod[Any]] = {
    one.method: one
    for one in (
        TrustpoolMethod(),
        FileMethod(),
        RpcMethod(),
        DialogMethod(),
    )
}


def impossible(method: Method, access: Access) -> str:
    """Why *method* is not among those that the device's models allow."""
    return dict(access.refusals).get(method) or f"method {method.value} is not possible on this device"


def offered(method: Method, intent: Intent, state: State) -> list[Step] | Refused:
    """The steps by which *method* brings the anchor into the device of *state*."""
    if method not in state.access.methods:
        return Refused(impossible(method, state.access))
    return METHODS[method].steps(intent, state)
