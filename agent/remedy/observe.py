"""Read one device: all reads in flight together, each with its source or the reason why it is missing.

What no model of the device shows is read over the CLI where SSH is at hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from agent.model.errors import AgentError, Interrupted
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Certificate, Evidence
from agent.model.state import Access, ConfigModel, Licensing, Reading, Software, State, TrustpointConfig
from agent.model.telemetry.context import bound
from agent.netconf.query import Query, ask, ask_one, ask_until_there
from agent.netconf.retry import Policy, Waits, completed, relayed
from agent.netconf.session import Session
from agent.remedy import read
from agent.remedy.access import access
from agent.remedy.methods.registry import METHODS
from agent.remedy.notices.folder import bundled
from agent.xr import destination as transport
from agent.xr import httpclient, licensing, software, syslog, trustpoint
from agent.xr.cli import readings as cliread
from agent.xr.cli.sshport import Ssh
from agent.xr.logs.signature import Signatures

NO_SSH = "there is no SSH access to the CLI"


def observe(
    session: Session,
    trustpoint_name: str = "Trustpool",
    *,
    policy: Policy | None = None,
    ssh: Ssh | None = None,
    full: bool = False,
    trustpool: bool = False,
    signatures: Signatures | None = None,
) -> State:
    """The state of *session*'s device as far as its models, and the CLI behind *ssh*, show it.

    *full* reads what a verdict needs besides: the trustpool, syslog, clock, and the licensing transport. *trustpool*
    reads the trustpool alone. Without either the CLI is opened only where the models do not do. *signatures* are looked
    for in the log: those of the bundled notice, where no others are given.

    Raises:
        AgentError: the session was lost or a read got no answer within the policy; what the device does not show or
            refuses to show is no error but a reading with its reason.
    """
    policy = policy or Policy()
    with bound(device=session.device):
        by = signatures or bundled().signatures if full else None
        reading = observation(session, trustpoint_name, policy, ssh=ssh, judged_by=by, trustpool=trustpool)
        return completed(reading, policy)


def observation(
    session: Session,
    trustpoint_name: str,
    policy: Policy,
    *,
    ssh: Ssh | None = None,
    judged_by: Signatures | None = None,
    trustpool: bool = False,
) -> Waits[State]:
    """As :func:`observe`, its waits as values; in full where it is to be *judged_by* signatures."""
    allowed = access(session.capabilities, session.schema)
    state = yield from _by_models(session, trustpoint_name, policy, allowed)
    if judged_by is not None:
        state = yield from _judged_by_models(session, state, policy, judged_by)
    if ssh is not None:
        full = judged_by is not None
        state = yield from _by_cli(ssh, state, full=full, trustpool=trustpool)
        state = _judged_by_cli(ssh, state, policy) if full and state.cli is None else state
    return state


@dataclass(frozen=True, slots=True)
class Glance:
    """What a watch over many devices reads of one each time, which is less than a :class:`State`."""

    config: Reading[TrustpointConfig]
    certificate: Reading[Certificate]
    licensing: Reading[Licensing]

    def shows(self, anchor: TrustAnchor) -> bool | None:
        """Whether the trustpoint shows *anchor*; None where that cannot be told.

        A trustpoint that is configured and answers with no certificate does not show it, as after a reload; one that
        is not configured says nothing, for the trustpool may have the anchor, which no model shows.
        """
        shown = self.certificate.value
        if shown is None:
            told = self.certificate.answered and not self.certificate.empty
            return False if told and self.config.value is not None else None
        evidence = shown.proves(anchor)
        return None if evidence is Evidence.NONE else evidence is not None


def glance(session: Session, trustpoint_name: str, policy: Policy) -> Waits[Glance]:
    """Trustpoint, certificate and licensing by their models, each asked for once, all in flight together.

    Raises:
        AgentError: as of :func:`observe`.
    """
    schema = session.schema
    # Not by cli-cfg, which would bring the whole configuration each time.
    models = [model for model in trustpoint.config_models(schema) if model is not ConfigModel.CLI]
    queries: list[Query[Any]] = [
        trustpoint.config_query(schema, models[0] if models else ConfigModel.NONE, trustpoint_name),
        trustpoint.certificate_query(schema, trustpoint_name),
        licensing.query(schema),
    ]
    return Glance(*(yield from ask(session, queries, policy)))


def reread(
    state: State,
    config: Reading[TrustpointConfig],
    certificate: Reading[Certificate],
    *,
    ssh: Ssh | None,
    trustpool: bool = False,
) -> Waits[State]:
    """*state* with the trustpoint and its certificate as they are now, by the CLI where the models do not tell.

    *trustpool* reads that again as well, and so does a state that was made with it.
    """
    pool = trustpool or state.trustpool.answered
    state = replace(state, config=config, certificate=certificate)
    if ssh is None or state.cli is not None:
        return state
    state = yield from _trustpoint_by_cli(ssh, state)
    if pool:
        yield from ssh.opening()
        state = replace(state, trustpool=cliread.trustpool(ssh))
    return state


def read_licensing(session: Session, policy: Policy, ssh: Ssh | None = None) -> Waits[Reading[Licensing]]:
    """The licensing state by its model, else over the CLI."""
    return relayed(_licensing(session, policy, ssh), around=lambda: bound(device=session.device))


def licensing_by_cli(ssh: Ssh, shown: Reading[Licensing]) -> Reading[Licensing]:
    """The licensing state over the CLI, also where a model refuses it to this user; *shown*: what the models say."""
    by_cli = cliread.licensing(ssh)
    if by_cli.value is not None:
        return by_cli
    if read.untold(shown, doubted=True):
        return read.told(shown, lambda: by_cli, doubted=True)
    missing = "; ".join(filter(None, (shown.missing, by_cli.missing)))
    return replace(by_cli, missing=missing, passing=by_cli.passing or by_cli.answered)


def _licensing(session: Session, policy: Policy, ssh: Ssh | None) -> Waits[Reading[Licensing]]:
    reading = yield from ask_one(session, licensing.query(session.schema), policy)
    if ssh is None or not read.untold(reading):
        return reading
    yield from ssh.opening()
    return read.told(reading, lambda: cliread.licensing(ssh))


def _by_models(session: Session, name: str, policy: Policy, allowed: Access) -> Waits[State]:
    schema = session.schema
    certificate_query = trustpoint.certificate_query(schema, name)
    config, certificate, licence, release, fixes = yield from ask(
        session,
        [
            trustpoint.config_query(schema, allowed.config_model, name),
            certificate_query,
            licensing.query(schema),
            software.release_query(schema),
            software.fixes_query(schema),
        ],
        policy,
    )
    if config.value is not None and certificate.answered and certificate.value is None:
        # Empty data is no proof that the certificate is missing when the configuration says the trustpoint is there.
        certificate = yield from ask_until_there(session, certificate_query, policy)
    return State(
        device=session.device,
        trustpoint=name,
        access=allowed,
        config=config,
        certificate=certificate,
        licensing=licence,
        software=_software(release, fixes),
        cli=NO_SSH,
    )


def _judged_by_models(session: Session, state: State, policy: Policy, signatures: Signatures) -> Waits[State]:
    schema = session.schema
    transports = transport.queries(schema)
    queries: list[Query[Any]] = [
        syslog.query(schema, signatures),
        httpclient.query(schema),
        httpclient.names_query(schema),
        licensing.reporting_query(schema),
        *transports,
    ]
    logged, client, names, reported, *places = yield from ask(session, queries, policy)
    return replace(
        state,
        peer_verification=client.part(lambda shown: shown.peer),
        host_verification=client.part(lambda shown: shown.host),
        syslog=logged,
        name_validation=names,
        reporting=reported,
        transport=transport.merged(places),
    )


def _by_cli(ssh: Ssh, state: State, *, full: bool, trustpool: bool) -> Waits[State]:
    """Fill in over the CLI what is wanted and no model shows."""
    alone = all(METHODS[method].by_cli for method in state.access.methods)
    lacking = (
        alone
        or read.untold(state.certificate, doubted=state.config.value is not None)
        or read.config_untold(state.config, state.access.config_model)
    )
    if not (lacking or full or trustpool):
        return replace(state, cli=None)
    yield from ssh.opening()
    try:
        ssh.console()
    except Interrupted:
        raise
    except AgentError as error:
        return replace(state, cli=f"the CLI over SSH cannot be used: {error.message}")
    return replace(
        (yield from _trustpoint_by_cli(ssh, state)),
        cli=None,
        software=read.told(state.software, lambda: cliread.software(ssh)),
        trustpool=cliread.trustpool(ssh),
    )


def _trustpoint_by_cli(ssh: Ssh, state: State) -> Waits[State]:
    """With the trustpoint and its certificate by the CLI where the models do not tell."""
    name, configured = state.trustpoint, state.config.value is not None
    return replace(
        state,
        config=(yield from read.config(ssh, name, state.config, model=state.access.config_model)),
        certificate=(yield from read.certificate(ssh, name, state.certificate, doubted=configured)),
    )


def _judged_by_cli(ssh: Ssh, state: State, policy: Policy) -> State:
    licence = read.told(state.licensing, lambda: cliread.licensing(ssh))
    offset = cliread.clock_offset(ssh, policy.now)
    peer, host = read.verification(ssh, state.peer_verification, state.host_verification)
    state = replace(state, licensing=licence, clock_offset=offset, peer_verification=peer, host_verification=host)
    known = state.licensing.value is not None and state.licensing.value.url is not None
    return state if known else replace(state, transport=read.told(state.transport, lambda: cliread.transport(ssh)))


def _software(release: Reading[str], fixes: Reading[frozenset[str]]) -> Reading[Software]:
    notes = tuple(dict.fromkeys((*release.notes, *fixes.notes)))
    if release.value is None and fixes.value is None:
        missing = release.missing or "the device does not show its release"
        return Reading(source=release.source, missing=missing, notes=notes)
    return Reading(
        Software(release.value, fixes.value or frozenset()), source=release.source or fixes.source, notes=notes
    )
