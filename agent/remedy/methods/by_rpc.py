"""rpc ``ca-authenticate`` with terminal or url enrollment."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from agent.model.method import Method
from agent.model.plan import Intent
from agent.model.state import Access, ConfigModel
from agent.model.steps import Authenticate, ClearCertificates
from agent.netconf.yang.schema import Schema
from agent.remedy.methods.base import TrustpointMethod
from agent.remedy.run import Run, Steps
from agent.remedy.steps.verify import look_behind
from agent.xr import trustpoint

NO_CANDIDATE = "no :candidate capability"
NO_CONFIG = "no model carries trustpoint configuration (um-crypto-cfg, crypto-cepki-cfg, cli-cfg)"
NO_RPC = "rpc ca-authenticate is missing (crypto-act, 6.2.1 and later)"


class RpcMethod(TrustpointMethod[Authenticate]):
    """Configured through the model; where the user gave a URL the router fetches the certificate from there."""

    method = Method.RPC
    by_cli = False
    lasts: ClassVar[bool | None] = False
    after = "ca-authenticate was answered with ok"
    refused = missing = (
        "terminal enrollment may take the certificate from the console only: use --method dialog, or --enrollment-url, "
        "or on the router run 'crypto ca authenticate {}' and paste it"
    )

    def lacks(self, access: Access) -> str | None:
        if not access.candidate:
            return NO_CANDIDATE
        if access.config_model is ConfigModel.NONE:
            return NO_CONFIG
        return None if access.authenticate else NO_RPC

    def step(self, intent: Intent, clears: ClearCertificates | None) -> Authenticate:
        fetches = intent.enrollment_url is not None
        return Authenticate(intent.trustpoint, intent.anchor, fetches=fetches, clears=clears)

    def check(self, schema: Schema, step: Authenticate) -> None:
        trustpoint.authenticate_request(schema, step.trustpoint, step.storage and f"{step.storage.folder}/xr-agent.pem")

    def carry_out(self, run: Run, step: Authenticate, path: str | None = None) -> Steps[None]:
        """The rpc, with *path* as its ``file-path``."""
        return self.act(
            run,
            step,
            f"server-name {step.trustpoint}",
            lambda: trustpoint.authenticate(run.session, step.trustpoint, path, behind=partial(look_behind, run)),
            at_once=path is None,
        )
