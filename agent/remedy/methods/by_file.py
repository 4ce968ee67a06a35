"""The PEM as a file on the router, named to rpc ``ca-authenticate`` as ``file-path``.

It is put there by SFTP, or the router copies it from a URL.
"""

from __future__ import annotations

from dataclasses import replace

from agent.model.method import Method
from agent.model.plan import Intent
from agent.model.state import Access, Enrollment, EnrollmentKind, State
from agent.model.steps import Authenticate, ClearCertificates, Fetch, Step
from agent.netconf.yang.schema import Schema
from agent.remedy.methods.base import Refused, longer, no_copy, no_file
from agent.remedy.methods.by_rpc import RpcMethod
from agent.remedy.run import Run, Steps
from agent.remedy.steps.routerfile import RouterFile
from agent.remedy.steps.upload import fetched, sent
from agent.xr import shellutil

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
        """Besides, where no file can be put, or copied from where the user says."""
        if intent.pem_url is None:
            return super().refusal(intent, state) or no_file(self.method, state, "--pem-url URL")
        source = shellutil.of_url(intent.pem_url)[1]
        return (
            super().refusal(intent, state)
            or no_copy(self.method, state, "leave --pem-url out: the file is then put there by SFTP")
            or longer("certificate", source, state.access.longest_source, "the source of rpc copy")
        )

    def needs_cli(self, intent: Intent, access: Access) -> bool:
        """Not where the router copies the file itself, and its models list and delete it."""
        return intent.pem_url is None or not (access.delete and access.lists_files)

    def enrollment(self, intent: Intent) -> Enrollment:  # noqa: ARG002 - whatever is wanted
        return _LOCAL

    def step(self, intent: Intent, clears: ClearCertificates | None) -> Authenticate:
        return Authenticate(intent.trustpoint, intent.anchor, storage=intent.storage, clears=clears)

    def steps(self, intent: Intent, state: State) -> list[Step] | Refused:
        """With the URL from where the router copies the file, where the user gave one."""
        found = super().steps(intent, state)
        if isinstance(found, Refused) or intent.pem_url is None:
            return found
        typed = not (state.access.delete and state.access.lists_files)
        fetch = Fetch(intent.pem_url, intent.fetch_vrf, typed=typed)
        return [replace(one, fetch=fetch) if isinstance(one, Authenticate) else one for one in found]

    def check(self, schema: Schema, step: Authenticate) -> None:
        super().check(schema, step)
        if step.fetch is not None:
            shellutil.copy_request(schema, shellutil.of_url(step.fetch.url), ("harddisk:", "x"), step.fetch.vrf)

    def carry_out(self, run: Run, step: Authenticate, path: str | None = None) -> Steps[None]:
        """The file is removed whatever happens.

        Raises:
            FileError, RPCError: it could not be brought there.
        """
        if step.storage is None:
            return super().carry_out(run, step, path)

        def use(file: RouterFile) -> Steps[None]:
            return super(FileMethod, self).carry_out(run, step, file.path)

        pem = step.anchor.pem.encode("ascii")
        if step.fetch is None:
            return sent(run, pem, ".pem", step.storage, use)
        return fetched(run, step.fetch, _sizes(pem), ".pem", step.storage, use)


def _sizes(pem: bytes) -> tuple[int, ...]:
    """Those of a certificate's PEM by whoever ends its lines: with LF or CRLF, the last one or not."""
    lines = pem.count(b"\n")
    return (len(pem), len(pem) - 1, len(pem) + lines, len(pem) + lines - 2)
