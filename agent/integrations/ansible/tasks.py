"""Assess, plan and push as Ansible's tasks: what they return is the JSON object of the command of the same name.

Beside its members there are those that Ansible goes by: ``changed``, ``failed``, ``msg`` and ``diff``. No task raises
an expected error. Texts of a device are neutralised, since Ansible prints results as they are.
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from agent.fleet.inventory.reference import Reference
from agent.fleet.results import objects
from agent.fleet.results.record import Kind, Result
from agent.fleet.run.job import Job, perform
from agent.fleet.run.logins import LIMIT
from agent.fleet.run.router import Hooks
from agent.integrations.ansible.logins import SharedLogins
from agent.integrations.ansible.variables import VARIABLES, Said, given, router
from agent.model.caution import Caution, CommitMode
from agent.model.device import Secret
from agent.model.errors import InputError
from agent.model.local.stop import Stop
from agent.model.masking.text import neutralise
from agent.model.method import Method, Storage
from agent.model.outcome import Event, Failure
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle
from agent.model.plan import Intent, Plan, Skip
from agent.netconf.retry import Policy
from agent.remedy.notices.folder import read as read_notice
from agent.remedy.notices.notice import Notice

__all__ = ["VARIABLES", "Host", "info", "root"]

_INTENT = (
    *("trustpoint", "enrollment_url", "replace", "discard_foreign", "renew", "contact_wait", "bundle_url", "pem_url"),
    *("fetch_vrf", "clean", "then_trustpool"),
)
_CAUTION = ("confirm_timeout", "lock_wait", "kill_lock_holder", "rollback")
_ABOVE_ZERO = ("timeout", "open_timeout", "login_timeout", "max_refused_logins")
_FROM_ZERO = ("connect_wait", "contact_wait", "lock_wait")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)


@dataclass(frozen=True)
class Host:
    """One host of one task.

    Attributes:
        name: what the inventory calls it.
        said: what variables and keywords say of it, templated.
        options: the task's, of the types that its documentation gives.
        folder: the run's own, the same in all its processes, for its user alone and gone with it.
        told: is given each step of a push as a line.
    """

    name: str
    said: Said = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    folder: Path
    told: Callable[[str], None] = lambda _line: None


def info(host: Host) -> dict[str, Any]:
    """Judge the host: schema ``assess``, and ``error``. Failed only where it could not be read."""
    try:
        notices = tuple(read_notice(one) for one in host.options.get("notices") or ())
        anchor = _anchor(host.options, notices)
        intent = Intent(anchor=anchor, **given(host.options, ("trustpoint",)))
        result, _ = _performed(host, Kind.ASSESS, intent, notices=notices)
    except InputError as error:
        result, anchor = _unread(host, Kind.ASSESS, error), TrustAnchor.bundled()
    made = objects.plain(result.plain(anchor))
    reasons = "; ".join(made["reasons"])
    said = f"{host.name}: {result.word}{f', because {reasons}' if reasons else ''}"
    made["error"] = objects.plain(objects.failure(result.error))
    return _answer(made, said if result.error is None else _problem(host.name, result.error), result.error is not None)


def root(host: Host, *, check: bool = False) -> dict[str, Any]:
    """Install the root on the host and prove it: schema ``push``. Failed unless it is remedied or unchanged.

    With *check* nothing is changed: schema ``plan``, failed where no method fits or it could not be read. The member
    ``diff`` is Ansible's: the plan's lines as ``prepared``.
    """
    kind, made_plan, intent = Kind.PLAN if check else Kind.PUSH, None, None
    try:
        intent, token = _intent(host.options), host.options.get("token")
        reference = Reference.asked(Secret(str(token))) if token else None
        result, made_plan = _performed(host, kind, intent, token=reference)
    except InputError as error:
        result = _unread(host, kind, error)
    made = objects.plain(result.plain(intent.anchor if intent else TrustAnchor.bundled()))
    if intent is None:
        made.pop("anchor", None)  # it is not known which one is wanted
    lines = made.pop("diff", ()) if check else made_plan.diff() if made_plan else ()
    if lines:
        made["diff"] = {"prepared": "".join(f"{neutralise(line)}\n" for line in lines)}
    changed = made["changes"] if check else result.outcome is not None and result.outcome.changed
    return _answer(made, _said(result), not result.well, changed)


def _performed(
    host: Host, kind: Kind, intent: Intent, *, token: Reference | None = None, notices: tuple[Notice, ...] = ()
) -> tuple[Result, Plan | Skip | None]:
    """What came of it, and the plan that a push was about to carry out.

    Raises:
        InputError: a variable or option is missing or cannot be used; nothing was reached.
    """
    _see_numbers(host.options)
    begun: list[Result] = []

    def told(event: Event) -> None:
        host.told(neutralise(f"{event.step} {event.status.value} {event.detail}".rstrip()))

    try:
        logins = SharedLogins(host.folder, host.options.get("max_refused_logins") or LIMIT)
        # Not in the run's folder, which goes with its end, while what is under way is still seen through.
        folder = TemporaryDirectory(prefix="xr-agent-", ignore_cleanup_errors=True)
    except OSError as error:
        said = f"{error.filename or host.folder}: {error.strerror or error}"
        raise InputError(said, hint="see to the controller's disk, and that you may write there") from error
    with folder as own, _stoppable() as stop:
        target, reach = router(host.name, host.said, host.options, Path(own))
        hooks = Hooks(policy=Policy(stop=stop), logins=logins, on_event=told, begins=begun.append)
        result = perform(Job(kind, reach, intent, token, notices), target, hooks)
    return result, begun[0].plan if begun else None


@contextmanager
def _stoppable() -> Iterator[Stop]:
    """A cancellation that Ansible's signals set, the end of the run and the task's time-out: the step at hand is then
    finished or undone."""
    stop = Stop()

    def handler(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, handler) for number in (_SIGNALS if here else ())}
    try:
        yield stop
    finally:
        for number, old in before.items():
            signal.signal(number, old)
        stop.close()


def _see_numbers(options: Mapping[str, Any]) -> None:
    for names, least, said in ((_ABOVE_ZERO, math.ulp(0.0), "above 0"), (_FROM_ZERO, 0.0, "from 0 on")):
        for name in names:
            value = options.get(name)
            if value is not None and not least <= value < math.inf:
                raise InputError(f"the option {name} is no number {said}", hint="leave it out for the default")


def _anchor(options: Mapping[str, Any], notices: tuple[Notice, ...] = ()) -> TrustAnchor:
    path = options.get("anchor")
    if path and len(notices) > 1:
        raise InputError("each of several notices has its own root", hint="leave the option anchor out")
    found = TrustAnchor.from_file(path) if path else notices[0].root if notices else TrustAnchor.bundled()
    if found.expired(datetime.now(UTC)):
        raise InputError(
            f"{found.name} is valid only from {found.not_before:%Y-%m-%d} to {found.not_after:%Y-%m-%d}",
            hint="use a certificate that is valid today, and check this machine's clock",
        )
    return found


def _intent(options: Mapping[str, Any]) -> Intent:
    bundle = options.get("bundle")
    return Intent(
        anchor=_anchor(options),
        method=Method(options.get("method") or "auto"),
        bundle=Bundle.from_file(Path(bundle)) if bundle else None,
        storage=Storage(options.get("storage") or "harddisk:"),
        caution=Caution(commit=CommitMode(options.get("commit") or "auto"), **given(options, _CAUTION)),
        **given(options, _INTENT),
    )


def _unread(host: Host, kind: Kind, error: InputError) -> Result:
    return Result(host.name, kind, error=Failure.of(error))


def _said(result: Result) -> str:
    """What came of it, in one line."""
    if result.failure is not None:
        return _problem(f"{result.device}: {result.word}", result.failure)
    if isinstance(result.plan, Skip):
        return _problem(f"{result.device}: {result.word}", Failure("", result.plan.reason, result.plan.hint))
    if result.outcome is not None:
        lost = ", until a reload" if result.outcome.persistent is False else ""
        return f"{result.device}: {result.word}, by {result.outcome.evidence.value}{lost}"
    by = f", by {result.plan.method.value}" if result.plan else ""
    return f"{result.device}: {result.word}{by}"


def _problem(whose: str, failure: Failure) -> str:
    return f"{whose}: {failure.message}{f'; next: {failure.hint}' if failure.hint else ''}"


def _answer(made: dict[str, Any], said: str, failed: bool, changed: bool = False) -> dict[str, Any]:
    answer: dict[str, Any] = _neutral(made)
    return {**answer, "changed": changed, "failed": failed, "msg": neutralise(said)}


def _neutral(value: Any) -> Any:
    """*value* with nothing in its texts that would act on a terminal; line feeds stay."""
    if isinstance(value, str):
        return neutralise(value, lines=True)
    if isinstance(value, dict):
        return {name: _neutral(one) for name, one in value.items()}
    return [_neutral(one) for one in value] if isinstance(value, list) else value
