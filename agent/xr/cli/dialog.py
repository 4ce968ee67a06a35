"""``crypto ca authenticate``: its questions in whatever order they come, and only one certificate accepted."""

from __future__ import annotations

import re
from typing import NoReturn

from agent.model.errors import AnchorMismatch, ConsoleError, OutcomeUnknown, PolicyRefused, ReplyTimeout, SessionLost
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Certificate, Evidence
from agent.xr.cli import show, terminal
from agent.xr.cli.listening import Said, Stop, one_line
from agent.xr.cli.terminal import Terminal

_ECHO_WAIT = 1.0
_END_WAIT = 0.1
_MOST_QUESTIONS = 10
# Where the request to paste ends; "Enter the base 64 encoded certificate." may be only its first line.
_PASTE = re.compile(r"\bquit\W{0,3}on a line by itself\W*\Z", re.IGNORECASE)
# In the second form something was printed behind the request.
_PASTE_MAYBE = re.compile(
    r"base ?-?64 encoded[^\n]{0,40}certificate[.:]?\s*\Z|\bquit\W{0,3}on a line by itself\b[^?\[]{0,400}\Z",
    re.IGNORECASE,
)
_ACCEPT = re.compile(r"\bdo you accept\b|\b(?:accept|trust)\b[^\n]{0,40}\bcertificate", re.IGNORECASE)
_SURE = re.compile(r"\bare you sure\b", re.IGNORECASE)
_THERE_ALREADY = re.compile(
    r"\boverwr\w+|\breplac\w+|\bre-?authenticat\w+"
    r"|\balready (?:a |an )?(?:exist|ha[sv]e|been|authenticated|configured|installed|present)",
    re.IGNORECASE,
)
_CERTIFICATE_WORDS = re.compile(r"finger ?print|\bserial\b|\bsubject\b|\bissue[rd]\b|\bvalid", re.IGNORECASE)
FAILURE = re.compile(r"^[ \t]*+%(?!.*(?:success|accepted|imported|saved)).*$", re.MULTILINE | re.IGNORECASE)
_UNAUTHORIZED = re.compile(r"not authorized|authorization failed", re.IGNORECASE)
_TYPED = re.compile(r"^[A-Za-z0-9+/=]{20,64}$|^-----(?:BEGIN|END) CERTIFICATE-----$|^quit$", re.MULTILINE)


