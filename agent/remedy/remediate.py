"""The whole job on one router in one call, as careful as the command line's; what it must go without it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial

from agent.model.caution import CommitMode
from agent.model.device import Device
from agent.model.errors import AgentError
from agent.model.outcome import Event, Outcome, Status, StepRecord
from agent.model.plan import Intent, Plan, Skip
from agent.model.state import ConfigModel
from agent.model.steps import ConfigureTrustpoint
from agent.model.telemetry.spans import Span, came
from agent.model.unfinished import WriteAheadLog
from agent.netconf.retry import Policy
from agent.netconf.session import Connector, Session
from agent.netconf.session import connect as open_session
from agent.remedy.apply import apply, failed
from agent.remedy.lease.lease import Lease
from agent.remedy.observe import observe
from agent.remedy.plan import plan
from agent.ssh.settings.identity import addresses
from agent.xr.cli.sshport import Ssh

SAFEGUARDS = "safeguards"
"""The step by whose name the outcome says what a push went without."""

Listener = Callable[[Event], None]


def remediate(
    router: Device | Session,
    intent: Intent | None = None,
    *,
    session: Session | None = None,
    policy: Policy | None = None,
    connect: Connector | None = None,
    ssh: Ssh | None = None,
    log: WriteAheadLog | None = None,
    on_event: Listener | None = None,
) -> Outcome:
    """Observe, plan and apply on one router; every end is an outcome.

    Of a *router* given as a :class:`Device` all that ``xr-agent push`` uses is opened here, and closed: the router's
    lease, a session, a second one that sees a commit on trial before it is confirmed, the CLI and SFTP where they are
    needed. *session* takes the first one's place: it may be borrowed (:meth:`Session.over`), and is left open.

    A *router* that is but a session goes without what is not given beside it: *connect* opens further sessions, *ssh*
    is the CLI and SFTP, *log* keeps what is begun where the next push finds it. What is missing is said in a step
    ``safeguards``, of a push that has anything to do. Nothing that is given is closed.
    """
    intent, policy, told = intent or Intent(), policy or Policy(), on_event or (lambda _: None)
    name = router.name if isinstance(router, Device) else router.device
    with Span("push router", device=name) as span, span.current():
        outcome = _remedied(router, intent, session, policy, connect, ssh, log, told)
        came(span, outcome)
    return outcome


def _remedied(
    router: Device | Session,
    intent: Intent,
    session: Session | None,
    policy: Policy,
    connect: Connector | None,
    ssh: Ssh | None,
    log: WriteAheadLog | None,
    told: Listener,
) -> Outcome:
    """As :func:`remediate`, without a span of its own."""
    with ExitStack() as stack:
        try:
            if isinstance(router, Device):
                log = log or leased(stack, router, policy, told)
                connect = connect or partial(open_session, router)
                session = session or stack.enter_context(open_session(router, policy=policy))
                ssh = ssh or stack.enter_context(Ssh(router, policy))
            else:
                session = router
            state = observe(session, intent.trustpoint, policy=policy, ssh=ssh, trustpool=intent.has_bundle)
        except AgentError as error:
            name = router.name if isinstance(router, Device) else router.device
            return failed(name, error, router.address)
        made = plan(intent, state)
        without = _missing(session, made, connect, ssh, log)
        missing = tuple(StepRecord(SAFEGUARDS, Status.SKIPPED, text) for text in without)
        for record in missing:
            told(Event(session.device, record.step, record.status, record.detail))
        outcome: Outcome | None = None
        with closing(apply(session, made, policy, connect=connect, ssh=ssh, log=log)) as events:
            for event in events:
                if event.outcome is not None:
                    outcome = replace(event.outcome, steps=(*missing, *event.outcome.steps))
                told(replace(event, outcome=outcome))
    if outcome is None:
        raise AssertionError("apply ended without an outcome")
    return outcome


def leased(stack: ExitStack, router: Device, policy: Policy, told: Listener) -> Lease:
    """The router for this push alone until *stack* ends; another push of this machine is waited for, and *told* of.

    Errors as of :meth:`Lease.take` and :func:`addresses`.
    """

    def waiting(text: str) -> None:
        told(Event(router.name, "lease", Status.STARTED, text))

    lease = stack.enter_context(Lease.take(addresses(router), policy=policy, told=waiting))
    if lease.waited:
        told(Event(router.name, "lease", Status.DONE, "the other push ended"))
    return lease


def _missing(
    session: Session, made: Plan | Skip, connect: Connector | None, ssh: Ssh | None, log: WriteAheadLog | None
) -> Iterator[str]:
    """What the push of *made* goes without, and what comes of that, a sentence each; nothing where it does nothing."""
    if isinstance(made, Skip) or not made:
        return
    if connect is None:
        tried = "the commit is a plain one, and " if _triable(session, made) else ""
        yield f"no second session (connect): {tried}what a lost answer did cannot be read back"
    if ssh is None:
        yield "no CLI and no SFTP (ssh): no method that needs them can follow, and what no model shows is not read"
    if log is None:
        yield (
            "no lease (log): another push may be at the router at the same time, and the next one does not know what "
            "this one left if it is killed"
        )


def _triable(session: Session, made: Plan) -> bool:
    """Whether a commit of *made* would be on trial if there were a second session."""
    commits = any(isinstance(step, ConfigureTrustpoint) and step.model is not ConfigModel.NONE for step in made.steps)
    return commits and made.intent.caution.commit is CommitMode.AUTO and session.capabilities.confirmed_commit
