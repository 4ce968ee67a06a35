"""``crypto ca authenticate`` at the CLI over SSH."""

from __future__ import annotations

import re

from agent.model.method import Method
from agent.model.plan import Intent
from agent.model.state import State
from agent.model.steps import ClearCertificates, Dialog
from agent.remedy.methods.base import Refused, TrustpointMethod
from agent.remedy.run import Run, Steps

# What the CLI takes as one plain word; `|`, `#`, `;` and the like mean something to it.
_WORD = re.compile(r"[A-Za-z0-9_\-.:@+=]+")


class DialogMethod(TrustpointMethod[Dialog]):
    """Configured through the model, or at the CLI where there is none; only the anchor is accepted."""

    method = Method.DIALOG
    lasts = False
    done = "the certificate that the router printed is the anchor; answered yes"
    after = "the dialog was ended with yes"
    missing = "on the router: show crypto ca trustpool, show crypto ca certificates {}"

    def refusal(self, intent: Intent, state: State) -> Refused | None:
        """Besides, a trustpoint that the CLI does not take as a word."""
        refused = super().refusal(intent, state)
        if refused is not None or _WORD.fullmatch(intent.trustpoint):
            return refused
        return Refused(
            f"the trustpoint name {intent.trustpoint!r} cannot be typed at the CLI",
            "name another --trustpoint of letters, digits and - _ . : @ + =",
        )

    def step(self, intent: Intent, clears: ClearCertificates | None) -> Dialog:
        return Dialog(intent.trustpoint, intent.anchor, clears)

    def carry_out(self, run: Run, step: Dialog) -> Steps[None]:
        return self.act(
            run,
            step,
            f"crypto ca authenticate {step.trustpoint}",
            lambda: run.shell().console().authenticate(step.trustpoint, step.anchor),
            typed=True,
        )
