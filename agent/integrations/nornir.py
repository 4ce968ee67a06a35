"""The job as Nornir tasks, over the NETCONF connection that nornir-netconf keeps for each host.

::

    from agent.integrations.nornir import push

    results = InitNornir(config_file="config.yaml").run(task=push)

Each task returns a ``Result`` whose ``result`` is the JSON object that the command of the same name prints. What goes
wrong on a host is in that object and in ``failed``; no task raises an expected error. The connection stays open.

What lies beside NETCONF, the CLI and SFTP, goes by the host's ``hostname``, ``username`` and ``password``, by the
``key_filename`` of its connection options, and by ``ssh_port`` (else 22), ``login_timeout`` and ``legacy_ssh`` of its
data. Its host key is always checked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from nornir.core.exceptions import PluginNotRegistered
from nornir.core.inventory import Host
from nornir.core.task import Result, Task

from agent.fleet.inventory.entry import BadValue, Layer, parsed
from agent.fleet.results import objects
from agent.model.device import Device, Secret
from agent.model.errors import AgentError, InputError, SessionLost
from agent.model.masking.text import neutralise
from agent.model.outcome import Event
from agent.model.outcome import Result as PushResult
from agent.model.pki.anchor import TrustAnchor
from agent.model.plan import Intent, Skip, Verdict, VerdictKind
from agent.model.state import Licensing, Reading
from agent.model.telemetry.context import bound
from agent.netconf.borrow import borrow
from agent.netconf.retry import Policy, completed
from agent.netconf.session import Session
from agent.remedy import assess as judge
from agent.remedy.apply import failed
from agent.remedy.check.preflight import preflight
from agent.remedy.notices.folder import bundled
from agent.remedy.notices.notice import Notice
from agent.remedy.observe import observe, read_licensing
from agent.remedy.plan import plan
from agent.remedy.remediate import leased, remediate
from agent.xr.cli.sshport import Ssh

__all__ = ["assess", "licensing", "push"]

Connect = Callable[[Device], Session]
Shell = Callable[[Device], Ssh]

_CONNECTION = "netconf"


def assess(
    task: Task,
    notice: Notice | None = None,
    *,
    anchor: TrustAnchor | None = None,
    trustpoint: str = "Trustpool",
    policy: Policy | None = None,
    ssh: Shell | None = Ssh,
    now: datetime | None = None,
) -> Result:
    """Judge the host: schema ``assess``. Failed only where it could not be read; a warning where it needs a look.

    *notice* defaults to the bundled one of FN72290, *anchor* to its root, *now* (aware) to this machine's clock. *ssh*
    makes the CLI of a device, None rules it out.
    """
    notice = notice or bundled()
    try:
        with _reached(task, ssh) as (_, session, cli):
            state = observe(session, trustpoint, policy=policy, ssh=cli, full=True, signatures=notice.signatures)
    except AgentError as error:
        unread = Verdict(task.host.name, VerdictKind.UNKNOWN, tuple(filter(None, (error.message, error.hint))))
        return _result(task, objects.assess_object(unread), failed=True)
    verdict = judge.assess(state, anchor or notice.root, now or datetime.now(UTC), notice=notice)
    bad = verdict.kind in (VerdictKind.AFFECTED, VerdictKind.UNKNOWN)
    return _result(task, objects.assess_object(verdict), look=bad)


def push(
    task: Task,
    intent: Intent | None = None,
    *,
    policy: Policy | None = None,
    connect: Connect | None = None,
    ssh: Shell | None = Ssh,
    on_event: Callable[[Event], None] | None = None,
    dry_run: bool | None = None,
) -> Result:
    """Install the root on the host and prove it: schema ``push``. Failed unless it is remedied or unchanged.

    In a dry run (Nornir's, or *dry_run*) nothing is changed: schema ``plan``, its lines as ``diff``. *connect* opens a
    second session of its own where one is needed, ``agent.connect`` for instance: to confirm a commit, and to read back
    what came of a write when Nornir's session was lost; without it the commit is a plain one and such an end
    ``unknown``, which the step ``safeguards`` says. *ssh* as of :func:`assess`; *on_event* is called in the host's
    thread. The router's lease is held: another push of this machine is waited for.
    """
    intent = intent or Intent()
    if task.is_dry_run(dry_run):
        return _planned(task, intent, policy, ssh)
    try:
        with ExitStack() as stack, _reached(task, ssh) as (device, session, cli):
            again = None if connect is None else partial(connect, device)
            lease = leased(stack, device, policy or Policy(), on_event or (lambda _: None))
            outcome = remediate(session, intent, policy=policy, connect=again, ssh=cli, log=lease, on_event=on_event)
    except AgentError as error:
        outcome = failed(task.host.name, error)
    made, skipped = objects.push_object(outcome), outcome.result is PushResult.SKIPPED
    return _result(task, made, changed=outcome.changed, failed=not outcome.well, look=skipped)


def licensing(task: Task, *, policy: Policy | None = None, ssh: Shell | None = Ssh) -> Result:
    """Read the licensing state: member ``licensing`` of schema ``show``, with ``device`` and ``error``.

    Failed where nothing shows it. *ssh* as of :func:`assess`.
    """
    reading: Reading[Licensing] = Reading(missing="the device could not be read")
    problem: AgentError | None = None
    try:
        with _reached(task, ssh) as (_, session, cli):
            policy = policy or Policy()
            reading = completed(read_licensing(session, policy, cli), policy)
    except AgentError as error:
        problem = error
    shown = objects.plain(objects.licensing_object(reading))
    made = {"device": task.host.name, **shown, "error": objects.failure(problem)}
    return _result(task, made, failed=not reading.answered)


def _planned(task: Task, intent: Intent, policy: Policy | None, ssh: Shell | None) -> Result:
    try:
        with _reached(task, ssh) as (device, session, cli):
            state = observe(session, intent.trustpoint, policy=policy, ssh=cli, trustpool=intent.has_bundle)
            policy = policy or Policy()
            made = completed(preflight(plan(intent, state), state, cli, session, policy), policy)
    except AgentError as error:
        unread = objects.unplanned_object(task.host.name, None, intent.anchor, error)
        return _result(task, unread, failed=True)
    skipped = isinstance(made, Skip)
    answer = objects.plan_object(made, intent.anchor, address=device.address)
    diff = "\n".join(neutralise(line) for line in made.diff())
    return _result(task, answer, diff=diff, failed=skipped, look=skipped)


def _result(task: Task, answer: object, *, look: bool = False, **more: Any) -> Result:
    """*answer* as JSON has it; a warning where somebody has to *look* at it."""
    severity = logging.WARNING if look else logging.INFO
    return Result(task.host, objects.plain(answer), severity_level=severity, **more)


@contextmanager
def _reached(task: Task, ssh: Shell | None) -> Iterator[tuple[Device, Session, Ssh | None]]:
    """The host as connections of our own need it; its session, borrowed; and its CLI, which ends with the block."""
    with bound(device=task.host.name), ExitStack() as stack:
        device = _router(task)
        session = borrow(lambda: _manager(task), device)
        yield device, session, (None if ssh is None else stack.enter_context(ssh(device)))


def _manager(task: Task) -> Any:
    """The host's ncclient ``Manager``, opened by Nornir where it is not open yet.

    Raises:
        InputError: nornir-netconf is not there.
        SessionLost: it is one that has ended.
    """
    host = task.host
    try:
        manager = host.get_connection(_CONNECTION, task.nornir.config)
    except PluginNotRegistered as error:
        raise InputError(
            f"Nornir has no connection plugin '{_CONNECTION}'",
            device=host.name,
            hint="pip install 'xr-trust-agent[nornir]', and use InitNornir, which registers it",
        ) from error
    if not manager.connected:
        raise SessionLost(
            "the NETCONF session that Nornir keeps has ended",
            device=host.name,
            hint=f"host.connections.pop('{_CONNECTION}'), and Nornir opens another when it runs again",
        )
    return manager


def _router(task: Task) -> Device:
    """The host as our own connections need it.

    Raises:
        InputError: its entry has a host name, port or a value of ours in its data that cannot be used.
    """
    host: Host = task.host
    given = host.get_connection_parameters(_CONNECTION)
    extras = given.extras or {}
    key, config = extras.get("key_filename"), Path(task.nornir.config.ssh.config_file)
    try:
        return Device(
            host=given.hostname or host.name,
            port=given.port or 830,
            username=given.username,
            password=Secret(given.password) if given.password else None,
            key_file=Path(key) if isinstance(key, str) else None,
            use_agent=bool(extras.get("allow_agent", True)),
            ssh_config=config if config.exists() else None,
            label=host.name,
            **_ours(host),
        )
    except InputError as error:
        error.device = host.name
        raise


def _ours(host: Host) -> Layer:
    """What its data say of our own connections, as an inventory of ours reads it."""
    names = {name: name for name in ("ssh_port", "login_timeout", "legacy_ssh")}
    try:
        return parsed({name: host.get(name) for name in names}, names, Path(), "data")
    except BadValue as error:
        raise InputError(f"the {error.path[-1]} of its data: {error.message}", hint=error.hint) from error
