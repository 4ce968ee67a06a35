"""Somebody else at the router, who remembers what was made there and what must therefore still be so."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import dataclass, field

from agent.simulator import Device, OtherSession, Refusal
from agent.simulator.datastores import trustpoints

OURS, THEIRS = "Trustpool", "THEIRS"
URL = "http://somebody.example/"
PERSIST = "theirs"

Deed = tuple[str, ...]
"""What is done and to what, such as ``("edit", "THEIRS", "terminal")``."""


@dataclass(frozen=True)
class Made:
    """A trustpoint as it was committed: its enrollment, and how many trials had been taken back by then.

    ``on_trial``: a commit waited for its confirmation, so the next rollback takes this back as well.
    """

    enrollment: str | None
    rollbacks: int
    on_trial: bool


@dataclass
class Ledger:
    """What the neighbour made and nobody else may unmake.

    ``running`` and ``candidate`` are by trustpoint, ``certificates`` too; ``locks`` by datastore. ``mixed``: an edit
    was made in a candidate that held somebody else's already, or running was changed beside it. ``tried``: a commit was
    on trial, which some servers leave in the candidate when they take it back. ``brought`` and ``cleared`` count
    certificates.
    """

    running: dict[str, Made] = field(default_factory=dict)
    candidate: dict[str, str | None] = field(default_factory=dict)
    certificates: dict[str, str | None] = field(default_factory=dict)
    locks: set[str] = field(default_factory=set)
    mixed: bool = False
    tried: bool = False
    brought: int = 0
    cleared: int = 0


class Neighbour:
    """A session of somebody else, reopened when it was ended; it does what the server lets it do.

    Attributes:
        stamps: the order of what happens at the router; touched: when what was changed last, ``certificate`` or a name.
        acting: whether what happens now is the neighbour's doing.
    """

    def __init__(self, device: Device) -> None:
        self._device, self._config = device, device.config
        self.ledger = Ledger()
        self.stamps = itertools.count(1)
        self.touched: dict[str, int] = {}
        self.acting = False
        self._session: OtherSession | None = None

    @property
    def session(self) -> OtherSession:
        """The session; what an ended one held has ended with it."""
        if self._session is None or not self._session.alive:
            self._session = self._device.other_session()
            self.ledger.locks.clear()
        return self._session

    def do(self, deed: Deed) -> None:
        """One deed, in the simulator's thread; nothing where the server refuses it."""
        name, *words = deed
        self.acting = True
        with suppress(Refusal):
            getattr(self, f"_{name}")(*words)
        self.acting = False

    # --- configuration -------------------------------------------------------------------------------------------

    def _edit(self, name: str, enrollment: str) -> None:
        mixed = self._foreign()
        self.session.edit(name, enrollment)
        self._edited(name, enrollment, mixed=mixed)

    def _remove(self, name: str) -> None:
        mixed = self._foreign()
        self.session.remove(name)
        self._edited(name, None, mixed=mixed)

    def _edited(self, name: str, enrollment: str | None, *, mixed: bool) -> None:
        self.ledger.candidate[name] = enrollment
        self.ledger.mixed |= mixed
        if not self._config.dirty:  # it is what is running
            self._clean()

    def _foreign(self) -> bool:
        """Whether the candidate holds what the neighbour did not put there, or a commit on trial."""
        return (self._config.dirty and not self.ledger.candidate) or self._config.trial is not None

    def _discard(self) -> None:
        self.session.discard()
        self._clean()

    def _clean(self) -> None:
        self.ledger.candidate.clear()
        self.ledger.mixed = False

    def _commit(self) -> None:
        self.session.commit()
        self._committed()

    def _commit_on_trial(self) -> None:
        if self._device.persona.behaviour.trial_lock == "granted":
            return  # by nothing at all could a push see that a commit is on trial
        self.session.commit_on_trial(300.0, PERSIST)
        self._committed()
        self.ledger.tried = True

    def _committed(self) -> None:
        """All that the candidate held is the neighbour's now, whoever edited it, and what it did not hold is gone."""
        for name in {*self.ledger.candidate, *self.ledger.running, *([OURS] if self.ledger.mixed else [])}:
            self._note(name)
        self._clean()

    def _note(self, name: str) -> None:
        on_trial = self._config.trial is not None
        self.ledger.running[name] = Made(self._device.enrollment(name), self._config.rollbacks, on_trial)
        self.touched[name] = next(self.stamps)

    def _confirm(self) -> None:
        self.session.confirm(PERSIST)
        for name, made in self.ledger.running.items():
            self.ledger.running[name] = Made(made.enrollment, made.rollbacks, on_trial=False)

    def _cancel(self) -> None:
        self.session.cancel(PERSIST)

    def _console(self, name: str, enrollment: str) -> None:
        """Typed at the CLI, which has a candidate of its own."""
        home = self._device.home
        edit = home.edit(name, home.enroll(enrollment)) if enrollment else home.edit(name, remove=True)
        self._config.type([edit], self.session.session_id)
        self._note(name)
        self.ledger.mixed |= self._config.dirty  # the candidate now differs from running at this trustpoint, too
        if not self._config.dirty:
            self._clean()

    # --- locks ---------------------------------------------------------------------------------------------------

    def _lock(self, target: str) -> None:
        self.session.lock(target)
        self.ledger.locks.add(target)

    def _unlock(self, target: str) -> None:
        if target in self.ledger.locks:
            self.session.unlock(target)
            self.ledger.locks.discard(target)
            self._given_back(target)

    def _end(self) -> None:
        held = set(self.ledger.locks)
        self.session.end()
        self.ledger.locks.clear()
        for target in held:
            self._given_back(target)

    def _given_back(self, target: str) -> None:
        if target == "candidate" and not self._config.dirty:
            self._clean()

    def _kill(self) -> None:
        """Break the locks of others: end every session that is not the neighbour's."""
        for number in list(self._device.sessions):
            self.session.kill(number)

    # --- certificates --------------------------------------------------------------------------------------------

    def _authenticate(self, pem: str) -> None:
        self.session.authenticate(OURS, pem)
        self.ledger.brought += 1
        self._certificate(pem)

    def _clear(self) -> None:
        self.ledger.cleared += OURS in self._device.state.certificates
        self.session.clear(OURS)
        self._certificate(None)

    def _certificate(self, pem: str | None) -> None:
        self.ledger.certificates[OURS] = pem
        self.touched["certificate"] = next(self.stamps)

    def leave(self) -> None:
        """Go home: discard what is uncommitted, and end."""
        self._running_wronged()  # to see what was taken back by now
        if self.ledger.candidate or self.ledger.mixed or self.ledger.tried:
            self.do(("cancel",))
            self.do(("discard",))
        self.do(("end",))

    # --- what must hold ------------------------------------------------------------------------------------------

    def wronged(self) -> list[str]:
        """What the neighbour made and is not as it was left."""
        return [*self._running_wronged(), *self._candidate_wronged(), *self._certificates_wronged(), *self._locks()]

    def _running_wronged(self) -> list[str]:
        wrong = []
        assert self._config.running is not None  # looking at it ends a trial whose time is over
        for name, made in list(self.ledger.running.items()):
            if made.on_trial and self._config.rollbacks > made.rollbacks:
                del self.ledger.running[name]  # the server took it back with the trial
                self.ledger.tried = True
                continue
            now = self._device.enrollment(name)
            # Where there is none, a push may make one; it is gone again where that push fails.
            free = name == OURS and made.enrollment is None and now in ("terminal", "local")
            if now != made.enrollment and not free:
                wrong.append(f"running {name}: {now}, it was left as {made.enrollment}")
        return wrong

    def _candidate_wronged(self) -> list[str]:
        held = {name: one.enrollment for name, one in trustpoints.read(self._config.candidate).items()}
        return [
            f"candidate {name}: {held.get(name)}, it was left as {enrollment}"
            for name, enrollment in self.ledger.candidate.items()
            if held.get(name) != enrollment
        ] + (["the candidate was committed"] if self._committed_by_others() else [])

    def _committed_by_others(self) -> bool:
        """Whether running has the edits; where a rollback brought back what was edited as well, nobody can tell."""
        return bool(self.ledger.candidate) and not self._config.dirty and not self.ledger.tried

    def _certificates_wronged(self) -> list[str]:
        return [
            f"the certificate of {name} is another"
            for name, pem in self.ledger.certificates.items()
            if pem is not None and self._device.state.certificates.get(name) != pem
        ]

    def _locks(self) -> list[str]:
        number = self._session.session_id if self._session is not None and self._session.alive else None
        return [
            f"the lock of {target}"
            for target in self.ledger.locks
            if number is not None and self._config.locks.get(target) != number
        ]
