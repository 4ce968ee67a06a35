"""``--replay FILE``: what a recording says of a router, served in this process and worked on as on that router."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from agent.cli.usage.given import Options, refuse
from agent.cli.view.streams import progress, say_failure, say_warning
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Target
from agent.fleet.results.record import Result
from agent.model.check import MethodPoint, Point, Standing, Topic
from agent.model.device import Secret
from agent.model.errors import ConnectError, InputError
from agent.model.masking.text import neutralise
from agent.recording.events import Terminal, Way
from agent.recording.reading import Recording, read

if TYPE_CHECKING:
    from agent.fleet.run.router import Hooks
    from agent.simulator import Replay

P = TypeVar("P", Point, MethodPoint)

_NOT_RECORDED = (Topic.NAME, Topic.PORT, Topic.SSH, Topic.HOST_KEY, Topic.LOGIN)
"""What is looked at on the way to a router, and of a replay is only this machine's."""
_PROMPT = re.compile(r"RP/\d+/\w+/CPU\d+:([\w.-]{1,64})#")
_SUFFIXES = re.compile(r"(?:\.(?:gz|jsonl?|rec|recording))+\Z")
_AS_WRITTEN = "record again; a recording is replayed as it was written"
_AGAIN = "record again, to the end, once the router lets a session in"
_REACHED = (
    *("port", "ssh_port", "username", "password_env", "password_file", "ask_password", "key", "key_passphrase_env"),
    *("password_exec", "key_passphrase_exec"),
    *("known_hosts", "host_key", "accept_new_host_keys", "jump", "ssh_config", "scheduler", "processes"),
    "connect_wait",
)
"""The options by which a router is reached: a replay is reached as it is served."""


@dataclass(frozen=True)
class Replayed:
    """A recording that is served.

    Attributes:
        target: as what it is worked on.
    """

    path: Path
    target: Target
    _began: datetime
    _server: Replay

    def now(self) -> datetime:
        """The recording's time, by which the router's clock and its deadlines are judged: as far as it is replayed."""
        return self._began + timedelta(seconds=self._server.playback.now())

    def hooks(self, hooks: Hooks) -> Hooks:
        """*hooks* by the recording's time, and with its sessions alone."""
        policy = replace(hooks.policy, now=self.now)
        return replace(hooks, policy=policy, now=self.now, before_session=self._see_session)

    def _see_session(self) -> None:
        """See that the recording has the next session.

        Raises:
            ConnectError: it has none; the error says why.
        """
        why = self._server.unopened()
        if why is not None:
            raise ConnectError(why, device=self.target.name, hint=_AGAIN)

    def noted(self, result: Result) -> Result:
        """*result* without what only this machine's server shows: where it is, and of a check what it makes ok."""
        check, outcome, greeting = result.check, result.outcome, self._server.greeting
        if check is not None:
            check = replace(
                check,
                address=None,
                points=tuple(map(self._point, check.points)),
                methods=tuple(map(self._unknown, check.methods)),
                server=check.server if greeting and greeting.server else None,
                identity=None,
                login_methods=greeting.methods if greeting else (),
            )
        return replace(result, address=None, check=check, outcome=outcome and replace(outcome, address=None))

    def _point(self, point: Point) -> Point:
        """*point*, as far as the recording tells it."""
        greeting, topic, unknown = self._server.greeting, point.topic, "not known in this replay"
        opened = self._server.transcript.opened
        ways = {Topic.CLI: opened.get(Way.CLI), Topic.SFTP: opened.get(Way.SFTP) or opened.get(Way.CLI)}
        tried = ways.get(topic)
        if topic is Topic.SSH and greeting and greeting.server:
            notes = "; ".join(self._server.notes)
            return replace(point, detail=f"{point.detail}; in this replay without {notes}" if notes else point.detail)
        if topic in (Topic.HOST_KEY, Topic.LOGIN) and greeting:
            told = greeting.host_key if topic is Topic.HOST_KEY else ", ".join(greeting.methods)
            unknown += f"; it {'shows' if topic is Topic.HOST_KEY else 'offers'} {told}" if told else ""
        if topic in _NOT_RECORDED:
            return Point(topic, Standing.UNKNOWN, unknown)
        if tried is not None and tried.failed:
            point = replace(point, detail=f"in this replay: {tried.failed}", hint=None)
        return self._unknown(point)

    def _unknown(self, one: P) -> P:
        """*one*, which is not known to be wrong where the recording has no session."""
        wrong = one.standing is Standing.NOT_OK and not self._server.transcript.greeted
        return replace(one, standing=Standing.UNKNOWN) if wrong else one

    def see_push(self) -> None:
        """See that a push can be replayed.

        Raises:
            InputError: nothing was written when it was recorded, and it was no push.
        """
        if self._server.transcript.only_reads:
            raise InputError(
                f"{self.path}: this recording holds no push: nothing is written in it",
                hint="push --record FILE makes one that does; plan and assess work on this one",
            )

    def code(self, code: int) -> int:
        """The exit code where *code* is the command's: what had no answer is said here, and is never well."""
        missing = self._server.missing
        for words in missing:
            say_failure(words, device=self.target.name)
        return max(code, 1) if missing else code


