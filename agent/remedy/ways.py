"""The steps of each method on one device, or why it is not offered there: pure, as all planning is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.model.method import Method
from agent.model.plan import Authenticate, ConfigureTrustpoint, Dialog, ImportBundle, Intent, Note, Step
from agent.model.state import ConfigModel, Enrollment, EnrollmentKind, State
from agent.remedy.notices.folder import bundled

# What the CLI takes as one plain word; `|`, `#`, `;` and the like mean something to it.
_WORD = re.compile(r"[A-Za-z0-9_\-.:@+=]+")
_CLEAN = "the clean import drops everything that was imported into the trustpool before"
_OPEN_SSH = (
    "make the router's SSH port reachable (--ssh-port, without --no-ssh): the CLI shows and does what its models do not"
)


@dataclass(frozen=True, slots=True)
class Refused:
    """A method that is not offered: why, and what would help."""

    reason: str
    hint: str | None = None


def way(method: Method, intent: Intent, state: State) -> list[Step] | Refused:
    """The steps by which *method* brings the anchor into the device of *state*."""
    refusal = dict(state.access.refusals).get(method)
    if method not in state.access.methods:
        return Refused(refusal or f"method {method.value} is not possible on this device")
    if method is Method.TRUSTPOOL:
        return _trustpool(intent, state)
    return _trustpoint(method, intent, state)


def _trustpoint(method: Method, intent: Intent, state: State) -> list[Step] | Refused:
    """Configure where needed, then the action."""
    unread = _unread(state)
    if unread is not None:
        return unread
    console = _needs_cli(method, intent, state)
    if console is not None:
        return console
    wanted = Enrollment(EnrollmentKind.LOCAL) if method is Method.FILE else intent.enrollment
    # Without a candidate to edit, the dialog's two lines are typed as well.
    model = state.access.config_model if state.access.candidate else ConfigModel.NONE
    change = _configure(wanted, intent, state, model)
    if isinstance(change, Refused):
        return change
    return [*([change] if change else []), _action(method, intent)]


def _action(method: Method, intent: Intent) -> Step:
    if method is Method.DIALOG:
        return Dialog(intent.trustpoint, intent.anchor)
    if method is Method.FILE:
        return Authenticate(intent.trustpoint, intent.anchor, storage=intent.storage)
    return Authenticate(intent.trustpoint, intent.anchor, fetches=intent.enrollment_url is not None)


def _unread(state: State) -> Refused | None:
    if state.config.missing is not None:
        return Refused(
            f"the trustpoint configuration could not be read: {_both(state.config.missing, state.cli)}",
            _OPEN_SSH if state.cli else "without it nobody can say what a change would replace",
        )
    if not state.certificate.answered:
        return Refused(
            f"the certificates could not be read: {_both(state.certificate.missing, state.cli)}",
            _OPEN_SSH
            if state.cli
            else "without them a push can neither tell whether it is needed nor prove its success",
        )
    return None


def _both(*reasons: str | None) -> str:
    return "; ".join(reason for reason in reasons if reason)


def _needs_cli(method: Method, intent: Intent, state: State) -> Refused | None:
    """What the CLI or SFTP is needed for, where it is not at hand."""
    if method is Method.RPC:
        return None
    if state.cli is not None:
        return Refused(f"method {method.value} needs SSH beside NETCONF: {state.cli}", _OPEN_SSH)
    if method is Method.DIALOG and not _WORD.fullmatch(intent.trustpoint):
        return Refused(
            f"the trustpoint name {intent.trustpoint!r} cannot be typed at the CLI",
            "name another --trustpoint of letters, digits and - _ . : @ + =",
        )
    return None


def _configure(
    wanted: Enrollment, intent: Intent, state: State, model: ConfigModel
) -> ConfigureTrustpoint | Refused | None:
    present = state.config.value
    if model is not ConfigModel.NONE and wanted.kind not in state.access.enrollments:
        return Refused(f"{model.value} cannot set '{wanted.cli}' here")
    replaces = None
    if present is not None:
        if present.enrollment == wanted:
            return None
        if present.enrollment.kind is not EnrollmentKind.NONE:
            if not intent.replace:
                return Refused(
                    f"trustpoint {intent.trustpoint} has '{present.enrollment.cli}'",
                    f"--replace changes it to '{wanted.cli}', or name another --trustpoint",
                )
            replaces = present.enrollment
    return ConfigureTrustpoint(model, intent.trustpoint, wanted, replaces=replaces, creates=present is None)


def _trustpool(intent: Intent, state: State) -> list[Step] | Refused:
    """An import that can be judged needed before and proven afterwards: both take ``show crypto ca trustpool``."""
    access = state.access
    if not intent.has_bundle:
        return Refused("a trustpool import needs a bundle", "give --bundle FILE or --bundle-url URL")
    if state.cli is not None:
        return Refused(
            f"a trustpool import needs SSH beside NETCONF, only the CLI shows the trustpool: {state.cli}",
            _OPEN_SSH,
        )
    if state.trustpool.missing is not None:
        return Refused(
            f"the trustpool could not be read: {state.trustpool.missing}",
            "see that 'show crypto ca trustpool' works for this user: imports pile up, so none is made blindly",
        )
    if intent.clean and access.import_url and not access.import_clean:
        return Refused("rpc ca-trustpool-import-url-clean is missing (crypto-act)", "leave out --clean")
    step = ImportBundle(
        anchor=intent.anchor,
        bundle=intent.bundle,
        url=intent.bundle_url,
        rpc=access.import_url,
        copy=access.copy,
        clean=intent.clean,
        storage=intent.storage,
    )
    notes: list[Step] = [Note(_CLEAN, about="trustpool")] if intent.clean else []
    harm = bundled().piling_up
    if harm is not None and state.release in harm.releases:
        notes.append(Note(f"imported once only: {harm.effect}", about="trustpool"))
    return [*notes, step]
