"""What a device's models make possible: decided by modules, revisions and nodes, never by the release's name."""

from __future__ import annotations

from agent.model.state import Access, ConfigModel, EnrollmentKind
from agent.netconf.capability import Capabilities
from agent.netconf.schema import Schema
from agent.xr import certificate, licensing, trustpoint


def access(capabilities: Capabilities, schema: Schema) -> Access:
    """The config model, the actions and the protocol capabilities at hand, with a reason for each that is missing."""
    models = trustpoint.config_models(schema)
    model = models[0] if models else ConfigModel.NONE
    authenticate = certificate.can_authenticate(schema)
    reasons = []
    if capabilities.empty:
        reasons.append("the hello announces nothing")
    if not models:
        reasons.append("no model carries trustpoint configuration (um-crypto-cfg, crypto-cepki-cfg)")
    if not authenticate:
        reasons.append("rpc ca-authenticate is missing (crypto-act, 6.2.1 and later)")
    if not capabilities.candidate:
        reasons.append("no :candidate capability")
    return Access(
        config_model=model,
        authenticate=authenticate,
        renew_auth=licensing.renewal(schema),
        candidate=capabilities.candidate,
        validate=capabilities.validate,
        enrollments=trustpoint.enrollments(schema, model) if models else frozenset[EnrollmentKind](),
        reasons=tuple(reasons),
    )
