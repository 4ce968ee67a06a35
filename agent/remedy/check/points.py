"""What was seen of a router as points: each ok, not ok or unknown, with its words and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from agent.model.check import Check, MethodPoint, Point, Standing, Topic
from agent.model.device import Device
from agent.model.errors import (
    AgentError,
    ConnectError,
    HostKeyError,
    LoginWithheld,
    ReplyTimeout,
    SessionLost,
    SSHAuthenticationError,
    SSHNegotiationError,
)
from agent.model.method import Method
from agent.model.plan import Intent, Tried
from agent.model.state import ConfigModel, Reading
from agent.model.steps import Installation, Step
from agent.model.telemetry.context import bound
from agent.netconf.retry import Policy, Waits, relayed
from agent.netconf.session import Session
from agent.remedy.assess import CLOCK_TOLERANCE
from agent.remedy.check.look import Closed, Seen, look
from agent.remedy.check.preflight import Needs, needs, room
from agent.remedy.methods.base import Refused
from agent.remedy.methods.registry import METHODS, offered

if TYPE_CHECKING:
    from agent.xr.cli.sshport import Ssh

OK, NOT_OK, UNKNOWN = Standing.OK, Standing.NOT_OK, Standing.UNKNOWN
_UNREACHED = "not reached"


def checked(
    device: Device,
    first: Callable[[], Waits[Session]],
    ssh: Ssh | None,
    intent: Intent,
    policy: Policy,
    *,
    turn: Callable[[], float] = lambda: 0.0,
) -> Waits[Check]:
    """Every point of one router, and what they mean for each method; nothing is changed. As of :func:`look`."""
    looking = relayed(look(device, first, ssh, intent, policy, turn=turn), around=lambda: bound(device=device.name))
    return judged((yield from looking))


def judged(seen: Seen) -> Check:
    """The points of what was *seen*, and what they mean for each method."""
    points = tuple(_points(seen))
    state = seen.state
    return Check(
        device=seen.device.name,
        points=points,
        methods=tuple(_method(method, seen, points) for method in METHODS),
        address=seen.device.address,
        release=state.release if state else None,
        server=seen.server,
        identity=seen.host_key,
        login_methods=seen.login_methods,
        file_systems=seen.space.value or (),
    )


def _points(seen: Seen) -> Iterator[Point]:
    yield from _network(seen)
    yield _ssh(seen)
    yield _host_key(seen)
    yield _login(seen)
    yield _netconf(seen)
    yield _models(seen)
    yield _reads(seen)
    yield _way(Topic.CLI, seen.cli)
    yield _way(Topic.SFTP, seen.sftp)
    yield _space(seen)
    yield _clock(seen)


def _failed(topic: Topic, error: AgentError) -> Point:
    return Point(topic, NOT_OK, error.message, error.hint)


def _network(seen: Seen) -> Iterator[Point]:
    """The name and the port, as far as this machine sees them; behind a jump host only that one does."""
    probed, refused = seen.probed, seen.refused
    if seen.capabilities is None and probed is None:  # where sessions are limited, a probe would be one more
        yield Point(Topic.NAME, UNKNOWN, _UNREACHED)
        why, hint = (refused.message, refused.hint) if refused else (_UNREACHED, None)
        yield Point(Topic.PORT, UNKNOWN, why, hint)
    elif seen.through is not None:
        for topic in (Topic.NAME, Topic.PORT):
            yield Point(topic, UNKNOWN, f"seen only by {seen.through}")
    elif probed is None or seen.address is not None:
        yield Point(Topic.NAME, OK, "resolved", own=seen.address)
        yield Point(Topic.PORT, OK, "takes connections", own=seen.device.address)
    elif probed.addresses:
        yield Point(Topic.NAME, OK, "resolved", own=", ".join(probed.addresses))
        yield _failed(Topic.PORT, probed.error) if probed.error else Point(Topic.PORT, UNKNOWN, _UNREACHED)
    else:
        yield _failed(Topic.NAME, probed.error) if probed.error else Point(Topic.NAME, UNKNOWN, _UNREACHED)
        yield Point(Topic.PORT, UNKNOWN, _UNREACHED)


def _ssh(seen: Seen) -> Point:
    if isinstance(seen.refused, SSHNegotiationError):
        return _failed(Topic.SSH, seen.refused)
    if seen.server is not None:
        return Point(Topic.SSH, OK, f"{seen.server.version}: {', '.join(seen.server.taken)}")
    probed = seen.probed
    if probed is not None and probed.address is not None and probed.error is not None:
        return _failed(Topic.SSH, probed.error)
    return Point(Topic.SSH, UNKNOWN, _UNREACHED)


def _host_key(seen: Seen) -> Point:
    if isinstance(seen.refused, HostKeyError):
        return _failed(Topic.HOST_KEY, seen.refused)
    how = "is the pinned one" if seen.device.host_keys.pinned else "is on record"
    if seen.host_key is not None:
        return Point(Topic.HOST_KEY, OK, f"{seen.host_key.algorithm} {how}", own=seen.host_key.fingerprint)
    if seen.login_methods:  # which a server says only where its key was accepted
        return Point(Topic.HOST_KEY, OK, f"it {how}")
    return Point(Topic.HOST_KEY, UNKNOWN, _UNREACHED)


def _login(seen: Seen) -> Point:
    methods = f"; it offers {', '.join(seen.login_methods)}" if seen.login_methods else ""
    if isinstance(seen.refused, SSHAuthenticationError):
        return Point(Topic.LOGIN, NOT_OK, f"{seen.refused.message}{methods}", seen.refused.hint)
    if isinstance(seen.refused, LoginWithheld):
        return Point(Topic.LOGIN, UNKNOWN, seen.refused.message, seen.refused.hint)
    if seen.host_key is None:
        return Point(Topic.LOGIN, UNKNOWN, _UNREACHED)
    by = f"by {seen.login}" if seen.login else "without a key or password"
    return Point(Topic.LOGIN, OK, f"logged in {by}{methods}")


def _netconf(seen: Seen) -> Point:
    capabilities, refused = seen.capabilities, seen.refused
    if refused is not None and (capabilities is not None or _behind_ssh(seen, refused)):
        return _failed(Topic.NETCONF, refused)
    if capabilities is None:
        return Point(Topic.NETCONF, UNKNOWN, _UNREACHED)
    if not capabilities.candidate:
        return Point(Topic.NETCONF, NOT_OK, "its hello announces no :candidate capability")
    trial = "confirmed commit" if capabilities.confirmed_commit else "no confirmed commit, so a commit is a plain one"
    return Point(
        Topic.NETCONF, OK, f"its hello announces candidate, {trial}", own=f"{len(capabilities.uris)} capabilities"
    )


def _behind_ssh(seen: Seen, refused: AgentError) -> bool:
    """Whether what failed is NETCONF, and not the way to it: its port speaks SSH, and that is not what went wrong."""
    if isinstance(refused, HostKeyError | SSHNegotiationError | SSHAuthenticationError | LoginWithheld):
        return False
    if seen.probed is not None and seen.through is not None:
        return True  # a jump host's errors are of the connection as a whole: nobody can say how far the way led
    return seen.server is not None or not isinstance(refused, ConnectError)


def _models(seen: Seen) -> Point:
    if seen.state is None:
        return Point(Topic.MODELS, UNKNOWN, _UNREACHED)
    access = seen.state.access
    missing = "; ".join(access.reasons)
    there = [access.config_model.value] if access.config_model is not ConfigModel.NONE else []
    there += ["ca-authenticate"] if access.authenticate else []
    there += ["file-path"] if access.file_path else []
    there += ["clear certificates"] if access.clear_certificates else []
    there += ["trustpool import"] if access.import_url else []
    there += [f"files: {', '.join(access.files)}"] if access.files else []
    words = "; ".join(filter(None, (", ".join(there), missing)))
    if access.config_model is ConfigModel.NONE or not access.authenticate:
        return Point(Topic.MODELS, NOT_OK, words, "what no model has the CLI does; see xr-agent support")
    return Point(Topic.MODELS, OK, words)


def _reads(seen: Seen) -> Point:
    """Which reads are allowed; an empty answer is also what a user sees who may not read."""
    state = seen.state
    if state is None:
        return Point(Topic.READS, UNKNOWN, _UNREACHED)
    areas: tuple[tuple[str, Reading[Any]], ...] = (
        ("trustpoint", state.config),
        ("certificate", state.certificate),
        ("licensing", state.licensing),
        ("release", state.software),
    )
    refused = [f"{name}: {reading.missing}" for name, reading in areas if reading.missing is not None]
    empty = [name for name, reading in areas if reading.answered and reading.empty]
    if refused:
        hint = "task groups crypto and config-services let a user read them, and NACM where it is used"
        if isinstance(seen.cli, Closed):
            hint = f"what no model shows is read over the CLI, which is not at hand (point cli); else {hint}"
        return Point(Topic.READS, NOT_OK, "; ".join(refused), hint)
    if state.hidden is not None:
        return Point(Topic.READS, UNKNOWN, state.hidden)
    said = f"; empty, which may also be hidden: {', '.join(empty)}" if empty else ""
    return Point(Topic.READS, OK, f"{', '.join(name for name, _ in areas)}{said}")


def _way(topic: Topic, found: Tried | Closed) -> Point:
    """The CLI or SFTP."""
    if isinstance(found, Closed):
        return Point(topic, NOT_OK if found.tried else UNKNOWN, found.why, found.hint)
    return Point(topic, OK if found.works else NOT_OK, found.detail, found.hint)


def _space(seen: Seen) -> Point:
    """Whether there is room for what a push may put where it would."""
    return room(seen.intent.storage, _size(seen.intent), seen.space)


def _size(intent: Intent) -> int:
    return max(len(intent.anchor.pem), len(intent.bundle.data) if intent.bundle else 0)


def _clock(seen: Seen) -> Point:
    offset = seen.clock.value
    if offset is None:
        said = seen.clock.absent("show clock names no zone that is known to be UTC")
        return Point(Topic.CLOCK, UNKNOWN, said, "compare it by hand: TLS fails where it is far off")
    own = f"{round(offset.total_seconds()):+d} s against this machine's"
    shown = seen.now + offset
    hint = "set it, or let NTP: 'show clock', 'show ntp status' on the router"
    if seen.intent.anchor.expired(shown):
        said = f"it is outside the validity of {seen.intent.anchor.name}: TLS fails with the root present"
        return Point(Topic.CLOCK, NOT_OK, said, hint, own)
    if abs(offset) > CLOCK_TOLERANCE:
        return Point(Topic.CLOCK, NOT_OK, "it is off: TLS may fail with the root present", hint, own)
    return Point(Topic.CLOCK, OK, "right", own=own)


# --- what follows ----------------------------------------------------------------------------------------------------


def _method(method: Method, seen: Seen, points: tuple[Point, ...]) -> MethodPoint:
    """Whether *method* would be offered, and what it needs beside NETCONF is there."""
    state, refused = seen.state, seen.refused
    if state is None:
        why = f"no NETCONF session: {refused.message if refused else _UNREACHED}"
        standing = UNKNOWN if refused is None or _passes(refused) else NOT_OK
        return MethodPoint(method, standing, why, refused.hint if refused else None)
    found = offered(method, seen.intent, state)
    if isinstance(found, Refused):
        return MethodPoint(method, NOT_OK, found.reason, found.hint)
    needed = needs(found)
    for point in _needed(needed, points):
        if point.standing is not OK:
            about = f"it needs {point.topic.value}: {point.detail}"
            return MethodPoint(method, point.standing, about, point.hint)
    return MethodPoint(method, OK, _by(found, needed))


def _passes(error: AgentError) -> bool:
    """Whether it says nothing of the router, or not for long: a limit of new sessions, a session that was lost."""
    return isinstance(error, LoginWithheld | SessionLost | ReplyTimeout) or (
        isinstance(error, ConnectError) and error.rate_limited
    )


def _needed(needed: Needs, points: tuple[Point, ...]) -> Iterator[Point]:
    wanted = {Topic.CLI: needed.cli, Topic.SFTP: needed.folder, Topic.SPACE: needed.storage}
    topics = [topic for topic, needs_it in wanted.items() if needs_it]
    return (point for point in points if point.topic in topics)


def _by(steps: list[Step], needed: Needs) -> str:
    ways = ["NETCONF", *(["CLI"] if needed.cli else []), *(["SFTP"] if needed.folder else [])]
    action = next((step.method.action for step in steps if isinstance(step, Installation)), "")
    return f"{action}, by {', '.join(ways)}; whether this user may do it only doing it shows"
