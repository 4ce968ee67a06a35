"""How NETCONF servers differ where RFC 6241 leaves it open, or where they depart from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TrialLock = Literal["in-use", "lock-denied", "operation-failed", "granted"]
DirtyLock = Literal["lock-denied", "resource-denied", "operation-failed", "granted"]
TrialCommit = Literal["in-use", "invalid-value"]
Library = Literal["1.0", "1.1"]


@dataclass(frozen=True)
class Ways:
    """What a server does; the defaults are what IOS XR is documented to do, or else what RFC 6241 asks.

    Attributes:
        trial_lock: the answer to a lock of running while a confirmed commit of others, or one with persist, is pending;
            that of the candidate is granted.
        trial_commit: the answer to a commit without persist-id at that time; wrong_persist: to one with a wrong one.
        confirm_commits: whether a confirming commit also commits what is in the candidate, as RFC 6241 section 8.4.5.1
            has it; otherwise it confirms only, and the candidate stays as it is.
        dirty_lock: the answer to a lock of a candidate that somebody left changed.
        unlock_discards: whether unlocking the candidate, or the end of the session that locked it, discards changes.
        guards_discard: whether discard-changes is refused while another session holds the candidate.
        rollback_on_error: whether the capability is announced; if not, ``error-option`` rollback-on-error is refused.
        library: the version of :yang-library in place of all modules in the hello: 1.1 is RFC 8525, 1.0 is RFC 7895.
    """

    trial_lock: TrialLock = "in-use"
    trial_commit: TrialCommit = "in-use"
    wrong_persist: TrialCommit = "invalid-value"
    confirm_commits: bool = False
    dirty_lock: DirtyLock = "lock-denied"
    unlock_discards: bool = True
    guards_discard: bool = False
    rollback_on_error: bool = True
    library: Library | None = None
