"""One simulated device: its configuration, state, files and logins, and what a test may do to it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, Protocol

from lxml import etree

from agent.simulator.datastores import trustpoints
from agent.simulator.datastores.datastores import Datastores
from agent.simulator.datastores.rpcerrors import Refusal
from agent.simulator.device.disk import Disk
from agent.simulator.device.faults import Fault, FaultKind
from agent.simulator.device.operstate import State
from agent.simulator.device.prototype import prototype
from agent.simulator.device.silence import Silence
from agent.simulator.personas.persona import Persona
from agent.simulator.personas.servicetimes import ServiceTime

_TURN = 0.01
"""Seconds between two looks at a clock that is somebody's own."""


class Session(Protocol):
    """A NETCONF session over a connection, as far as the device has to do with it."""

    def drop(self) -> None:
        """End the connection without a word, and what the session is about."""


@dataclass
class Device:
    """A device under test.

    Attributes:
        port: where NETCONF answers; ssh_port: where the CLI and SFTP do, 0 where nothing listens.
        host_key: the known_hosts line of the NETCONF port.
        state: certificates and licensing; config: running, candidate and locks; disk: the files and their faults.
            All may be read and set by a test.
        log: (session-id, operation) of every rpc in the order of arrival; ``counters`` adds them up.
        typed: every command at the CLI, without what was pasted; answers: what its questions were answered.
        faults: what is to go wrong.
        refuse_until: new connections are reset until ``config.clock`` says so.
        silence: what it does not answer, for the clock of a test.
        other_sessions: session-id → user of sessions that a test made up.
        session_seconds: how long its NETCONF sessions were open, those aside that still are.
        held: an entry for each rpc that waits for :meth:`release`.
        post: runs something in the simulator's thread and waits for it; the simulator sets it.
    """

    name: str
    persona: Persona
    port: int = 0
    ssh_port: int = 0
    host_key: str = ""
    faults: list[Fault] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)
    typed: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    other_sessions: dict[str, str] = field(default_factory=dict)
    held: list[asyncio.Event] = field(default_factory=list, repr=False)
    connections: set[Any] = field(default_factory=set, repr=False)
    silence: Silence = field(default_factory=Silence, repr=False)
    last_session: int = 0
    session_seconds: float = 0.0
    _drawn: Counter[str] = field(default_factory=Counter, repr=False)
    refuse_until: float = 0.0
    post: Callable[[Callable[[], None]], None] = field(default=lambda work: work(), repr=False)

    def __post_init__(self) -> None:
        self.state = State(self.persona, self._clock)
        self.disk = Disk(self.persona.file_faults)
        like = prototype(self.persona)
        self.models, self.home, self.hello = like.models, like.home, like.hello
        self.config = Datastores(like.configured, behaviour=self.persona.behaviour, translate=like.translate)
        self.config.running, self.config.candidate = list(like.config), list(like.config)

    def _clock(self) -> float:
        """The clock of the datastores, which a test may exchange."""
        return self.config.clock()

    @property
    def address(self) -> str:
        """``127.0.0.1:port``."""
        return f"127.0.0.1:{self.port}"

    @property
    def files(self) -> dict[str, bytes]:
        """Every file by its absolute path; a new device has none."""
        return self.disk.files

    def known_hosts(self) -> str:
        """The known_hosts lines of both ports."""
        _, kind, key = self.host_key.split()
        ports = [self.port, *([self.ssh_port] if self.ssh_port else [])]
        return "".join(f"[127.0.0.1]:{port} {kind} {key}\n" for port in ports)

    # --- what a test does ----------------------------------------------------------------------------------------

    def configure(self, name: str, enrollment: str) -> None:
        """Put a trustpoint into running and candidate, as somebody at the console would."""
        self._put([self.trustpoint_element(name, enrollment)])

    def set_config(self, subtree: str) -> None:
        """Merge an XML subtree of configuration, with its namespace, into running and candidate."""
        self._put([etree.fromstring(subtree)])

    def dirty(self, name: str = "Trustpool", enrollment: str = "http://somebody.example/") -> None:
        """Leave the candidate changed by somebody else."""
        self.config.edit([self.trustpoint_element(name, enrollment)], "merge", "console")

    def hold_lock(self, target: str = "running", session: str = "77", user: str = "noc") -> None:
        """Let another session, of *user* from 192.0.2.7, hold a lock until it is killed."""
        self.config.locks[target] = session
        self.other_sessions[session] = user

    def other_session(self, user: str = "noc") -> OtherSession:
        """A session of *user* from 192.0.2.7, which keeps to the server's rules."""
        return OtherSession(self, user)

    def kill(self, session: str, *, by: str) -> None:
        """kill-session by another session; in the simulator's thread."""
        if self.other_sessions.pop(session, None) is not None:
            self.config.leave(session)
        elif session in self.sessions and session != by:
            self.sessions[session].drop()
        else:
            raise Refusal("invalid-value")

    def expire_trial(self) -> None:
        """Let the time of a commit on trial be over; nothing where there is none."""
        self.post(self.config.time_out)

    def release(self) -> None:
        """Let every rpc that a HELD fault holds back go on."""

        def go() -> None:
            while self.held:
                self.held.pop(0).set()

        self.post(go)

    def crash(self) -> None:
        """End the NETCONF server alone: sessions, locks and any trial are gone, an edited candidate stays."""
        self.post(self._end_server)

    def _end_server(self) -> None:
        self.config.locks.clear()
        for session in list(self.sessions.values()):
            session.drop()
        for number in list(self.other_sessions):
            self.kill(number, by="")
        self.config.take_back()

    def reload(self) -> None:
        """Start anew: sessions, locks, the candidate, any trial, /tmp and what terminal enrollment brought are gone."""
        self.post(self._start_anew)

    def _start_anew(self) -> None:
        self.drop_all()
        self._end_server()
        self.config.discard()
        self.state.reload()
        self.disk.reload()

    def other_commits(self) -> None:
        """Let another session commit a trustpoint ``OTHER``, which this one's candidate has not seen."""
        change = self.trustpoint_element("OTHER", "terminal")
        self.config.running = self.config.with_edit(change)
        self.config.overtaken = True

    def enrollment(self, name: str = "Trustpool") -> str | None:
        """The running enrollment of a trustpoint: ``terminal``, ``local``, a URL, or None."""
        found = trustpoints.read(self.config.running).get(name)
        return found.enrollment if found else None

    def trustpoints(self) -> list[str]:
        """The names of all configured trustpoints."""
        return list(trustpoints.read(self.config.running))

    def ledger(self) -> dict[str, object]:
        """What was written to the device, by which another process can tell that nothing was done twice.

        ``commits``, ``rollbacks`` (of commits on trial), ``authenticates`` (certificates that a trustpoint was given),
        ``clears`` (of those), ``imports`` (into the trustpool), ``renewals``, ``contacts`` (of the licensing server,
        one that somebody looked for once it had come), ``registrations``; ``sessions`` (NETCONF and CLI) and
        ``rpcs`` that came; ``open`` sessions, ``locked`` datastores, ``dirty`` candidate, ``files`` that were left.
        """
        state, config = self.state, self.config
        return {
            "release": self.persona.release,
            "sessions": self.last_session,
            "rpcs": sum(self.counters.values()),
            "commits": config.commits,
            "rollbacks": config.rollbacks,
            "authenticates": state.authenticates,
            "clears": state.clears,
            "imports": state.imports,
            "renewals": state.renewals,
            "contacts": state.contacts,
            "registrations": len(state.tokens),
            "open": len(self.sessions),
            "locked": sorted(config.locks),
            "dirty": config.dirty,
            "files": sorted(self.files),
        }

    # --- what the servers need -----------------------------------------------------------------------------------

    def fault(self, operation: str, selected: str = "") -> Fault | None:
        """The fault that strikes this rpc, if any; *selected* names the tree it asks for."""
        full = f"{operation}:{selected}"
        return self._first((fault, full if ":" in fault.operation else operation) for fault in list(self.faults))

    def _first(self, aimed: Iterable[tuple[Fault, str]]) -> Fault | None:
        """The first fault that strikes; what a test does meanwhile is done."""
        for fault, operation in aimed:
            if fault.strikes(operation):
                if fault.kind is not FaultKind.MEANWHILE or fault.act is None:
                    return fault
                fault.act()
        return None

    def draw(self, what: Literal["commit", "authenticate", "login", "contact"]) -> float:
        """The seconds that *what* takes this time."""
        self._drawn[what] += 1
        takes: ServiceTime = getattr(self.persona.takes, what)
        return takes.draw(f"{self.name} {what} {self._drawn[what]}")

    async def pause(self, seconds: float) -> None:
        """Let time pass by the clock of the datastores, whoever makes it pass."""
        until = self.config.clock() + seconds
        while (left := until - self.config.clock()) > 0:  # noqa: ASYNC110 - somebody's own tells nobody that it moved
            await asyncio.sleep(left if self.config.clock is time.monotonic else min(left, _TURN))

    def refuses(self) -> bool:
        """Whether it takes no new connection, as a router that limits the rate of sessions."""
        return self.config.clock() < self.refuse_until

    def cli_fault(self, command: str) -> Fault | None:
        """The fault that strikes this command: its operation is ``cli:`` and the command's beginning."""
        aimed = [one for one in self.faults if one.operation.startswith("cli:")]
        return self._first((one, one.operation) for one in aimed if command.startswith(one.operation[4:]))

    def cli_text(self, source: str = "running", only: str | None = None) -> str:
        """The trustpoints of a datastore as CLI text."""
        return trustpoints.text(self.config.get(source), self.persona.enrollment_spelling, only)

    def _put(self, content: Iterable[etree._Element]) -> None:
        self.config.writable("console")
        self.config.replace(self.config.with_edit(*content))

    def drop_all(self) -> None:
        """End every connection; in the simulator's thread."""
        for session in list(self.sessions.values()):
            session.drop()
        for connection in list(self.connections):
            connection.abort()

    def trustpoint_element(self, name: str, enrollment: str) -> etree._Element:
        return self.home.edit(name, self.home.enroll(enrollment))


