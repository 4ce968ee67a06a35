"""The PEM as a file on the router, named to rpc ``ca-authenticate`` as ``file-path``."""

from __future__ import annotations

from contextlib import ExitStack

from agent.model.method import Method
from agent.model.plan import Authenticate, ClearCertificates, Intent
from agent.model.state import Access, Enrollment, EnrollmentKind, State
from agent.remedy.methods.base import Refused, no_file
from agent.remedy.methods.by_rpc import RpcMethod
from agent.remedy.run import Run, Steps
from agent.remedy.steps.upload import put

_LOCAL = Enrollment(EnrollmentKind.LOCAL)
_NO_FILE = "rpc ca-authenticate takes no file-path (crypto-act, 25.2.1 and later)"


class FileMethod(RpcMethod):
    """As by rpc, with local enrollment and the file put there first."""

    method = Method.FILE
    by_cli = True
    takes_url = False
    lasts = None

    def lacks(self, access: Access) -> str | None:
        if (common := super().lacks(access)) is not None:
            return common
        if not access.file_path:
            return _NO_FILE
        return None if _LOCAL.kind in access.enrollments else f"{access.config_model.value} cannot set '{_LOCAL.cli}'"

    def refusal(self, intent: Intent, state: State) -> Refused | None:
        """Besides, where no file can be put."""
        return super().refusal(intent, state) or no_file(self.method, state)

    def enrollment(self, intent: Intent) -> Enrollment:  # noqa: ARG002 - whatever is wanted
        return _LOCAL

    def step(self, intent: Intent, clears: ClearCertificates | None) -> Authenticate:
        return Authenticate(intent.trustpoint, intent.anchor, storage=intent.storage, clears=clears)

    def carry_out(self, run: Run, step: Authenticate, path: str | None = None) -> Steps[None]:
        """The file is removed whatever happens.

        Raises:
            FileError: it could not be put there.
        """
        with ExitStack() as undo:
            if step.storage is not None:
                path = yield from put(run, undo, step.anchor.pem.encode("ascii"), ".pem", step.storage)
            yield from super().carry_out(run, step, path)
