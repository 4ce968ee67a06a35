"""Read one device: all reads in flight together, each with its source or the reason why it is missing."""

from __future__ import annotations

from agent.model.state import Reading, Software, State
from agent.netconf.retry import Policy
from agent.netconf.session import Session
from agent.remedy.access import access
from agent.xr import licensing, software, trustpoint
from agent.xr.query import ask, ask_until_there


def observe(session: Session, trustpoint_name: str = "Trustpool", *, policy: Policy | None = None) -> State:
    """The state of *session*'s device as far as its models show it.

    Raises:
        AgentError: the session was lost or a read got no answer within the policy; what the device does not show or
            refuses to show is no error but a reading with its reason.
    """
    policy = policy or Policy()
    schema = session.schema
    ways = access(session.capabilities, schema)
    certificate_query = trustpoint.certificate_query(schema, trustpoint_name)
    config, certificate, licence, release, fixes = ask(
        session,
        [
            trustpoint.config_query(schema, ways.config_model, trustpoint_name),
            certificate_query,
            licensing.query(schema),
            software.release_query(schema),
            software.fixes_query(schema),
        ],
        policy,
    )
    if config.value is not None and certificate.answered and certificate.value is None:
        # Empty data is no proof that the certificate is missing when the configuration says the trustpoint is there.
        certificate = ask_until_there(session, certificate_query, policy)
    return State(
        device=session.device,
        trustpoint=trustpoint_name,
        access=ways,
        config=config,
        certificate=certificate,
        licensing=licence,
        software=_software(release, fixes),
    )


def _software(release: Reading[str], fixes: Reading[frozenset[str]]) -> Reading[Software]:
    if release.value is None and fixes.value is None:
        return Reading(source=release.source, missing=release.missing or "the device does not show its release")
    return Reading(Software(release.value, fixes.value or frozenset()), source=release.source or fixes.source)
