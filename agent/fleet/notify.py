"""Who is told how a run goes, a web server or a program: in a thread of its own, tried again, and in a bound of time.

Nothing that a receiver does, or fails to do, reaches the run.
"""

from __future__ import annotations

import base64
import queue
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from tenacity import (
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_attempt,
    stop_when_event_set,
    wait_exponential,
)

from agent import __version__
from agent.fleet.inventory.command import Command, env_names
from agent.fleet.inventory.reference import Place, Reference
from agent.model.errors import InputError
from agent.model.local import program

TRIES, FIRST, LONGEST = 5, 1.0, 30.0
"""Tries of one notification, and the seconds between them at first and at most, doubling."""
WITHIN = 5.0
"""Seconds in which a receiver answers."""
PATIENCE, KILLING = 8.0, 2.0
"""Seconds for which the end of a run waits for what is still to be told, and then for programs that are killed."""
_REFERENCES = tuple(f"{place.value}:" for place in (Place.ENV, Place.FILE, Place.KEYRING))
_FORMS = "write https://HOST/PATH, exec:COMMAND, or where the URL is: env:NAME, file:PATH"
_AGAIN = frozenset({408, 425, 429})

Over = Callable[[], bool]


class Undelivered(Exception):
    """It was not taken: *why*, without anything that is in a URL or was answered, and whether to try *again*."""

    def __init__(self, why: str, *, again: bool = True) -> None:
        super().__init__(why)
        self.why, self.again = why, again


class Receiver(Protocol):
    """Who is told."""

    @property
    def name(self) -> str:
        """How messages call it, without what may be secret."""

    def take(self, body: bytes, over: Over) -> None:
        """Hand a notification over, as JSON; *over*: whether its time is over.

        Raises:
            Undelivered: it was not taken.
        """


def receiver(text: str) -> Receiver:
    """Who *text* names: ``https://…``, ``http://…``, ``exec:COMMAND``, or a reference to such a URL.

    Raises:
        InputError: it is none of these, or cannot be read; it is not repeated, since it may have a token in it.
    """
    if text.startswith("exec:"):
        command = Command.parse(text.removeprefix("exec:"))
        command.find()
        return Program(command.of({}))
    if text.startswith(_REFERENCES):
        return WebHook.parse(Reference.parse(text).resolve().reveal().strip())
    hook = WebHook.parse(text)
    if hook.authorization is not None:
        raise InputError(
            "the URL of --notify carries a login, which the process list would show",
            hint="put the URL into a file, or a variable: --notify file:PATH or env:NAME",
        )
    return hook


@dataclass(frozen=True, slots=True)
class Program:
    """A program, which has the notification on its stdin; what it prints is lost."""

    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """The program's own, without its arguments."""
        return program.name(self.words)

    def take(self, body: bytes, over: Over) -> None:
        """As of :meth:`Receiver.take`; it is taken by an exit status of 0."""
        end = time.monotonic() + WITHIN
        try:
            program.run(
                self.words,
                lambda: over() or time.monotonic() >= end,
                given=body + b"\n",
                without=frozenset(env_names),
            )
        except TimeoutError:
            raise Undelivered("it did not end in time, and was killed") from None
        except InputError as error:
            raise Undelivered(error.message.removeprefix(self.name).strip()) from None


