"""How NETCONF servers differ where RFC 6241 leaves it open, or where they depart from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TrialLock = Literal["in-use", "lock-denied", "operation-failed", "granted"]
DirtyLock = Literal["lock-denied", "resource-denied", "operation-failed", "granted"]
TrialCommit = Literal["in-use", "invalid-value", "granted"]
ErrorOption = Literal["invalid-value", "operation-not-supported"]
Library = Literal["1.0", "1.1"]


@dataclass(frozen=True)
class Behaviour:
    """What a server does; the defaults are what IOS XR is documented to do, or else what RFC 6241 asks.

    Attributes:
        trial_lock: the answer to a lock of running while a confirmed commit of others, or one with persist, is pending;
            that of the candidate is granted (H46).
        trial_lock_names_asker: whether lock-denied then names the session that asks, in place of the trial's.
        trial_commit: the answer to a commit without persist-id at that time; where it is granted, the trial goes on and
            takes back what was committed, too.
        wrong_persist: the answer to a commit with a persist-id that names no trial; where it is granted, it is a commit
            like any other.
        confirm_commits: whether a confirming commit also commits what is in the candidate, as RFC 6241 section 8.4.5.1
            has it, and fails where others hold a lock, although the trial has ended by then; otherwise it confirms
            only, and the candidate stays as it is.
        refused_trial_pends: the error-tags of a refused confirmed commit that leave a trial pending all the same.
        running_lock_binds_trial: whether a locked running refuses cancel-commit of other sessions, and keeps the
            time-out of a trial with persist from taking anything back, for good.
        running_lock_voids_cancel: whether cancel-commit by the very session that holds running is answered with ok, and
            takes nothing back.
        rollback_resets_candidate: whether an unchanged candidate follows when a trial is taken back; if not, it keeps
            what was taken back, and is locked as if nobody had changed it.
        late: seconds by which a trial's time-out comes late (H47).
        commits_nothing: whether a commit without changes is accepted.
        locked: the answer to edit-config and discard-changes while another session holds the candidate.
        dirty_lock: the answer to a lock of a candidate that somebody left changed (H48).
        unlock_discards: whether unlocking the candidate, or the end of the session that has the lock, discards changes
            (H49).
        guards_discard: whether discard-changes is refused while another session holds the candidate.
        rollback_on_error: whether the capability is announced.
        error_option: the answer to ``error-option`` rollback-on-error where it is not.
        library: the version of :yang-library in place of all modules in the hello: 1.1 is RFC 8525, 1.0 is RFC 7895.
    """

    trial_lock: TrialLock = "in-use"
    trial_lock_names_asker: bool = False
    trial_commit: TrialCommit = "in-use"
    wrong_persist: TrialCommit = "invalid-value"
    confirm_commits: bool = False
    refused_trial_pends: tuple[str, ...] = ()
    running_lock_binds_trial: bool = False
    running_lock_voids_cancel: bool = False
    rollback_resets_candidate: bool = True
    late: float = 2.5
    commits_nothing: bool = False
    locked: Literal["in-use", "lock-denied"] = "in-use"
    dirty_lock: DirtyLock = "lock-denied"
    unlock_discards: bool = True
    guards_discard: bool = False
    rollback_on_error: bool = True
    error_option: ErrorOption = "operation-not-supported"
    library: Library | None = None


NETOPEER2 = Behaviour(
    trial_lock="lock-denied",
    trial_lock_names_asker=True,
    trial_commit="invalid-value",
    confirm_commits=True,
    refused_trial_pends=("in-use", "invalid-value"),
    running_lock_binds_trial=True,
    late=0.0,
    commits_nothing=True,
    locked="lock-denied",
    dirty_lock="operation-failed",
    guards_discard=True,
)
"""As netopeer2 2.4.5 (sysrepo 3.7.11) was seen to answer."""

CLIXON = Behaviour(
    trial_lock="granted",
    trial_commit="granted",
    wrong_persist="granted",
    refused_trial_pends=("invalid-value",),
    rollback_resets_candidate=False,
    late=0.0,
    commits_nothing=True,
    locked="lock-denied",
    unlock_discards=False,
    guards_discard=True,
    rollback_on_error=False,
    error_option="invalid-value",
    library="1.1",
)
"""As clixon 7.8 was seen to answer to trials with persist; one without is refused as by ``lock-denied``."""
