"""What the SSH arguments of an inventory say of the way to a router, as lines of an OpenSSH configuration."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.model.errors import InputError
from agent.ssh.settings.lookup import SYSTEM_FILE, USER_FILE, at_home

_KEYWORDS = {"-J": "ProxyJump", "-i": "IdentityFile", "-l": "User", "-o": ""}
_OTHERS = frozenset(f"-{letter}" for letter in "BbcDEeILmOPpQRSWw")
"""Options of ssh that take a value and say nothing of the way to a host, or of one connection alone."""


def written(host: str, lines: Iterable[str], config: Path | None, folder: Path) -> Path | None:
    """A configuration in *folder*, the task's own, that says *lines* of *host*, and not of jump hosts on the way, and
    behind them what *config* says, or the user's and the system's; *config* itself where there are no lines.

    Raises:
        OSError: it cannot be written.
    """
    said = [line for line in lines if line]
    if not said:
        return config
    behind = [config.absolute()] if config is not None else [Path(at_home(str(USER_FILE))), SYSTEM_FILE]
    text = "\n".join([f"Host {host}", *said, "Host *", *(f'Include "{path}"' for path in behind), ""])
    path = folder / "ssh_config"
    path.touch(mode=0o600)
    path.write_text(text, errors="surrogateescape")
    return path


def lines_of(variable: str, text: str) -> Iterator[str]:
    """The lines that stand for *text*, the value of *variable*: what follows the ssh of a command line.

    Raises:
        InputError: it is no such list of arguments; a value is not repeated, since a command may hold a secret.
    """
    try:
        words = iter(shlex.split(text))
    except ValueError as error:
        raise InputError(f"the variable {variable} has a quote that is not closed") from error
    for word in words:
        option, value = word[:2], word[2:]
        if option in _KEYWORDS or option in _OTHERS or option == "-F":
            value = value or next(words, "")
            if not value:
                raise InputError(f"the variable {variable} ends with {option}, whose value is missing")
        if option == "-F":
            raise InputError(
                f"the variable {variable} names a configuration", hint="name it with the option ssh_config"
            )
        if not option.startswith("-") or option == "--":
            raise InputError(f"the variable {variable} is not only options of ssh", hint="e.g. -o ProxyJump=user@jump")
        yield _line(variable, option, value)


def _line(variable: str, option: str, value: str) -> str:
    if option not in _KEYWORDS:
        return ""
    if "\n" in value or "\r" in value:
        raise InputError(f"the variable {variable} has a line break in a value")
    if option == "-i":
        return f'IdentityFile "{value}"'
    if option != "-o":
        return f"{_KEYWORDS[option]} {value}"
    keyword, equals, said = value.partition("=")
    return f"{keyword.strip()} {said.strip()}" if equals and keyword.strip().isalnum() else value