@dataclass(frozen=True, slots=True)
class WebHook:
    """A URL that is posted to; redirections are not followed, and an https server shows a certificate that is trusted.

    Attributes:
        authorization: the header by the login in the URL, if there is one.
    """

    url: str = field(repr=False)
    authorization: str | None = field(repr=False)
    name: str

    @classmethod
    def parse(cls, text: str) -> WebHook:
        """The hook at the URL *text*.

        Raises:
            InputError: it is none; it is not repeated.
        """
        try:
            parts = urlsplit(text)
            host, port, login = parts.hostname, parts.port, parts.username is not None
        except ValueError:
            parts, host, port, login = SplitResult("", "", "", "", ""), None, None, False
        plain = text.isascii() and text.isprintable() and " " not in text
        if parts.scheme not in ("http", "https") or not host or not plain or port == 0:
            raise InputError("--notify names no URL and no program", hint=_FORMS)
        where = f"[{host}]" if ":" in host else host
        where = where if port is None else f"{where}:{port}"
        shown = f"{parts.scheme}://{where}"
        authorization = None
        if login:
            said = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
            authorization = f"Basic {base64.b64encode(said.encode()).decode()}"
        return cls(parts._replace(netloc=where, fragment="").geturl(), authorization, shown)

    def take(self, body: bytes, over: Over) -> None:  # noqa: ARG002 - the interface's: a try is short
        """As of :meth:`Receiver.take`; it is taken by an answer of 2xx."""
        headers = {"Content-Type": "application/json", "User-Agent": f"xr-agent/{__version__}"}
        if self.authorization is not None:
            headers["Authorization"] = self.authorization
        request = Request(self.url, body, headers, method="POST")  # noqa: S310 - http or https, as parsed
        try:
            opener = build_opener(_Unfollowed, HTTPSHandler(context=ssl.create_default_context()))
            opener.open(request, timeout=WITHIN).close()
        except HTTPError as error:
            error.close()
            raise Undelivered(f"it answered {error.code}", again=error.code in _AGAIN or error.code >= 500) from None
        except (OSError, HTTPException, ValueError) as error:
            raise _failed(error.reason if isinstance(error, URLError) else error) from None


class _Unfollowed(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None: a redirection is an answer like any other."""


def _failed(cause: object) -> Undelivered:
    """What *cause* means; no text of it is repeated that may have come from a URL or an answer."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Undelivered(f"its certificate is not trusted: {cause.verify_message}", again=False)
    if isinstance(cause, TimeoutError):
        return Undelivered(f"it did not answer within {WITHIN:g} s")
    if isinstance(cause, OSError) and cause.strerror:
        return Undelivered(cause.strerror)
    return Undelivered(f"it did not answer as a web server does ({type(cause).__name__})")


def end(senders: Sequence[Sender]) -> None:
    """Wait for what they still have to tell, :data:`PATIENCE` at most; then, or interrupted, it is given up."""
    for sender in senders:
        sender.close()
    until = time.monotonic() + PATIENCE
    try:
        for sender in senders:
            sender.join(until - time.monotonic())
    finally:
        for sender in senders:
            sender.give_up()
        until = time.monotonic() + KILLING
        for sender in senders:
            sender.join(until - time.monotonic())


class Sender:
    """Tells one receiver, in a thread of its own, in the order in which it is brought.

    Attributes:
        brought, taken: how many notifications it was given, and how many of them were taken; why: why the last was not.
    """

    def __init__(self, to: Receiver) -> None:
        self.name = to.name
        self.brought = self.taken = 0
        self.why = f"it did not answer within {PATIENCE:g} s of the run's end"
        self._to = to
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell_all, name="notify", daemon=True)
        self._thread.start()

    def bring(self, body: bytes) -> None:
        """Have it told; this waits for nothing."""
        self.brought += 1
        self._waiting.put(body)

    def close(self) -> None:
        """Nothing more is brought."""
        self._waiting.put(None)

    def join(self, seconds: float) -> None:
        """Wait so long for what is still to be told."""
        self._thread.join(max(0.0, seconds))

    def give_up(self) -> None:
        """Try nothing again, and end what is under way; a program is killed within :data:`KILLING`."""
        self._over.set()

    def _tell_all(self) -> None:
        while (body := self._waiting.get()) is not None and not self._over.is_set():
            try:
                self._told(body)
                self.taken += 1
            except Undelivered as error:
                self.why = error.why

    def _told(self, body: bytes) -> None:
        again = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, Undelivered) and error.again),
            stop=stop_after_attempt(TRIES) | stop_when_event_set(self._over),
            wait=wait_exponential(multiplier=FIRST, max=LONGEST),
            sleep=sleep_using_event(self._over),
            reraise=True,
        )
        again(self._to.take, body, self._over.is_set)
