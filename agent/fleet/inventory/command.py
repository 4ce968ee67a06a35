"""``exec:COMMAND``: a program whose first line is a secret, as those of Vault, CyberArk and pass are."""

from __future__ import annotations

import errno
import logging
import math
import os
import re
import shlex
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from agent.model.device import Secret
from agent.model.errors import InputError, Interrupted
from agent.model.local import program

log = logging.getLogger(__name__)

Stop = Callable[[float], bool]
"""Waits up to so many seconds for a cancellation, and says whether it came."""

WITHIN = 30.0
"""Seconds in which a program says the secret."""
KEPT, FAILED = 900.0, 60.0
"""Seconds for which what it said is used, since passwords are changed, and for which it is not asked again in vain."""

PLACEHOLDERS = ("name", "host")
"""What of a router a command may name, in braces."""
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
_MOST = Secret.LONGEST + 2

env_names: set[str] = set()
"""Environment variables that references of this process name; no program gets them that gives a secret or is told."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments, some of which may name the router."""

    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Command:
        """The words of *text*, split as a shell does and otherwise left as they are.

        Raises:
            InputError: it is no command; it is not repeated, since it may have a secret in it.
        """
        return _parsed(text)

    @property
    def each(self) -> bool:
        """Whether it is another one for each router."""
        return any(_PLACEHOLDER.search(word) for word in self.words)

    def of(self, router: Mapping[str, str]) -> tuple[str, ...]:
        """The words with what they name of the *router*.

        Raises:
            InputError: no router is meant, or the program would take what is said of this one for an option.
        """
        if not self.each:
            return self.words
        if not router:
            raise InputError(
                f"the command of {program.name(self.words)} names a router, and is not run for each",
                hint=f"leave {' and '.join(f'{{{one}}}' for one in PLACEHOLDERS)} out",
            )
        words = tuple(_PLACEHOLDER.sub(lambda found: router[found[1]], word) for word in self.words)
        for word, was in zip(words, self.words, strict=True):
            if word.startswith("-") and not was.startswith("-"):
                said = f"a router's name that begins with - would be an option of {program.name(words)}"
                raise InputError(said, hint="call the router otherwise")
        return words

    def beside(self, folder: Path) -> str:
        """The text of it that says the same elsewhere: a program that is named with a ``/`` lies below *folder*."""
        first, *arguments = self.words
        return shlex.join((str(folder / first) if "/" in first else first, *arguments))

    def find(self) -> None:
        """See that there is such a program.

        Raises:
            InputError: there is none, or it may not be run.
        """
        if shutil.which(self.words[0]) is None:
            if Path(self.words[0]).is_file() and "/" in self.words[0]:
                raise program.unrunnable(self.words, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
            said = f"{program.name(self.words)} cannot be run: there is no such program"
            raise InputError(said, hint="name a program that is on the PATH, or by its whole path")


@lru_cache(1024)
def _parsed(text: str) -> Command:
    try:
        words = tuple(shlex.split(text)) if text.isprintable() else ()
    except ValueError as error:
        why = str(error).lower()
        raise InputError(f"a command behind exec: cannot be split into words: {why}", hint="see its quotes") from None
    if not words or not words[0] or _PLACEHOLDER.search(words[0]):
        raise InputError("exec: is followed by no program", hint="write exec:PROGRAM ARGUMENT…, on one line")
    for word in words:
        for found in _PLACEHOLDER.finditer(word):
            if found[1] not in PLACEHOLDERS:
                known = " or ".join(f"{{{one}}}" for one in PLACEHOLDERS)
                raise InputError(f"a command has no {{{found[1]}}} of a router", hint=f"write {known}, or a script")
    return Command((_expanded(words[0]), *words[1:]))


def _expanded(path: str) -> str:
    """*path* with the home that it begins with; any other is left as it is, since ``./a`` is not ``a``."""
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:
        raise InputError(
            "the program behind exec: begins with ~ and there is no such home", hint="write its whole path"
        ) from None


class _Answer:
    """What a command said last, or why it said nothing; from one thread at a time, in :attr:`asking`."""

    def __init__(self) -> None:
        self.asking = threading.Lock()
        self._until = -math.inf
        self._secret: Secret | None = None
        self._failure: tuple[str, str | None] = ("", None)

    def at(self, now: float, ask: Callable[[], Secret]) -> Secret:
        """The secret, by *ask* where none is known that is still good; one that cannot be had anew stays good.

        Raises:
            InputError: *ask* raised it, now or a moment ago.
        """
        if now >= self._until:
            try:
                self._secret, self._until = ask(), now + KEPT
            except InputError as error:
                self._failure, self._until = (error.message, error.hint), now + FAILED
                if self._secret is not None:
                    log.warning("%s; the secret that it gave before is used", error.message)
        if self._secret is None:
            message, hint = self._failure
            raise InputError(message, hint=hint)
        return self._secret


class Commands:
    """The secrets that commands gave: each is asked once, however many threads want it, and anew after a while."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[tuple[str, ...], _Answer] = {}
        self._making = threading.Lock()

    def secret(self, words: tuple[str, ...], stop: Stop | None = None) -> Secret:
        """The first line that the program of *words* says; *stop* ends it at once.

        Raises:
            InputError: it gives none, or not in time.
            Interrupted: it was cancelled.
        """
        with self._making:
            answer = self._answers.setdefault(words, _Answer())
        with answer.asking:
            return answer.at(self._clock(), partial(self._asked, words, stop))

    def forget(self) -> None:
        """Ask each command anew."""
        with self._making:
            self._answers = {}

    def _asked(self, words: tuple[str, ...], stop: Stop | None) -> Secret:
        end, named = self._clock() + WITHIN, program.name(words)

        def over() -> bool:
            if stop is not None and stop(0):
                raise Interrupted(f"interrupted while {named} was asked for a secret; nothing was changed")
            return self._clock() >= end

        try:
            secret = Secret.first_line(program.run(words, over, most=_MOST, without=frozenset(env_names)))
        except TimeoutError:
            said = f"{named} gave no secret within {WITHIN:g} s, and was killed"
            raise InputError(said, hint="run it by hand: it may ask a question, or wait for its server") from None
        if secret is None:
            said = f"the first line that {named} wrote to stdout is no secret"
            raise InputError(said, hint="1 to 4096 bytes of UTF-8, without control characters")
        return secret


commands = Commands()
"""Those of this process."""
