"""What an OpenSSH client configuration (ssh_config(5)) says of one host: ``Host``, ``Match``, ``Include``, tokens."""

from __future__ import annotations

import glob
import hashlib
import ipaddress
import os
import re
import socket
import stat
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agent.model.errors import InputError
from agent.model.local.user import user_name
from agent.ssh.settings.syntax import HINT, Criterion, Line, configuration, matches

Tokens = Callable[[], Mapping[str, str | None]]

USER_FILE, SYSTEM_FILE = Path("~/.ssh/config"), Path("/etc/ssh/ssh_config")

_DEEPEST = 16
_PATIENCE = 30.0
_MANY = ("identityfile", "certificatefile")
# What ssh refuses in a user's name and a shell acts on (valid_ruser in ssh.c of OpenSSH).
_UNSAFE = re.compile(r"""['"`$;&<>|(){}\x00-\x1f\x7f]|^-|\s-|\\$""")
_TOKEN = re.compile(r"%(.?)|\$\{([^}]*)(\}?)", re.DOTALL)


class Said(NamedTuple):
    """The words of one line, and where it stands."""

    words: tuple[str, ...]
    where: str


@dataclass(slots=True)
class _Pass:
    """How far the configuration has been read: the second time, where it asks for that, *host* is final."""

    host: str
    final: bool = False
    wants_final: bool = False