class AuthenticateDialog:
    """One run of the dialog; whether to accept is answered ``yes`` only where the router printed the anchor."""

    def __init__(self, cli: Terminal, trustpoint: str, anchor: TrustAnchor, timeout: float) -> None:
        self._cli, self._trustpoint, self._anchor, self._timeout = cli, trustpoint, anchor, timeout
        self._pasted = False
        self._printed = ""  # since the certificate was pasted, or since the last ``yes``
        self._accepted: Certificate | None = None

    def run(self) -> Certificate:
        """Answer until the prompt is back; errors as of :meth:`agent.xr.cli.console.Console.authenticate`."""
        command = f"crypto ca authenticate {self._trustpoint}"
        try:
            self._cli.drain()
            self._cli.write(f"{command}\n")
            said = self._read(echo=command)
            for _ in range(_MOST_QUESTIONS):
                if said.stop is Stop.EXEC:
                    return self._ended(said.text)
                said = self._answer(said) or self._read()
            self._give_up(said)
        except (ReplyTimeout, SessionLost) as error:
            self._cli.close()
            if self._accepted is None:
                raise
            raise self._unknown(error.message) from error

    def _read(self, echo: str = "") -> Said:
        said = self._cli.read(self._timeout, echo=echo, mark=_PASTE, maybe=_PASTE_MAYBE, idle=terminal.IDLE)
        self._printed += said.text
        return said

    def _answer(self, said: Said) -> Said | None:
        """Answer one question; gives what was read meanwhile, if it was."""
        question = _question(said.text)
        if said.stop is Stop.MARK and not self._pasted:
            return self._paste()
        if _THERE_ALREADY.search(_TYPED.sub("", said.text)):
            self._leave(said)
            raise PolicyRefused(
                f"trustpoint {self._trustpoint} has a certificate already: {question}",
                device=self._cli.device,
                hint="use another --trustpoint, or remove that certificate first",
            )
        if said.stop is Stop.QUESTION and (_ACCEPT.search(question) or (self._pasted and _SURE.search(question))):
            self._accept(said)
        elif said.stop is Stop.QUESTION and _SURE.search(question):
            self._cli.write("yes\n")
        else:
            self._give_up(said)
        return None

    def _paste(self) -> Said | None:
        """Type the PEM line by line, and ``quit``; gives what the router said where it did not wait for that.

        ``quit`` typed ahead of a router that is back at its prompt would end the session.
        """
        self._pasted, self._printed = True, ""
        lines = self._anchor.pem.splitlines()
        for line in lines:
            self._cli.write(f"{line}\n")
        try:
            said = self._cli.read(_ECHO_WAIT, mark=re.compile(rf"{re.escape(lines[-1])}\s*\Z"))
            if said.stop is Stop.MARK:
                said = self._cli.read(_END_WAIT)
            self._printed += said.text
            return said
        except ReplyTimeout:  # it waits, or echoes nothing
            self._cli.write("quit\n")
            return None

    def _accept(self, said: Said) -> None:
        """``yes`` where the router printed the anchor, else ``no``.

        A further question that shows no certificate is about the one that was compared.
        """
        shown = show.printed_certificate(self._printed)
        if shown is None and self._accepted is not None and not _CERTIFICATE_WORDS.search(self._printed):
            shown = self._accepted
        if shown is None or shown.proves(self._anchor) in (None, Evidence.NONE):
            self._leave(said)
            what = f"{shown.name}, sha1 {shown.sha1}" if shown else "too little to tell which certificate it is"
            raise AnchorMismatch(
                f"the router shows {what}, and was answered no at: {_question(said.text)}",
                device=self._cli.device,
                hint=f"wanted is {self._anchor.name}, sha1 {self._anchor.sha1}",
            )
        self._accepted, self._printed = shown, ""
        self._cli.write("yes\n")

    def _give_up(self, said: Said) -> NoReturn:
        self._leave(said)
        question = _question(said.text)
        if self._accepted is not None:
            raise self._unknown(f"the router then asked: {question}")
        raise ConsoleError(
            f"the dialog asks what is not known: {question}",
            device=self._cli.device,
            hint=f"do it at the router's console: crypto ca authenticate {self._trustpoint}",
        )

    def _leave(self, said: Said) -> None:
        """``no`` to a question, and out of whatever comes next; the session ends at the prompt, or is closed."""
        try:
            if said.stop is Stop.QUESTION:
                self._cli.write("no\n")
                said = self._read()
        except (ReplyTimeout, SessionLost):
            self._cli.close()
            return
        if said.stop is not Stop.EXEC:
            self._cli.interrupt()

    def _ended(self, text: str) -> Certificate:
        failure = FAILURE.search(text)
        if self._accepted is None:
            said = one_line(_TYPED.sub("", text))
            unauthorized = _UNAUTHORIZED.search(text) is not None
            look = f"on the router: show running-config crypto ca trustpoint {self._trustpoint}"
            raise ConsoleError(
                f"the dialog ended before there was a certificate to accept: {said or 'without a word'}",
                device=self._cli.device,
                hint="the user lacks the task group for it" if unauthorized else look,
                unauthorized=unauthorized,
            )
        if failure:
            raise ConsoleError(
                f"the router was answered yes, and said: {one_line(failure.group())}", device=self._cli.device
            )
        return self._accepted

    def _unknown(self, why: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"the certificate was accepted, and the rest is not known: {why}",
            device=self._cli.device,
            hint="read the certificate back before anything else",
        )


def _question(text: str) -> str:
    """The question with the line before it, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[-2:])[-300:]
