"""Whether the anchor that a device has outlives a reload."""

from __future__ import annotations

from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Certificate, Evidence
from agent.model.state import EnrollmentKind, State

_FORGOTTEN = (EnrollmentKind.TERMINAL, EnrollmentKind.URL)


def lasts(state: State, anchor: TrustAnchor) -> bool | None:
    """Whether *anchor* is still there after a reload; None where it is not there, or no source says.

    False: it is under the trustpoint by an enrollment that a reload forgets, and the trustpool is not seen to list it.
    """
    if any(_is(entry.certificate, anchor) for entry in state.trustpool.value or ()):
        return True
    shown, config = state.certificate.value, state.config.value
    if shown is None or config is None or not _is(shown, anchor):
        return None
    return False if config.enrollment.kind in _FORGOTTEN else None


def _is(shown: Certificate, anchor: TrustAnchor) -> bool:
    return shown.proves(anchor) not in (None, Evidence.NONE)
