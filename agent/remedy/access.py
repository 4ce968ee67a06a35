"""What a device's models make possible: decided by modules, revisions and nodes, never by the release's name."""

from __future__ import annotations

from collections.abc import Iterator

from agent.model.method import Method
from agent.model.pki.certificate import Evidence
from agent.model.state import Access, ConfigModel, EnrollmentKind, Way
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema
from agent.xr import authentication as certificate
from agent.xr import licensing, trustpoint, trustpool

NOTHING = "the hello announces nothing"
_NO_CANDIDATE = "no :candidate capability"
_NO_CONFIG = "no model carries trustpoint configuration (um-crypto-cfg, crypto-cepki-cfg, cli-cfg)"
_NO_RPC = "rpc ca-authenticate is missing (crypto-act, 6.2.1 and later)"
_NO_FILE = "rpc ca-authenticate takes no file-path (crypto-act, 25.2.1 and later)"
_NO_LOCAL = "{model} cannot set 'enrollment local'"
_NO_STATE = "no model shows a trustpoint's certificate (crypto-cepki-oper): read over the CLI"
_NO_LICENSING = "no model shows licensing (infra-smartlicense-oper): read over the CLI"
_NEEDED = {
    _NO_CONFIG: ("um-crypto-cfg", "crypto-cepki-cfg", "cli-cfg"),
    _NO_RPC: ("crypto-act",),
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
        return Access(
            config_model=ConfigModel.NONE,
            authenticate=False,
            renew_auth=False,
            candidate=False,
            validate=False,
            enrollments=frozenset(),
            reasons=why,
            refusals=tuple((method, why[-1]) for method in Method if method is not Method.AUTO),
        )
    models = trustpoint.config_models(schema)
    model = models[0] if models else ConfigModel.NONE
    enrollments = trustpoint.enrollments(schema, model)
    evidence = trustpoint.evidence(schema)
    licensed = licensing.query(schema).missing is None
    authenticate, takes_file = certificate.can_authenticate(schema), certificate.takes_file(schema)
    lacks = (
        None if capabilities.candidate else _NO_CANDIDATE,
        None if models else _why(schema, _NO_CONFIG),
        None if authenticate else _why(schema, _NO_RPC),
    )
    refusals = dict(_refusals(model, enrollments, takes_file, lacks))
    lacking = (
        *lacks[1:],
        lacks[0],
        _why(schema, _NO_STATE) if evidence is Evidence.CONSOLE else None,
        None if licensed else _why(schema, _NO_LICENSING),
    )
    reasons = [reason for reason in lacking if reason]
    # Last, since what stands in or is refused is known only for the modules that were looked at.
    reasons += [note for note in schema.notes() if not any(note in reason for reason in reasons)]
    return Access(
        config_model=model,
        authenticate=authenticate,
        renew_auth=licensing.renewal(schema),
        candidate=capabilities.candidate,
        validate=capabilities.validate,
        enrollments=enrollments,
        file_path=takes_file,
        import_url=trustpool.can_import(schema),
        import_clean=trustpool.can_clean(schema),
        copy=trustpool.can_copy(schema),
        register_token=licensing.renewal(schema, "register-id-token"),
        methods=tuple(method for method in Method if method is not Method.AUTO and method not in refusals),
        refusals=tuple(refusals.items()),
        trustpoint_state=Way.CONSOLE if evidence is Evidence.CONSOLE else Way.YANG,
        licensing_state=Way.YANG if licensed else Way.CONSOLE,
        evidence=evidence,
        reasons=(*reasons, *capabilities.notes),
    )


def _why(schema: Schema, missing: str) -> str:
    """Why nodes are missing: their modules are refused by ``strict``, else as *missing* says."""
    refused = (schema.refused(f"Cisco-IOS-XR-{module}") for module in _NEEDED[missing])
    return "; ".join(one for one in refused if one) or missing


def _refusals(
    model: ConfigModel, enrollments: frozenset[EnrollmentKind], takes_file: bool, lacks: tuple[str | None, ...]
) -> Iterator[tuple[Method, str]]:
    """Each method that is not possible, with the first thing that it lacks; *lacks* is what both go without."""
    common = next((reason for reason in lacks if reason), None)
    if common:
        yield Method.RPC, common
    local = EnrollmentKind.LOCAL in enrollments
    reason = common or (None if takes_file else _NO_FILE) or (None if local else _NO_LOCAL.format(model=model.value))
    if reason:
        yield Method.FILE, reason
