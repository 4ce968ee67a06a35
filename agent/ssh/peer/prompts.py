"""What an SSH server asks and says at a login, by its words: a question for the password, or for something else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

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


def of_one(text: str) -> list[str]:
    """The lines but those that speak of accounts and passwords to everybody."""
    return [line for line in text.splitlines() if not _OF_ALL.search(line)]


def for_another(text: str) -> list[str]:
    """The lines ahead of a question by which it asks for something else than the password, whatever its prompt is."""
    return [line.strip() for line in of_one(text) if _FOR_ANOTHER.search(line)]


def expired(text: str) -> bool:
    """Whether it says that the password has expired, or has to be changed."""
    return _EXPIRED.search(text) is not None


def locked(lines: Iterable[str]) -> str | None:
    """The line that says that the account is locked."""
    return next((line for line in lines if _LOCKED.search(line)), None)
