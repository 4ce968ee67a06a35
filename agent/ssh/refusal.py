"""Why a login failed: what was given and heard, as the error that says what to do."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.model.errors import SSHAuthenticationError
from agent.model.masking.text import neutralise
from agent.ssh.peer.negotiation import signatures
from agent.ssh.peer.prompts import locked
from agent.ssh.peer.service import Service
from agent.ssh.settings.config import Settings

KEY, PASSWORD, KEYBOARD = "publickey", "password", "keyboard-interactive"
METHODS = (KEY, PASSWORD, KEYBOARD)
"""Those that something can be given to, in the order in which they are tried; a password costs a round trip less."""
_NO_MORE = "Permission denied for user"  # asyncssh's words where no method is left to be tried
_SHOWN = 200


@dataclass
class Seen:
    """What was given at a login, and what the server made of it.

    Attributes:
        methods: those of :data:`METHODS` that it offered first; wanted: those that it wants besides what it took.
        offered: how many keys were; rsa: whether any of them is one of RSA.
        waiting_for: the method by which something was sent and is not answered yet.
        given: the methods of what was sent since something was taken; taken: what was, in words.
        unanswered: what the server asked and nobody answered; said: all that it said; expired: whether that a password
            has.
    """

    methods: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    offered: int = 0
    rsa: bool = False
    waiting_for: str | None = "none"
    given: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    unanswered: str | None = None
    said: str = ""
    expired: bool = False


class Refusal:
    """The error for a login of which that was *seen*."""

    def __init__(self, seen: Seen, settings: Settings, service: Service) -> None:
        self._seen, self._settings, self._service = seen, settings, service

    def error(self, reason: str) -> SSHAuthenticationError:
        """Why it failed, where the server said *reason* at last; nothing where it just ended the connection."""
        device, who, user = self._settings.device, self._service.who, self._settings.username
        given = bool(self._seen.given)
        line = locked(f"{self._seen.said}\n{reason}".splitlines())
        if line is not None:
            return self._error(
                f"{who} refused the login: {user} is locked out, it says: {neutralise(line).strip()}",
                "unlock the account at the router or the AAA server before anything is tried again",
                refused=True,
            )
        if self._seen.expired:
            return self._error(
                f"{who} refused the login: the password of {user} has expired, or has to be changed",
                "log in by hand and change it, or ask whoever keeps the AAA server",
                refused=given,
            )
        if self._seen.taken and not given:
            return self._accepted_in_part()
        if self._seen.unanswered is not None:
            return self._error(
                f"{who} asks at the login: {neutralise(self._seen.unanswered)}",
                "it is not answered with the password; give one HOST at a terminal, where it is asked, or a user that "
                "logs in by key or password alone"
                if device.ask is None
                else "it was not answered",
                refused=given,
            )
        if self._seen.given:
            # Otherwise asyncssh would have asked on: what the server wants now is none of METHODS.
            other = self._seen.waiting_for is not None and reason.startswith(_NO_MORE)
            enough = _because(reason) or ("" if reason else "; it ended the connection")
            enough = ", or not enough: it wants what cannot be given here" if other else enough
            return self._error(
                f"{who} refused the login: {named(self._seen.given[-1])} of {user} was not accepted{enough}",
                self._service.login,
                refused=True,
            )
        return self._nothing_given(reason)

    def _nothing_given(self, reason: str) -> SSHAuthenticationError:
        """Why nothing was asked for that there is."""
        device, who = self._settings.device, self._service.who
        if self._seen.offered:
            said = f"{who} accepted no key of {self._settings.username}{_because(reason)}"
            return self._error(said, self._key_hint(), refused=True)
        if not reason.startswith(_NO_MORE):
            return self._error(
                f"{who} ended the connection at the login{_because(reason)}",
                "its AAA server may be down: see its log, then try again",
            )
        if self._seen.methods and device.password is not None and not {PASSWORD, KEYBOARD} & set(self._seen.methods):
            return self._error(f"{who} takes no password, only {', '.join(self._seen.methods)}", self._service.key)
        if self._seen.methods and KEY not in self._seen.methods and device.key_file is not None:
            return self._error(f"{who} takes no key, only {', '.join(self._seen.methods)}", self._service.password)
        if device.password is None:
            return self._error("there is no key and no password", self._service.key)
        words = neutralise(" ".join(self._seen.said.split()))[:_SHOWN]
        says = f", it says: {words}" if words else ""
        return self._error(f"{who} refused the login and asked for no password{says}", "log in by hand to see why")

    def _key_hint(self) -> str:
        said = [self._service.key]
        if self._seen.offered > 1:
            said.append(f"{self._seen.offered} keys were offered: name the right one, or set IdentitiesOnly")
        if self._seen.rsa and "ssh-rsa" not in signatures(self._settings):
            way = "'PubkeyAcceptedAlgorithms +ssh-rsa' in the SSH configuration"
            way = way if self._service is Service.JUMP else f"--legacy-ssh, or {way}"
            said.append(f"where it takes RSA keys by SHA-1 alone: another kind of key, or {way}")
        return "; ".join(said)

    def _accepted_in_part(self) -> SSHAuthenticationError:
        """What the server took, and what it wants besides, by the names of RFC 4252 section 5."""
        wanted, taken = self._seen.wanted, list(dict.fromkeys(self._seen.taken))
        if self._service is Service.JUMP:
            hint = self._service.key
        elif "a key" not in taken and KEY in wanted:
            hint = "give a key with --key, or load one into ssh-agent"
        elif "the password" not in taken and {PASSWORD, KEYBOARD} & set(wanted):
            hint = "give the password as well: --password-env, --password-file or --ask-password"
        elif KEY in wanted:
            hint = "give the other key with --key, or load it into ssh-agent"
        else:
            hint = "it cannot be given here: let this user log in with a key, a password or both"
        return self._error(
            f"{self._service.who} accepted {' and '.join(taken)} of {self._settings.username}, and wants "
            f"{', '.join(wanted) or 'more'} as well",
            hint,
        )

    def _error(self, message: str, hint: str | None, *, refused: bool = False) -> SSHAuthenticationError:
        error = SSHAuthenticationError(message, device=self._settings.device.name, hint=hint, refused=refused)
        error.methods = self._seen.methods
        return error


def named(method: str) -> str:
    """What is given by *method*, in words."""
    return "a key" if method == KEY else "the password"


def _because(reason: str) -> str:
    """What the server said when it ended the connection, if that says anything."""
    said = neutralise(reason).strip()
    return f"; it said: {said}" if said and not said.startswith(_NO_MORE) else ""