class Options:
    """What the configuration says of the host *name*, the first value of each keyword.

    Attributes:
        name: the host as the user wrote it.
        host: what is connected to: ``HostName``, else the name.
    """

    def __init__(
        self, name: str, file: Path | None = None, *, port: int | None = None, username: str | None = None
    ) -> None:
        """*port* and *username* count more than the configuration's; *file* stands for the user's and the system's.

        Raises:
            InputError: a file that cannot be read, and the line where it is one.
        """
        self.name = self.host = name
        self._said: dict[str, list[Said]] = {}
        for keyword, value in (("port", port), ("user", username)):
            if value is not None:
                self._said[keyword] = [Said((str(value),), "the options")]
        self._pass = _Pass(name)
        self._files(file)
        self.host = self._named()
        canonical = self._canonical(self.host)
        if self._pass.wants_final or canonical is not None:
            self.host = canonical or self.host
            self._said["hostname"] = [Said((self.host.replace("%", "%%"),), "HostName")]
            self._pass = _Pass(self.host, final=True)
            self._files(file)

    def one(self, keyword: str) -> str | None:
        """The value of *keyword*, as it is written."""
        said = self._said.get(keyword)
        return said[0].words[0] if said else None

    def flag(self, keyword: str, default: bool) -> bool:
        """Whether *keyword* is on."""
        value = self.one(keyword)
        return default if value is None else value.lower() not in ("no", "false")

    def words(self, keyword: str) -> list[str] | None:
        """Every word of *keyword*, of all its lines where it may stand on several; None where it is not said."""
        said = self._said.get(keyword)
        return None if said is None else [word for line in said for word in line.words]

    def paths(self, keyword: str, tokens: Tokens) -> list[Path] | None:
        """Its file names with tokens, ``${…}`` and ``~``; ``none`` is no file."""
        words = self.words(keyword)
        if words is None:
            return None
        where = self.where(keyword)
        named = (word for word in words if word.lower() != "none")
        return [Path(expanded(at_home(word), tokens, where, environment=True)) for word in named]

    def where(self, keyword: str) -> str:
        """The file and the line that say it."""
        return self._said[keyword][0].where

    def tokens(self, username: str) -> dict[str, str]:
        """What ``%`` and a letter stand for."""
        here, port = socket.gethostname(), self.one("port") or "22"
        host = self.host if self._pass.final else self._named()
        jump = self.one("proxyjump") or ""
        jump = "" if jump.lower() == "none" else jump.rpartition(",")[2].rpartition("@")[2]
        alias = self.one("hostkeyalias")
        return {
            "%": "%",
            "C": hashlib.sha1(
                f"{here}{host}{port}{username}{jump}".encode(errors="surrogateescape"), usedforsecurity=False
            ).hexdigest(),
            "d": at_home("~"),
            "h": host,
            "i": str(os.getuid()),
            "j": jump,
            "k": alias or self.name,
            "L": here.partition(".")[0],
            "l": here,
            "n": self.name,
            "p": port,
            "r": username,
            "u": user_name(),
        }

    def _files(self, file: Path | None) -> None:
        if file is not None:
            self._file(file, of_user=True)
            return
        own = Path(at_home(str(USER_FILE)))
        if own.is_absolute() and os.path.lexists(own):
            _owned(own)
            self._file(own, of_user=True)
        if os.path.lexists(SYSTEM_FILE):
            self._file(SYSTEM_FILE, of_user=False)

    def _file(self, path: Path, *, of_user: bool, depth: int = 0) -> None:
        file = configuration(path)
        for block in file.blocks(self.name):
            if block.head is not None and not self._applies(block.head, path):
                continue
            for line in block.lines:
                if line.keyword == "include":
                    self._include(line, path, of_user, depth)
                else:
                    self._take(line, f"{path}, line {line.number}")
        ignored = (self.one("ignoreunknown") or "").lower().split(",")
        for line in file.unknown:
            if not matches(line.keyword, ignored):
                raise InputError(
                    f"{path}, line {line.number}: {line.keyword!r} is no keyword of ssh_config",
                    hint=f"mend it, or allow it with IgnoreUnknown in front of it, as for ssh; {HINT}",
                )

    def _take(self, line: Line, where: str) -> None:
        keyword, said = line.keyword, self._said
        if keyword in _MANY:
            lines = said.setdefault(keyword, [])
            if not any(line.words == other.words for other in lines):
                lines.append(Said(line.words, where))
        elif keyword == "proxyjump" and line.words[0].lower() != "none":
            if "proxycommand" not in said and "proxyjump" not in said:
                said[keyword] = [Said(line.words, where)]
                said["proxycommand"] = [Said(("none",), where)]
        elif keyword not in said:
            said[keyword] = [Said(line.words, where)]

    def _include(self, line: Line, path: Path, of_user: bool, depth: int) -> None:
        where = f"{path}, line {line.number}"
        if depth >= _DEEPEST:
            raise InputError(f"{where}: Include is nested deeper than {_DEEPEST} files", hint=HINT)
        for word in line.words:
            pattern = expanded(word, self._tokens_now, where, environment=True)
            if pattern.startswith("~"):
                pattern = at_home(pattern)
            elif not pattern.startswith("/"):
                pattern = f"{at_home('~/.ssh') if of_user else SYSTEM_FILE.parent}/{pattern}"
            for found in map(Path, sorted(glob.glob(pattern), key=os.fsencode)):  # noqa: PTH207 - it may be absolute
                if _owned(found):
                    self._file(found, of_user=of_user, depth=depth + 1)

    def _applies(self, head: Line, path: Path) -> bool:
        if head.keyword == "host":
            return matches(self.name, head.words)
        applies = True
        for criterion in head.criteria:
            if criterion.name == "final" and not criterion.negated:
                self._pass.wants_final = True
            # A command is run only where all before it holds.
            applies = applies and self._holds(criterion, f"{path}, line {head.number}") != criterion.negated
        return applies

    def _holds(self, criterion: Criterion, where: str) -> bool:
        name, value = criterion.name, criterion.value
        if name in ("all", "final", "canonical"):
            return name == "all" or self._pass.final
        if name == "exec":
            return _succeeds(expanded(value, self._tokens_now, where, run=True), where)
        if name in ("host", "originalhost"):
            host = self._named() if name == "host" and not self._pass.final else self._pass.host
            return matches((self.name if name == "originalhost" else host).lower(), value.lower().split(","))
        actual = user_name() if name == "localuser" else self.one("user") or user_name()
        if name == "tagged":
            actual = self.one("tag") or ""
        return matches(actual, value.split(",")) if actual else not value

    def _tokens_now(self) -> dict[str, str]:
        return self.tokens(self.one("user") or user_name())

    def _named(self) -> str:
        """``HostName``, else the name, in lower case; an address in its one spelling."""
        written = self.one("hostname")
        host = self.name
        if written is not None:
            host = expanded(written, lambda: {"%": "%", "h": self.name}, self.where("hostname"))
        try:
            return str(ipaddress.ip_address(host))
        except ValueError:
            return host.lower()

    def _canonical(self, host: str) -> str | None:
        """What ``CanonicalizeHostname`` makes of *host*, aliases of DNS left out; None where it is off."""
        mode = (self.one("canonicalizehostname") or "no").lower()
        if mode in ("no", "false"):
            return None
        through = any((self.one(way) or "none").lower() != "none" for way in ("proxycommand", "proxyjump"))
        if (through and mode != "always") or _is_address(host):
            return host
        if host.endswith("."):
            names = [host]
        elif host.count(".") > int(self.one("canonicalizemaxdots") or 1):
            return host
        else:
            names = [f"{host}.{domain}." for domain in self.words("canonicaldomains") or () if domain.lower() != "none"]
        found = next((name for name in names if _resolves(name)), None)
        if found is None and not self.flag("canonicalizefallbacklocal", True):
            raise InputError(f"{host} is in none of CanonicalDomains, and CanonicalizeFallbackLocal is off", hint=HINT)
        return found.rstrip(".").lower() if found else host


