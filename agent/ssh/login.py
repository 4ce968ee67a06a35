"""Logging in: each method that a server offers by its rules, and why it was not taken.

A password goes to the method ``password`` (RFC 4252 section 8), else to a round of ``keyboard-interactive`` (RFC 4256)
that asks for a password alone, unseen. It is given once: a server that wants it again has refused it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncssh

from agent.model.address import at_port
from agent.model.device import Question, Secret
from agent.model.errors import AgentError, HostKeyError
from agent.model.masking.text import neutralise
from agent.ssh.keepalive import one_outstanding
from agent.ssh.peer.hearing import Hearing, NotSSH
from agent.ssh.peer.negotiation import KINDS, Offer, signatures
from agent.ssh.peer.prompts import asks_password, expired, for_another, of_one
from agent.ssh.peer.service import Service
from agent.ssh.refusal import KEY, KEYBOARD, PASSWORD, Refusal, Seen, named
from agent.ssh.settings import keys
from agent.ssh.settings.config import Settings

if TYPE_CHECKING:
    from agent.recording.events import Opened

_CERTIFICATE = "ssh-keygen -L shows for whom and until when a certificate is; let its authority sign another one"
_X509 = b"x509v3-"
_IGNORE = 2  # SSH_MSG_IGNORE (RFC 4253 section 12)
_MOST_SAID = 2000
_SERVICE_ACCEPT, _USERAUTH_FAILURE = 6, 51  # RFC 4253 section 10, RFC 4252 section 5.1
# The first that a server announces is taken (RFC 8308 section 3.1); of one that announces none, the last.
_RSA = (b"rsa-sha2-256", b"rsa-sha2-512", b"ssh-rsa")
_NOBODY = threading.Event()
"""What is set where nobody waits; for all connections, since each event of its own takes a thousand bytes."""


class Login(asyncssh.SSHClient):
    """asyncssh's questions of one connection, answered in the loop's thread; what came of them is for the caller's.

    Attributes:
        begun: whether the server lets one log in, from when on the time is the login's.
        news: set whenever the caller should look: the login has begun, a question waits, the connection has ended.
        question: what a person is asked, and who takes the answer in the loop's thread.
        offer: what the server said before the key exchange.
        seen: what was given, and what the server made of it.
        refused: why the host key, or a key file, is not taken.
        host_key: the kind of key that the server showed, by its name on the wire.
    """

    def __init__(self, settings: Settings, service: Service) -> None:
        self._settings, self._service = settings, service
        self._signatures = tuple(name for name in _RSA if name.decode() in signatures(settings))
        self._connection: Any = None
        self._replaced: frozenset[str] = frozenset()  # methods of the connection
        self._heard, self._hearing = b"", Hearing()
        self._keys: AsyncGenerator[asyncssh.SSHKeyPair, None] | None = None
        self._asking = asyncio.Lock()  # held while a key is asked for
        self._pair: asyncssh.SSHKeyPair | None = None
        self._good: list[asyncssh.SSHKeyPair] = []  # that were taken in part
        self._partial = False  # whether what was sent last was taken, and is not enough
        self.seen = Seen()
        self._password_sent = self._keyboard_tried = False
        self._took_password: set[str] = set()  # methods that took it in part
        self.begun = self.ended = False
        self.news = threading.Event()
        self.question: tuple[Question, Callable[[str | None], None]] | None = None
        self.offer: Offer | None = None
        self.refused: AgentError | None = None
        self.host_key: str | None = None
        self._banner = ""

    # --- the connection ------------------------------------------------------------------------------------------

    def connection_made(self, conn: Any) -> None:
        """Listen to what asyncssh tells nothing of: what the server says in the clear, and what it takes in part."""
        self._connection = conn
        before = frozenset(vars(conn))
        _send_less(conn)
        one_outstanding(conn)
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
        self._replaced = frozenset(vars(conn)) - before

    def _hears_all(self, data: bytes) -> bool:
        """Whether nothing more than *data* is to be listened to: its algorithms have come, or never will."""
        self._heard += data
        try:
            whole, ended = self._hearing.feed(data), False
        except (NotSSH, ConnectionResetError):  # asyncssh says so, too
            whole, ended = None, True
        if self._hearing.version:
            self.offer = whole or Offer(self._hearing.version)
        if whole is not None:
            self._heard = b""
        return ended or whole is not None

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended, by whomever. No reference of it to itself is left, so that it is freed at once."""
        self.ended = True
        if self._connection is not None:
            for name in self._replaced:
                vars(self._connection).pop(name, None)
            self._connection._recv_handler = bool  # asyncssh's own, to what takes the next bytes: there are none
        self._connection = None
        self.news.set()

    def waited_for_no_more(self) -> None:
        """It is open, and nobody looks for news of it."""
        self.news = _NOBODY

    def abort(self) -> bool:
        """End the connection in the loop's thread, however far it has come; whether there was one."""
        connection = self._connection
        if connection is not None:
            connection.abort()
        return connection is not None

    @property
    def heard(self) -> bytes:
        """The first bytes of the connection; none once its algorithms have come."""
        return self._heard

    def greeting(self) -> Opened:
        """What the server said before anything could be asked, for a recording, which adds time, number and way."""
        from agent.recording.events import Opened, Way

        offer = self.offer or Offer()
        kex, host_algorithms, ciphers, macs = (offer.algorithms.get(kind.name, ()) for kind in KINDS)
        return Opened(
            at=0.0,
            session=1,
            way=Way.PROBE,
            banner=(*self._hearing.banner, *self._banner.splitlines()),
            server=offer.version or None,
            kex=kex,
            host_algorithms=host_algorithms,
            ciphers=ciphers,
            macs=macs,
            methods=self.seen.methods,
            host_key=self.host_key,
        )

    @property
    def by(self) -> str | None:
        """The method by which something was given last, by its name on the wire; None for none."""
        return self.seen.given[-1] if self.seen.given else None

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
        self.host_key = data[4 : 4 + int.from_bytes(data[:4])].decode("ascii", "backslashreplace")
        try:
            if data[4:].startswith(_X509):  # asyncssh would look at it whether it was offered or not
                raise asyncssh.HostKeyNotVerifiable("X.509 certificates are not taken")
            key = validate(data)
        except asyncssh.HostKeyNotVerifiable as error:
            if self.refused is None:
                said = f"its host key or host certificate{at_port(self._settings.port)} does not hold: {error.reason}"
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
            self.seen.waiting_for = KEY
        return self._pair

    async def _offers(self) -> AsyncGenerator[asyncssh.SSHKeyPair, None]:
        """Each key; at last those of RSA by each further way to sign, since a server may take others than it says."""
        again: list[tuple[asyncssh.SSHKeyPair, bytes]] = []
        async with aclosing(keys.key_pairs(self._settings)) as pairs:
            async for pair in pairs:
                rsa = pair.algorithm == _RSA[-1]
                if rsa and not self._signatures:
                    continue
                self.seen.offered += 1
                self.seen.rsa = self.seen.rsa or rsa
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
        password = self._password_for(PASSWORD)
        if password is None:
            return None
        self._sends(PASSWORD)
        return password.reveal()

    def kbdint_auth_requested(self) -> str | None:
        """Begin a dialog where there is anything to answer it with."""
        self._answered()
        useful = self._password_for(KEYBOARD) is not None or self._settings.device.ask is not None
        if not useful or self._keyboard_tried or self.refused is not None:
            return None
        self._keyboard_tried = True
        self.seen.waiting_for = "dialog"
        return ""

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        """Answers to one round; None where it asks for what is not there, which ends the method."""
        self._hears(f"{name}\n{instructions}\n{' '.join(text for text, _ in prompts)}")
        if not prompts:
            return []
        password = self._password_for(KEYBOARD)
        names = self._settings.username, self._settings.host, self._settings.device.name
        other = for_another(f"{name}\n{instructions}")
        for_password = len(prompts) == 1 and not other and asks_password(*prompts[0], names=names)
        if for_password and password is not None:
            self._sends(KEYBOARD)
            return [password.reveal()]
        if for_password and self._settings.device.password is not None:  # the one that was given was refused
            self.seen.waiting_for = None
        else:
            self.seen.unanswered = " ".join([*other, *(text.strip() for text, _ in prompts)])[:_MOST_SAID]
        if self._settings.device.ask is None:
            return None
        answers = [await self._asked(text, echo) for text, echo in prompts]
        given = [answer for answer in answers if answer is not None]
        if len(given) < len(prompts):
            return None
        self.seen.unanswered = None
        self.seen.waiting_for = KEYBOARD
        self.seen.given.append(KEYBOARD)
        return given

    def password_change_requested(self, prompt: str, lang: str) -> Any:
        """The server wants a new password, which is nothing to be decided here."""
        self._hears(prompt)
        self.seen.expired = True
        return NotImplemented

    def auth_banner_received(self, msg: str, lang: str) -> None:
        """What the server shows before the login; some say there that an account is locked."""
        self._banner = f"{self._banner}{msg}"[:_MOST_SAID]
        self._hears(msg)

    def auth_completed(self) -> None:
        """Logged in; a key that did it is offered first from now on."""
        if self._pair is not None and self.seen.waiting_for == KEY:
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
            if KEY not in self.seen.given[-1:]:
                self.seen.given.append(KEY)
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
        self.seen.waiting_for = method
        self.seen.given.append(method)

    def _answered(self) -> None:
        """asyncssh asks for the next method: what was sent last has been answered, and not by success."""
        method, self.seen.waiting_for = self.seen.waiting_for, None
        left = tuple(self._connection.get_server_auth_methods()) if self._connection is not None else ()
        if method == "none":
            self.seen.methods = left
        elif method is not None and self._partial:
            if method == KEY and self._pair is not None:
                self._good.append(self._pair)
                keys.accepted(self._pair)
            self.seen.taken.append(named(method))
            self.seen.wanted, self.seen.given = left, []
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
        if not self.seen.given:
            text = "\n".join(of_one(text))
        self.seen.said = f"{self.seen.said}\n{text}"[-_MOST_SAID:]
        self.seen.expired = self.seen.expired or expired(text)

    def failure(self, reason: str) -> AgentError:
        """Why the login failed, where the server said *reason* at last; nothing where it just ended the connection."""
        return self.refused or Refusal(self.seen, self._settings, self._service).error(reason)


def _send_less(conn: Any) -> None:
    """Send no SSH_MSG_IGNORE where that is of no use: asyncssh puts one ahead of each packet, in a send of its own.

    It is for CBC, whose initialisation vector would be known else (RFC 4251 section 9.3.1).
    """
    send = conn.send_packet

    def sent(kind: int, *data: bytes, **more: Any) -> None:
        if kind != _IGNORE or str(conn.get_extra_info("send_cipher")).endswith("-cbc"):
            send(kind, *data, **more)

    conn.send_packet = sent
