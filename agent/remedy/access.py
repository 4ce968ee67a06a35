"""What a device's models make possible: decided by modules, revisions and nodes, never by the release's name."""

from __future__ import annotations

from dataclasses import replace

from agent.model.pki.certificate import Evidence
from agent.model.state import Access, ConfigModel, ReadBy
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema
from agent.remedy.methods.by_rpc import NO_CANDIDATE, NO_CONFIG, NO_RPC
from agent.remedy.methods.registry import METHODS
from agent.xr import filesystems, licensing, shellutil, trustpoint, trustpool

NOTHING = "the hello announces nothing"
_NO_STATE = "no model shows a trustpoint's certificate (crypto-cepki-oper): read over the CLI"
_NO_LICENSING = "no model shows licensing (infra-smartlicense-oper): read over the CLI"
_NEEDED = {
    NO_CONFIG: ("um-crypto-cfg", "crypto-cepki-cfg", "cli-cfg"),
    NO_RPC: ("crypto-act",),
    _NO_STATE: ("crypto-cepki-oper",),
    _NO_LICENSING: ("infra-smartlicense-oper",),
}
"""The modules whose nodes are missing, by what is said of it."""


def access(capabilities: Capabilities, schema: Schema) -> Access:
    """The config model, the methods in order of preference, how state is read and proven, and what is missing.

    The CLI over SSH is taken to be there: what a device announces over NETCONF does not tell.
    """
    if capabilities.empty:
        why = capabilities.notes or (NOTHING,)
        return Access(reasons=why, refusals=tuple((method, why[-1]) for method in METHODS))
    models = trustpoint.config_models(schema)
    model = models[0] if models else ConfigModel.NONE
    evidence = trustpoint.evidence(schema)
    licensed = licensing.query(schema).missing is None
    authenticate = trustpoint.can_authenticate(schema)
    lacking = (
        None if models else NO_CONFIG,
        None if authenticate else NO_RPC,
        None if capabilities.candidate else NO_CANDIDATE,
        _NO_STATE if evidence is Evidence.CONSOLE else None,
        None if licensed else _NO_LICENSING,
    )
    reasons = [_why(schema, reason) for reason in lacking if reason]
    possible = Access(
        config_model=model,
        authenticate=authenticate,
        renew_auth=licensing.renewal(schema),
        candidate=capabilities.candidate,
        validate=capabilities.validate,
        enrollments=trustpoint.enrollments(schema, model),
        file_path=trustpoint.takes_file(schema),
        clear_certificates=trustpoint.can_clear(schema),
        import_url=trustpool.can_import(schema),
        import_clean=trustpool.can_clean(schema),
        longest_url=trustpool.longest(schema),
        longest_source=shellutil.longest_source(schema),
        copy=shellutil.can_copy(schema),
        delete=shellutil.can_delete(schema),
        lists_files=shellutil.can_list(schema),
        shows_space=filesystems.can_show(schema),
        register_token=licensing.renewal(schema, "register-id-token"),
        trustpoint_state=ReadBy.CONSOLE if evidence is Evidence.CONSOLE else ReadBy.YANG,
        licensing_state=ReadBy.YANG if licensed else ReadBy.CONSOLE,
        evidence=evidence,
        reasons=tuple(reasons),
    )
    lacks = {method: one.lacks(possible) for method, one in METHODS.items()}
    # Last, since what stands in or is refused is known only for the modules that were looked at.
    notes = [note for note in schema.notes() if not any(note in reason for reason in reasons)]
    return replace(
        possible,
        reasons=(*reasons, *notes, *capabilities.notes),
        methods=tuple(method for method, reason in lacks.items() if reason is None),
        refusals=tuple((method, _why(schema, reason)) for method, reason in lacks.items() if reason is not None),
    )


def _why(schema: Schema, missing: str) -> str:
    """Why nodes are missing: their modules are refused by ``strict``, else as *missing* says."""
    refused = (schema.refused(f"Cisco-IOS-XR-{module}") for module in _NEEDED.get(missing, ()))
    return "; ".join(one for one in refused if one) or missing