class OtherSession:
    """A session of *user*; it is listed with the others, holds locks as they do and ends when it is killed.

    Every method but :meth:`authenticate` and :meth:`clear`, which are about certificates, is one NETCONF operation, and
    raises :class:`Refusal` where the server answers with an rpc-error. Without a lock nothing keeps it out of the
    candidate but the lock of others.
    """

    def __init__(self, device: Device, user: str) -> None:
        self._device, self._config = device, device.config
        self.session_id = next(n for n in map(str, count(9001)) if n not in device.other_sessions)
        device.other_sessions[self.session_id] = user

    @property
    def alive(self) -> bool:
        """Whether the session was neither ended nor killed."""
        return self.session_id in self._device.other_sessions

    def lock(self, target: str = "candidate") -> None:
        """Lock a datastore."""
        self._do(lambda: self._config.lock(target, self.session_id))

    def unlock(self, target: str = "candidate") -> None:
        """Give the lock back."""
        self._do(lambda: self._config.unlock(target, self.session_id))

    def edit(self, name: str, enrollment: str) -> None:
        """Put a trustpoint into the candidate, or give it another enrollment."""
        self._edit(self._device.trustpoint_element(name, enrollment))

    def remove(self, name: str) -> None:
        """Take a trustpoint out of the candidate."""
        self._edit(self._device.home.edit(name, remove=True))

    def discard(self) -> None:
        """Discard the candidate's changes, whoever made them."""
        self._do(lambda: self._config.discard(self.session_id))

    def commit(self) -> None:
        """Commit the candidate, whoever edited it."""
        self._do(lambda: self._config.commit(self.session_id))

    def commit_on_trial(self, timeout: float = 600.0, persist: str | None = None) -> None:
        """Commit the candidate until *timeout* seconds of the device's clock have passed."""
        self._do(lambda: self._config.commit_confirmed(self.session_id, timeout=timeout, persist=persist))

    def confirm(self, persist: str) -> None:
        """Confirm a commit on trial, by its persist-id."""
        self._do(lambda: self._config.confirm(self.session_id, persist))

    def cancel(self, persist: str | None = None) -> None:
        """Take a commit on trial back; without *persist* it must be this session's own."""
        self._do(lambda: self._config.cancel(self.session_id, persist))

    def authenticate(self, name: str, pem: str) -> None:
        """Give a configured trustpoint a certificate, in place of the one it has."""

        def install() -> None:
            enrollment = self._device.enrollment(name)
            if enrollment is None:
                raise Refusal("operation-failed", "Trustpoint not found")
            self._device.state.install(name, pem, enrollment)

        self._do(install)

    def clear(self, name: str) -> None:
        """Take a trustpoint's certificate away, if it has one."""
        self._do(lambda: self._device.state.certificates.pop(name, None))

    def kill(self, session: str) -> None:
        """End another session, and with it its locks."""
        self._do(lambda: self._device.kill(session, by=self.session_id))

    def end(self) -> None:
        """End this session as by close-session."""
        self._do(lambda: self._device.kill(self.session_id, by=""))

    def _edit(self, change: etree._Element) -> None:
        self._do(lambda: self._config.edit([change], "merge", self.session_id))

    def _do(self, work: Callable[[], object]) -> None:
        """Run *work* in the simulator's thread, where nothing else happens meanwhile."""

        def run() -> None:
            if not self.alive:
                raise ConnectionResetError(f"session {self.session_id} has ended")
            work()

        self._device.post(run)