def expanded(
    text: str,
    tokens: Tokens,
    where: str,
    *,
    environment: bool = False,
    run: bool = False,
) -> str:
    """*text* with its tokens, and with the ``${…}`` of the *environment* where that counts.

    Raises:
        InputError: an unknown token, a variable that is not set; in what is to *run*, a name with more in it.
    """
    if "%" not in text and not (environment and "${" in text):
        return text
    known = tokens()

    def value(match: re.Match[str]) -> str:
        letter, variable = match[1], match[2]
        if variable is not None and not environment:
            return match[0]
        found = known.get(letter) if variable is None else os.environ.get(variable) if match[3] else None
        if found is None:
            what = f"the token %{letter} is not known here" if variable is None else f"${{{variable}}} is not set"
            raise InputError(f"{where}: {what}", hint=HINT)
        if run and letter in "hjknr" and _UNSAFE.search(found):
            raise InputError(f"{where}: a shell would act on what %{letter} is", hint="give a plain host and user")
        return found

    return _TOKEN.sub(value, text)


def at_home(text: str) -> str:
    """*text* with the home folder for a ``~`` in front; as it is where there is none."""
    return os.path.expanduser(text) if text.startswith("~") else text  # noqa: PTH111 - this one fails for nobody


def _owned(path: Path) -> bool:
    """Whether it is a file; one that others can write is refused, since what it says is run (ssh_config(5), FILES)."""
    try:
        about = path.stat()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", hint=HINT) from error
    if stat.S_ISDIR(about.st_mode):
        return False
    if about.st_uid not in (0, os.getuid()) or about.st_mode & 0o022:
        raise InputError(f"{path}: others may write it, so ssh does not read it", hint=f"chmod go-w {path}")
    return True


def _succeeds(command: str, where: str) -> bool:
    """Whether the *command* of ``Match exec`` does, in a shell: it is the user's own, its tokens are checked."""
    shell, quiet = os.environ.get("SHELL") or "/bin/sh", subprocess.DEVNULL
    run = [shell, "-c", command]
    try:
        done = subprocess.run(run, check=False, stdin=quiet, stdout=quiet, stderr=quiet, timeout=_PATIENCE)  # noqa: S603 - see above
    except (OSError, ValueError) as error:
        raise InputError(f"{where}: the command of Match exec cannot be run by {shell}: {error}", hint=HINT) from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{where}: the command of Match exec did not end within {_PATIENCE:g} s", hint=HINT) from error
    return done.returncode == 0


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _resolves(name: str) -> bool:
    try:
        return bool(socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return False