def begin(given: Options, stack: ExitStack) -> tuple[Options, Replayed | None]:
    """The replay that ``--replay`` asks for, and the options by which it is worked on; *stack* ends it.

    It has a state folder of its own, so that journal and lease know nothing of a router of that name.

    Raises:
        UsageError: other options say whom to reach, and how.
        InputError: the recording cannot be read, or contradicts itself.
    """
    path: Path | None = given.get("replay")
    if path is None:
        refuse(("recorded_timing",), "goes with --replay FILE")
        return given, None
    refuse(_REACHED, "says how a router is reached: a replay is served here")
    recording = opened(path, replaying=True)
    server = stack.enter_context(served(recording, recorded_timing=given["recorded_timing"]))
    folder = stack.enter_context(TemporaryDirectory(prefix="xr-agent-"))
    stack.enter_context(environment({"XDG_STATE_HOME": folder}))
    target = Target(
        name(recording),
        "127.0.0.1",
        port=server.port,
        ssh_port=server.ssh_port,
        username=server.username,
        password=Reference.asked(Secret(server.password)),
        legacy_ssh=given["legacy_ssh"] or _is_old(server),
    )
    reached = {
        "known_hosts": _written(Path(folder) / "known_hosts", server.known_hosts()),
        "ssh_config": Path(os.devnull),
        "connect_wait": 0.0,
        # Recorded with that: whether there is a CLI is not known.
        "no_ssh": given["no_ssh"] or not {Way.CLI, Way.SFTP} & server.transcript.opened.keys(),
    }
    return {**given, **reached}, Replayed(path, target, made(recording), server)


def opened(path: Path, *, replaying: bool = False) -> Recording:
    """The recording in *path*; what is missing of it is said, behind that it stands in for a router where *replaying*.

    Raises:
        InputError: it cannot be read, or contradicts itself.
    """
    recording = read(path)
    made(recording)
    if replaying:
        said = f"replaying {path}, recorded {recording.begin.made}: no router is reached"
        progress().print(neutralise(said), soft_wrap=True)
    if not recording.begin.sanitised:
        say_warning(f"{path}: nothing in it was replaced but passwords: keep it to yourself")
    if recording.cut_off is not None:
        say_warning(f"{path}: {recording.cut_off}; what is there of it is served")
    return recording


@contextmanager
def served(
    recording: Recording,
    *,
    recorded_timing: bool = False,
    told: Callable[[str], object] = lambda _: None,
    port: int = 0,
    ssh_port: int = 0,
) -> Iterator[Replay]:
    """*recording* served on loopback, as of :class:`agent.simulator.Replay`.

    Raises:
        InputError: what it says was sent is no request, its release is not the one that the router said, or a port
            cannot be used.
    """
    from agent.simulator import Replay

    try:
        server = Replay(recording, recorded_timing=recorded_timing, told=told, port=port, ssh_port=ssh_port)
    except OSError as error:
        raise InputError(
            f"port {port or ssh_port} cannot be used: {error.strerror or error}", hint="leave --port and --ssh-port out"
        ) from error
    with server:
        _see_release(recording, server)
        yield server


def _see_release(recording: Recording, server: Replay) -> None:
    said, shown = recording.end.release if recording.end else None, server.transcript.releases
    if said and shown and said not in shown:
        found = ", ".join(sorted(shown))
        raise InputError(
            f"{recording.path}: it says that it is of release {said}, and its answers are of {found}",
            hint=_AS_WRITTEN,
        )


def made(recording: Recording) -> datetime:
    """When a recording began.

    Raises:
        InputError: that is no time.
    """
    text = recording.begin.made
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{recording.path}, line 1: 'made' is no time: {text!r}", hint=_AS_WRITTEN) from error
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def name(recording: Recording) -> str:
    """How the router is called: by its CLI's prompt, else by the file."""
    for event in recording.events:
        found = _PROMPT.search(event.text or "") if isinstance(event, Terminal) else None
        if found:
            return found[1]
    return _SUFFIXES.sub("", recording.path.name) or recording.path.name


def _is_old(server: Replay) -> bool:
    """Whether it has nothing of a kind that is offered without --legacy-ssh, so that it was recorded with that."""
    from agent.ssh.peer.negotiation import KINDS

    return any(
        names and not set(names) & set(kind.modern)
        for offer in (server.netconf, server.cli)
        for kind in KINDS
        if (names := offer.names[kind.argument])
    )


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """The commands read these variables as long as the block lasts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})
