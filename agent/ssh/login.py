"""Logging in: each method that a server offers by its rules, and why it was not taken.

A password goes to the method ``password`` (RFC 4252 section 8), else to a round of ``keyboard-interactive`` (RFC 4256)
that asks for a password alone, unseen. It is given once: a server that wants it again has refused it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import unicodedata
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import asyncssh

from agent.model.device import Question, Secret
from agent.model.errors import AgentError, HostKeyError, SSHAuthenticationError
from agent.model.masking.text import neutralise
from agent.ssh.hearing import Hearing, NotSSH
from agent.ssh.negotiation import Offer, signatures
from agent.ssh.peer import Service
from agent.ssh.settings import keys
from agent.ssh.settings.config import Settings

log = logging.getLogger(__name__)

_KEY, _PASSWORD, _KEYBOARD = "publickey", "password", "keyboard-interactive"
METHODS = (_KEY, _PASSWORD, _KEYBOARD)
"""Those that something can be given to, in the order in which they are tried; a password costs a round trip less."""
_CERTIFICATE = "ssh-keygen -L shows for whom and until when a certificate is; let its authority sign another one"
_X509 = b"x509v3-"
_IGNORE = 2  # SSH_MSG_IGNORE (RFC 4253 section 12)
_MOST_SAID = 2000
_NO_MORE = "Permission denied for user"  # asyncssh's words where no method is left to be tried
_SERVICE_ACCEPT, _USERAUTH_FAILURE = 6, 51  # RFC 4253 section 10, RFC 4252 section 5.1
# The first that a server announces is taken (RFC 8308 section 3.1); of one that announces none, the last.
_RSA = (b"rsa-sha2-256", b"rsa-sha2-512", b"ssh-rsa")
_ASKS = re.compile(
    r"pass ?word|passwort|kennwort|mot de passe|contrase[ñn]a|senha|wachtwoord|пароль|パスワード|密码", re.IGNORECASE
)
# What may stand beside it: please, and whose it is. Every other word makes it another question, in whatever language.
_WORD = re.compile(r"\w+")
_BESIDE = frozenset(
    _WORD.findall(
        "a the your my s is please enter type input give provide for of on at to by user username login logon account "
        "tacacs radius ldap ad active directory kerberos aaa sso ise acs nis pam unix windows domain network corporate "
        "company enterprise local remote ssh cli netconf router switch device host server system cisco ios xr "
        "bitte eingeben ihr das für le la votre pour el su de del para di per voor van von"
    )
)
_OF_WHOM = re.compile(r"\S+@\S+")
_EXPIRED = re.compile(
    r"expired|new password|(?:must|required to) change|chang\w+ (?:\w+ )?password|\(?current\)? (?:\w+ )?password",
    re.IGNORECASE,
)
_OF_ALL = re.compile(r"\b(?:will|may|can|are|after|attempts?)\b", re.IGNORECASE)  # how notices speak of accounts
_LOCKED = re.compile(
    r"lock(?:ed)?[ -]?out|\b(?:account|user)\b.{0,40}\b(?:locked|disabled|suspended|blocked)|\bis locked\b"
    r"|temporarily locked",
    re.IGNORECASE,
)
# Whatever its prompt is then: what a round is for may stand ahead of it.
_FOR_ANOTHER = re.compile(r"new password|one.?time (?:pass|code)|\botp\b|pass ?code|verification code", re.IGNORECASE)


class Login(asyncssh.SSHClient):
    """asyncssh's questions of one connection, answered in the loop's thread; what came of them is for the caller's.

    Attributes:
        begun: whether the server lets one log in, from when on the time is the login's.
        news: set whenever the caller should look: the login has begun, a question waits, the connection has ended.
        question: what a person is asked, and who takes the answer in the loop's thread.
        offer: what the server said before the key exchange.
        methods: the login methods that it offered first, those of :data:`METHODS`.
        refused: why the host key, or a key file, is not taken.
    """

    def __init__(self, settings: Settings, service: Service) -> None:
        self._settings, self._service = settings, service
        self._signatures = tuple(name for name in _RSA if name.decode() in signatures(settings))
        self._connection: Any = None
        self._heard, self._hearing = b"", Hearing()
        self._keys: AsyncGenerator[asyncssh.SSHKeyPair, None] | None = None
        self._asking = asyncio.Lock()  # held while a key is asked for
        self._pair: asyncssh.SSHKeyPair | None = None
        self._good: list[asyncssh.SSHKeyPair] = []  # that were taken in part
        self._partial = False  # whether what was sent last was taken, and is not enough
        self._offered = 0  # keys
        self._rsa = False  # whether any of them is
        self._waiting_for: str | None = "none"  # the method by which something was sent and is not answered yet
        self._given: list[str] = []  # what was sent
        self._taken: list[str] = []  # what of it was accepted in part
        self._wanted: tuple[str, ...] = ()
        self._password_sent = self._keyboard_tried = False
        self._took_password: set[str] = set()  # methods that took it in part
        self._unanswered: str | None = None
        self._expired = False
        self._said = ""
        self.begun = self.ended = False
        self.news = threading.Event()
        self.question: tuple[Question, Callable[[str | None], None]] | None = None
        self.offer: Offer | None = None
        self.methods: tuple[str, ...] = ()
        self.refused: AgentError | None = None

    # --- the connection ------------------------------------------------------------------------------------------

    def connection_made(self, conn: Any) -> None:
        """Listen to what asyncssh tells nothing of: what the server says in the clear, and what it takes in part."""
        self._connection = conn
        _send_less(conn)
        receive = conn.data_received

        def listened(data: bytes, datatype: Any = None) -> None:
            if self._hears_all(data):
                del conn.data_received
            receive(data, datatype)

        def seen(kind: int, number: int, packet: Any) -> Any:
            if kind == _SERVICE_ACCEPT:
                self.begun = True
                self.news.set()
            if kind == _USERAUTH_FAILURE:
                self._partial = packet.get_full_payload()[-1:] == b"\x01"
            return process(kind, number, packet)

        process, conn.process_packet = conn.process_packet, seen
        conn.data_received = listened
        conn.validate_server_host_key = partial(self._valid, conn.validate_server_host_key)

    def _hears_all(self, data: bytes) -> bool:
        """Whether nothing more than *data* is to be listened to: its algorithms have come, or never will."""
        self._heard += data
        try:
            whole, ended = self._hearing.feed(data), False
        except (NotSSH, ConnectionResetError):  # asyncssh says so, too
            whole, ended = None, True
        if self._hearing.version:
            self.offer = whole or Offer(self._hearing.version)
        return ended or whole is not None

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended, by whomever."""
        self.ended = True
        self._connection = None
        self.news.set()

    def abort(self) -> bool:
        """End the connection in the loop's thread, however far it has come; whether there was one."""
        connection = self._connection
        if connection is not None:
            connection.abort()
        return connection is not None

    @property
    def heard(self) -> bytes:
        """The first bytes of the connection."""
        return self._heard

    @property
    def by(self) -> str | None:
        """The method by which something was given last, by its name on the wire; None for none."""
        return self._given[-1] if self._given else None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Whether the host key is the one on record."""
        return self._judged(lambda: self._settings.check.verify(key.get_algorithm(), key.public_data))

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Whether a certificate authority on record vouches for the host key."""
        return self._judged(lambda: self._settings.check.verify_authority(key.get_algorithm(), key.public_data))

    def _valid(self, validate: Callable[[bytes], asyncssh.SSHKey], data: bytes) -> asyncssh.SSHKey:
        """The host key in *data*, which may be a certificate: asyncssh tells nothing of what is wrong with that itself.

        Raises:
            asyncssh.HostKeyNotVerifiable: it is not taken; why is in ``refused``.
        """
        try:
            if data[4:].startswith(_X509):  # asyncssh would look at it whether it was offered or not
                raise asyncssh.HostKeyNotVerifiable("X.509 certificates are not taken")
            key = validate(data)
        except asyncssh.HostKeyNotVerifiable as error:
            if self.refused is None:
                said = f"its host key or host certificate does not hold: {error.reason}"
                self.refused = HostKeyError(said, device=self._settings.device.name, hint=_CERTIFICATE)
            raise
        if not self._judged(lambda: self._settings.check.see_not_revoked(key.public_data)):
            raise asyncssh.HostKeyNotVerifiable("revoked")
        return key

    def _judged(self, judge: Callable[[], None]) -> bool:
        try:
            judge()
        except AgentError as error:
            self.refused = error
            return False
        return True

    # --- the methods ---------------------------------------------------------------------------------------------

    async def public_key_auth_requested(self) -> asyncssh.SSHKeyPair | None:
        """The next key."""
        self._answered()
        async with self._asking:
            if self._keys is None:
                self._keys = self._offers()
            try:
                self._pair = await anext(self._keys, None)
            except AgentError as error:
                self.refused, self._pair = error, None
        if self._pair is not None:
            self._waiting_for = _KEY
        return self._pair

    async def _offers(self) -> AsyncGenerator[asyncssh.SSHKeyPair, None]:
        """Each key; at last those of RSA by each further way to sign, since a server may take others than it says."""
        again: list[tuple[asyncssh.SSHKeyPair, bytes]] = []
        async with aclosing(keys.key_pairs(self._settings)) as pairs:
            async for pair in pairs:
                rsa = pair.algorithm == _RSA[-1]
                if rsa and not self._signatures:
                    continue
                self._offered += 1
                self._rsa = self._rsa or rsa
                self._prepare(pair, self._signatures if rsa else ())
                yield pair
                if rsa and pair not in self._good:
                    again += ((pair, name) for name in self._signatures if name != pair.sig_algorithm)
            for pair, name in again:
                self._prepare(pair, (name,))
                yield pair

    def password_auth_requested(self) -> str | None:
        """The password, once."""
        self._answered()
        password = self._password_for(_PASSWORD)
        if password is None:
            return None
        self._sends(_PASSWORD)
        return password.reveal()

    def kbdint_auth_requested(self) -> str | None:
        """Begin a dialog where there is anything to answer it with."""
        self._answered()
        useful = self._password_for(_KEYBOARD) is not None or self._settings.device.ask is not None
        if not useful or self._keyboard_tried or self.refused is not None:
            return None
        self._keyboard_tried = True
        self._waiting_for = "dialog"
        return ""

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        """Answers to one round; None where it asks for what is not there, which ends the method."""
        self._hears(f"{name}\n{instructions}\n{' '.join(text for text, _ in prompts)}")
        if not prompts:
            return []
        password = self._password_for(_KEYBOARD)
        names = self._settings.username, self._settings.host, self._settings.device.name
        other = [line.strip() for line in _of_one(f"{name}\n{instructions}") if _FOR_ANOTHER.search(line)]
        for_password = len(prompts) == 1 and not other and asks_password(*prompts[0], names=names)
        if for_password and password is not None:
            self._sends(_KEYBOARD)
            return [password.reveal()]
        if for_password and self._settings.device.password is not None:  # the one that was given was refused
            self._waiting_for = None
        else:
            self._unanswered = " ".join([*other, *(text.strip() for text, _ in prompts)])[:_MOST_SAID]
        if self._settings.device.ask is None:
            return None
        answers = [await self._asked(text, echo) for text, echo in prompts]
        given = [answer for answer in answers if answer is not None]
        if len(given) < len(prompts):
            return None
        self._unanswered = None
        self._waiting_for = _KEYBOARD
        self._given.append(_KEYBOARD)
        return given

    def password_change_requested(self, prompt: str, lang: str) -> Any:
        """The server wants a new password, which is nothing to be decided here."""
        self._hears(prompt)
        self._expired = True
        return NotImplemented

    def auth_banner_received(self, msg: str, lang: str) -> None:
        """What the server shows before the login; some say there that an account is locked."""
        self._hears(msg)

    def auth_completed(self) -> None:
        """Logged in; a key that did it is offered first from now on."""
        if self._pair is not None and self._waiting_for == _KEY:
            keys.accepted(self._pair)

    async def ended_asking(self) -> None:
        """Give back what asking for keys holds, such as the connection to ssh-agent."""
        async with self._asking:  # what was broken off gives it back itself, which takes a while
            if self._keys is not None:
                await self._keys.aclose()

    def _prepare(self, pair: asyncssh.SSHKeyPair, signatures: tuple[bytes, ...]) -> None:
        """Have *pair* sign by one of *signatures*, where any are named, and see when it does.

        asyncssh has it sign only for a server that would take it.
        """
        own: Any = pair
        beyond = getattr(type(pair), "sign_async", None)  # ssh-agent's

        async def signed(data: bytes) -> bytes:
            if _KEY not in self._given[-1:]:
                self._given.append(_KEY)
            made: bytes = await beyond(pair, data) if beyond is not None else pair.sign(data)
            return made

        own.sign_async = signed
        if signatures:
            if hasattr(own, "_flags"):
                own._flags = 0  # what ssh-agent is asked by; asyncssh adds to it
            pair.sig_algorithms = signatures
            pair.set_sig_algorithm(signatures[-1])

    def _password_for(self, method: str) -> Secret | None:
        """The password, while it may be given to *method*: once, and not where a key that was named cannot be used."""
        spent = self._password_sent or method in self._took_password or self.refused is not None
        return None if spent else self._settings.device.password

    def _sends(self, method: str) -> None:
        self._password_sent = True
        self._waiting_for = method
        self._given.append(method)

    def _answered(self) -> None:
        """asyncssh asks for the next method: what was sent last has been answered, and not by success."""
        method, self._waiting_for = self._waiting_for, None
        left = tuple(self._connection.get_server_auth_methods()) if self._connection is not None else ()
        if method == "none":
            self.methods = left
        elif method is not None and self._partial:
            if method == _KEY and self._pair is not None:
                self._good.append(self._pair)
                keys.accepted(self._pair)
            self._taken.append(_name(method))
            self._wanted, self._given = left, []
            if self._password_sent:
                self._took_password.add(method)
            self._password_sent = self._keyboard_tried = False
        self._partial = False

    async def _asked(self, text: str, echo: bool) -> str | None:
        """What a person answers, asked in the thread that waits for the login."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str | None] = loop.create_future()
        question = Question(self._settings.device.name, neutralise(text).strip(), echo)

        def answered(given: str | None) -> None:
            if not answer.done():
                answer.set_result(given)

        self.question = question, answered
        self.news.set()
        return await answer

    def _hears(self, text: str) -> None:
        if not self._given:
            text = "\n".join(_of_one(text))
        self._said = f"{self._said}\n{text}"[-_MOST_SAID:]
        self._expired = self._expired or _EXPIRED.search(text) is not None

    # --- what came of it -----------------------------------------------------------------------------------------

    def failure(self, reason: str) -> AgentError:
        """Why the login failed, where the server said *reason* at last; nothing where it just ended the connection."""
        if self.refused is not None:
            return self.refused
        device, who, user = self._settings.device, self._service.who, self._settings.username
        given = bool(self._given)
        lines = f"{self._said}\n{reason}".splitlines()
        line = next((line for line in lines if _LOCKED.search(line)), None)
        if line is not None:
            return self._error(
                f"{who} refused the login: {user} is locked out, it says: {neutralise(line).strip()}",
                "unlock the account at the router or the AAA server before anything is tried again",
                refused=True,
            )
        if self._expired:
            return self._error(
                f"{who} refused the login: the password of {user} has expired, or has to be changed",
                "log in by hand and change it, or ask whoever keeps the AAA server",
                refused=given,
            )
        if self._taken and not given:
            return self._accepted_in_part()
        if self._unanswered is not None:
            return self._error(
                f"{who} asks at the login: {neutralise(self._unanswered)}",
                "it is not answered with the password; give one HOST at a terminal, where it is asked, or a user that "
                "logs in by key or password alone"
                if device.ask is None
                else "it was not answered",
                refused=given,
            )
        if self._given:
            # Otherwise asyncssh would have asked on: what the server wants now is none of METHODS.
            other = self._waiting_for is not None and reason.startswith(_NO_MORE)
            enough = _because(reason) or ("" if reason else "; it ended the connection")
            enough = ", or not enough: it wants what cannot be given here" if other else enough
            return self._error(
                f"{who} refused the login: {_name(self._given[-1])} of {user} was not accepted{enough}",
                self._service.login,
                refused=True,
            )
        return self._nothing_given(reason)

    def _nothing_given(self, reason: str) -> SSHAuthenticationError:
        """Why nothing was asked for that there is."""
        device, who = self._settings.device, self._service.who
        if self._offered:
            said = f"{who} accepted no key of {self._settings.username}{_because(reason)}"
            return self._error(said, self._key_hint(), refused=True)
        if not reason.startswith(_NO_MORE):
            return self._error(
                f"{who} ended the connection at the login{_because(reason)}",
                "its AAA server may be down: see its log, then try again",
            )
        if self.methods and device.password is not None and not {_PASSWORD, _KEYBOARD} & set(self.methods):
            return self._error(f"{who} takes no password, only {', '.join(self.methods)}", self._service.key)
        if self.methods and _KEY not in self.methods and device.key_file is not None:
            return self._error(f"{who} takes no key, only {', '.join(self.methods)}", self._service.password)
        return self._error("there is no key and no password", self._service.key)

    def _key_hint(self) -> str:
        said = [self._service.key]
        if self._offered > 1:
            said.append(f"{self._offered} keys were offered: name the right one, or set IdentitiesOnly")
        if self._rsa and _RSA[-1] not in self._signatures:
            way = "'PubkeyAcceptedAlgorithms +ssh-rsa' in the SSH configuration"
            way = way if self._service is Service.JUMP else f"--legacy-ssh, or {way}"
            said.append(f"where it takes RSA keys by SHA-1 alone: another kind of key, or {way}")
        return "; ".join(said)

    def _accepted_in_part(self) -> SSHAuthenticationError:
        """What the server took, and what it wants besides, by the names of RFC 4252 section 5."""
        wanted, taken = self._wanted, list(dict.fromkeys(self._taken))
        if self._service is Service.JUMP:
            hint = self._service.key
        elif "a key" not in taken and _KEY in wanted:
            hint = "give a key with --key, or load one into ssh-agent"
        elif "the password" not in taken and {_PASSWORD, _KEYBOARD} & set(wanted):
            hint = "give the password as well: --password-env, --password-file or --ask-password"
        elif _KEY in wanted:
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
        error.methods = self.methods
        return error


def _send_less(conn: Any) -> None:
    """Send no SSH_MSG_IGNORE where that is of no use: asyncssh puts one ahead of each packet, in a send of its own.

    It is for CBC, whose initialisation vector would be known else (RFC 4251 section 9.3.1).
    """
    send = conn.send_packet

    def sent(kind: int, *data: bytes, **more: Any) -> None:
        if kind != _IGNORE or str(conn.get_extra_info("send_cipher")).endswith("-cbc"):
            send(kind, *data, **more)

    conn.send_packet = sent


def asks_password(prompt: str, echo: bool, *, names: Sequence[str] = ()) -> bool:
    """Whether a prompt of keyboard-interactive asks for the user's password, and for nothing else.

    Arguments:
        names: the user's and the device's, which may be any words.
    """
    text = _OF_WHOM.sub(" ", unicodedata.normalize("NFKC", prompt))
    for name in names:
        text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", " ", text, flags=re.IGNORECASE)
    beside, asked = _ASKS.subn(" ", text)
    return not echo and asked == 1 and _BESIDE.issuperset(_WORD.findall(beside.lower()))


def _of_one(text: str) -> list[str]:
    """The lines but those that speak of accounts and passwords to everybody."""
    return [line for line in text.splitlines() if not _OF_ALL.search(line)]


def _name(method: str) -> str:
    return "a key" if method == _KEY else "the password"


def _because(reason: str) -> str:
    """What the server said when it ended the connection, if that says anything."""
    said = neutralise(reason).strip()
    return f"; it said: {said}" if said and not said.startswith(_NO_MORE) else ""
