"""What a server's words at the login mean: whether a question is for the password, and what is said of the account."""

from __future__ import annotations

import re

_ASKS = re.compile(r"pass ?word|passwort|mot de passe|contrase", re.IGNORECASE)
# "(current) UNIX password:" begins the dialog by which an expired one is changed.
_ASKS_ANOTHER = re.compile(
    r"\bnew\b|\bagain\b|re-?(?:enter|type)|\bcurrent\b|\bold\b|chang|confirm|verif|one.?time|\botp\b|pass ?code|\bpin\b"
    r"|token|\bcode\b|challenge|response|secur\w* ?(?:id|code)|enable|\bnext\b|\bkey\b|yubikey|\breset"
    r"|\bset\b|expired|\bhint\b|temporary|dynamic|\bsms\b|\b[2m]fa\b|factor|authenticator|\brsa\b|\bduo\b"
    r"|\bneu|einmal|wiederhol|erneut|\balte|aktuell|nouve|usage unique|ancien|actue|nuev|actual|anterior|solo uso",
    re.IGNORECASE,
)
# Whatever its prompt is then: what a round is for may stand ahead of it.
_FOR_ANOTHER = re.compile(r"new password|one.?time (?:pass|code)|\botp\b|pass ?code|verification code", re.IGNORECASE)
_OF_WHOM = re.compile(r"\S+@\S+")  # a user's and a host's names may be any words
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


def asks_password(prompt: str, echo: bool, username: str) -> bool:
    """Whether a prompt of keyboard-interactive asks for the user's password, and for nothing else."""
    own = re.escape(username)
    text = re.sub(rf"\bfor [`'\"]?{own}\b|(?<!\w){own}'s\b", "", _OF_WHOM.sub("", prompt))
    return not echo and _ASKS.search(text) is not None and _ASKS_ANOTHER.search(text) is None


def for_another(ahead: str) -> list[str]:
    """The lines ahead of a prompt by which it is for something besides the password, whatever it says itself."""
    return [line.strip() for line in of_one(ahead) if _FOR_ANOTHER.search(line)]


def of_one(text: str) -> list[str]:
    """The lines but those that speak of accounts and passwords to everybody."""
    return [line for line in text.splitlines() if not _OF_ALL.search(line)]


def expired(text: str) -> bool:
    """Whether it says that the password has expired, or has to be changed."""
    return _EXPIRED.search(text) is not None


def locked(text: str) -> str | None:
    """The first line that says that the account is locked."""
    return next((line for line in text.splitlines() if _LOCKED.search(line)), None)
