"""Whether a router is still as the approved plan saw it, and in words what is otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from agent.fleet.results.basis import Basis, Configured, Pooled, basis, digest
from agent.fleet.results.observed import Certificate
from agent.fleet.results.planned import Approved, lines
from agent.model.errors import shortened
from agent.model.plan import DRIFTED, Plan, Skip
from agent.model.state import State
from agent.model.steps import Installation, Note
from agent.remedy.skips import AS_APPROVED

UNPLANNED = "unplanned"
"""What a router is called for which the plan file has no plan, since it could not be read."""
_NAMED = 3


def unplanned(device: str, approved: Approved) -> Skip | None:
    """Why nothing is done at a router that could not be read when it was planned; None where it could."""
    if approved.basis is not None or approved.replan:
        return None
    error = approved.planned.error
    why = f": {error.message}" if error else ""
    return Skip(device, f"the plan has nothing for it: it could not be read{why}", AS_APPROVED, kind=UNPLANNED)


def held(approved: Approved, made: Plan | Skip, state: State) -> Plan | Skip:
    """*made* from *state*, held against what was approved: just that, or a :class:`Skip` that says what is otherwise.

    One that is to be planned anew is *made*, with a note that says so. Of the methods that may follow only those stay
    that were approved.
    """
    otherwise, anew = list(_otherwise(approved, made, state)), approved.replan or approved.begun
    if not otherwise:
        if isinstance(made, Skip):
            return made
        following = tuple(one for one in made.fallbacks if one in approved.planned.fallbacks)
        return replace(made, fallbacks=following, exact=not anew)
    said = f"drifted: {shortened('; '.join(otherwise))}"
    if not anew:
        if isinstance(made, Plan) and not any(isinstance(step, Installation) for step in made.steps):
            said += "; the root is there by now"
        return Skip(made.device, said, AS_APPROVED, made.release, made.config_model, made.tried, DRIFTED)
    if isinstance(made, Skip):
        return made
    why = "by --replan" if approved.replan else "this run had begun there"
    return replace(made, steps=(Note(f"{said}; planned anew, {why}", about="plan"), *made.steps))


def _otherwise(approved: Approved, made: Plan | Skip, state: State) -> Iterator[str]:
    """What is not as it was, a sentence each: the state, else what is possible from it."""
    if approved.basis is None:
        yield "it could not be read when it was planned"
        return
    now = basis(state)
    if digest(now) != approved.planned.state:
        yield from differences(approved.basis, now)
    else:
        yield from _another_plan(approved, made)


def differences(before: Basis, now: Basis) -> Iterator[str]:
    """What of two states of a router differs, in words; at least one sentence where they do."""
    said = [
        *_scalars(before, now),
        *_trustpoint(before.trustpoint, now.trustpoint),
        *_certificate(before, now),
        *_trustpool(before.trustpool, now.trustpool),
        *_models(before, now),
    ]
    yield from said or ["its state is another"]


def _scalars(before: Basis, now: Basis) -> Iterator[str]:
    for name, what in (
        ("release", "release"),
        ("registered", "licensing registered"),
        ("policy_based", "Smart Licensing Using Policy"),
        ("cli", "CLI over SSH at hand"),
    ):
        was, found = getattr(before, name), getattr(now, name)
        if was != found:
            yield f"{what}: {_word(found)}, it was {_word(was)}"


def _trustpoint(before: Configured, now: Configured) -> Iterator[str]:
    if before == now:
        return
    if before.read != now.read:
        yield f"trustpoint {now.name}: its configuration {'could not' if now.read else 'can no longer'} be read"
    elif before.enrollment != now.enrollment:
        was, found = (f"'{one}'" if one else "not there" for one in (before.enrollment, now.enrollment))
        yield f"trustpoint {now.name}: {found}, it was {was}"
    else:
        was_set, is_set = before.settings or {}, now.settings or {}
        names = sorted(name for name in {*was_set, *is_set} if was_set.get(name) != is_set.get(name))
        yield f"trustpoint {now.name} has other settings: {_some(names)}"


def _certificate(before: Basis, now: Basis) -> Iterator[str]:
    if before.certificate_read != now.certificate_read:
        yield f"its CA certificate {'could not' if now.certificate_read else 'can no longer'} be read"
    elif before.certificate != now.certificate:
        was, found = _described(before.certificate), _described(now.certificate)
        yield f"its CA certificate: {found}, {f'it was {was}' if was != found else 'with other details'}"


def _trustpool(before: tuple[Pooled, ...] | None, now: tuple[Pooled, ...] | None) -> Iterator[str]:
    if before is None or now is None:
        if before is not now:
            yield f"the trustpool {'was not' if before is None else 'can no longer be'} read"
        return
    was, found = Counter(map(_described, before)), Counter(map(_described, now))
    for names, how in ((found - was, "lists as well"), (was - found, "no longer lists")):
        if names:
            yield f"the trustpool {how}: {_some(sorted(names.elements()))}"
    if before != now and was == found:
        yield "the trustpool lists its certificates otherwise"


def _models(before: Basis, now: Basis) -> Iterator[str]:
    was, found = before.models.members(), now.models.members()
    for name, value in found.items():
        if value != was[name]:
            yield f"its models, {name.replace('_', ' ')}: {_word(value)}, it was {_word(was[name])}"


def _another_plan(approved: Approved, made: Plan | Skip) -> Iterator[str]:
    """What a plan does otherwise that was made from the same state: a way beside NETCONF, or room for a file."""
    was = approved.planned
    if isinstance(made, Skip):
        if was.result != "skipped":
            yield f"what was planned is no longer possible: {made.reason}"
        return
    if was.result == "skipped":
        now_is = f"it would be done by {made.method.value}" if made else "nothing is to be done"
        yield f"nothing was possible, now {now_is}"
        return
    method = made.method if made else None
    if method is not was.method:
        names = (one.value if one else "nothing to do" for one in (method, was.method))
        yield "{}, it was {}".format(*names)
    before, now = _acts(was.steps), _acts(lines(made))
    if before != now:
        further = [line for line in now if line not in before]
        fewer = [line for line in before if line not in now]
        yield "; ".join((*(f"now also {line}" for line in further), *(f"no longer {line}" for line in fewer))) or (
            "its steps come in another order"
        )


def _acts(diff: tuple[str, ...]) -> list[str]:
    """The lines of a plan that say what is done."""
    return [line.strip() for line in diff if not line.startswith("#")]


def _described(one: Certificate | None) -> str:
    if one is None:
        return "none"
    told = f"sha1 {one.sha1}" if one.sha1 else f"serial {one.serial}" if one.serial else None
    return f"{one.subject or 'one without a subject'}{f' ({told})' if told else ''}"


def _word(value: object) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return _some([_word(one) for one in value], len(value)) or "none"
    return str(getattr(value, "value", value))


def _some(names: list[str], most: int = _NAMED) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
