"""How carefully a router is changed: which commit, how long a lock is waited for, what a failure leaves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.model.errors import InputError

_LONGEST_CONFIRM = 4294967295


class CommitMode(Enum):
    """Which commit (RFC 6241 section 8.4): one that the device takes back unless it is confirmed, or a plain one.

    AUTO confirms where the device announces confirmed-commit 1.1 and a second session can be opened.
    """

    AUTO = "auto"
    CONFIRMED = "confirmed"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Caution:
    """The bounds of one change.

    Attributes:
        commit: which commit.
        confirm_timeout: whole seconds after which the device takes a commit back that nobody confirmed.
        lock_wait: seconds for which locks that others hold are waited for.
        kill_lock_holder: end the session that holds a lock for longer than that; it loses its uncommitted changes.
        rollback: restore the trustpoint's configuration where no certificate could be proven.

    Raises:
        InputError: a time outside its range.
    """

    commit: CommitMode = CommitMode.AUTO
    confirm_timeout: int = 120
    lock_wait: float = 60.0
    kill_lock_holder: bool = False
    rollback: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.confirm_timeout <= _LONGEST_CONFIRM:
            raise InputError(
                f"a confirm-timeout of {self.confirm_timeout} s cannot be used",
                hint="whole seconds from 1 on, e.g. 120",
            )
        if self.lock_wait < 0:
            raise InputError(f"a lock wait of {self.lock_wait:g} s cannot be used", hint="seconds from 0 on, e.g. 60")
