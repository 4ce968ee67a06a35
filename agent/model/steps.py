"""The steps of a plan: each says what it does as lines, none knows how it is carried out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from agent.model.device import Secret
from agent.model.method import Method, Storage
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle
from agent.model.pki.certificate import Certificate
from agent.model.state import ConfigModel, DeviceTime, Enrollment, EnrollmentKind


@dataclass(frozen=True, slots=True)
class Fetch:
    """A file that the router itself copies from *url*, in *vrf*, by rpc ``copy``.

    ``typed``: no model lists or deletes files, so that is done at the CLI.
    """

    url: str
    vrf: str | None = None
    typed: bool = False

    def diff(self, path: str, removed: str) -> str:
        """What is done, as a line of a plan."""
        vrf = f" vrf={self.vrf}" if self.vrf else ""
        how = "at the CLI" if self.typed else "by rpc delete"
        return f"> rpc copy {self.url}{vrf} to {path}, its size looked at, {removed} {how}"


@dataclass(frozen=True, slots=True)
class ConfigureTrustpoint:
    """The trustpoint with its enrollment: through *model*, or over the CLI where that is ``ConfigModel.NONE``.

    Through a model: lock, edit, validate, commit, unlock. Over the CLI: configure, the two lines, commit.
    """

    model: ConfigModel
    trustpoint: str
    enrollment: Enrollment
    replaces: Enrollment | None = None
    creates: bool = True

    @property
    def before(self) -> Enrollment | None:
        """The enrollment that is there before the change; None for no trustpoint."""
        return None if self.creates else self.replaces or Enrollment(EnrollmentKind.NONE)

    def diff(self) -> list[str]:
        """The change as CLI lines, prefixed ``+``, ``-`` or blank."""
        head = f"{'+' if self.creates else ' '} crypto ca trustpoint {self.trustpoint}"
        gone = [f"-  {self.replaces.cli}"] if self.replaces else []
        typed = ["# no model carries it: these lines are typed at the CLI over SSH"]
        return [*(typed if self.model is ConfigModel.NONE else []), head, *gone, f"+  {self.enrollment.cli}"]


@dataclass(frozen=True, slots=True)
class ClearCertificates:
    """rpc ``ca-clear-certificates``: *held*, another certificate than the anchor, is removed from *trustpoint*."""

    trustpoint: str
    held: Certificate

    def diff(self) -> list[str]:
        """The action and what goes by it."""
        return [f"> rpc ca-clear-certificates server-name={self.trustpoint}", f"- CA certificate {self.held.described}"]


class Installation(ABC):
    """A step that brings *anchor* by one method, whose class in ``remedy/methods`` carries it out.

    ``clears``: what has to go first, right ahead of the action that brings the anchor, so that what fails before it
    costs nothing.
    """

    __slots__ = ()
    anchor: TrustAnchor
    clears: ClearCertificates | None = None

    @property
    @abstractmethod
    def method(self) -> Method: ...

    @abstractmethod
    def diff(self) -> list[str]:
        """What it does, line by line, and the certificate expected from it."""


@dataclass(frozen=True, slots=True)
class Authenticate(Installation):
    """rpc ``ca-authenticate``, repeated by policy with the state read before each repeat, then read back.

    ``fetches``: the device fetches the certificate from its enrollment url, which takes a while. ``storage``: the PEM
    is put there first and given as ``file-path``; None for none. ``fetch``: from where the router copies it there, in
    place of SFTP.
    """

    trustpoint: str
    anchor: TrustAnchor
    fetches: bool = False
    storage: Storage | None = None
    fetch: Fetch | None = None
    clears: ClearCertificates | None = None

    @property
    def method(self) -> Method:
        """FILE where a file is put there first."""
        return Method.RPC if self.storage is None else Method.FILE

    def diff(self) -> list[str]:
        expected = f"+ CA certificate {self.anchor.name} sha1 {self.anchor.sha1}"
        rpc = f"> rpc ca-authenticate server-name={self.trustpoint}"
        if self.storage is None:
            return [*_cleared(self), rpc, expected]
        path = f"{self.storage.folder}/xr-agent-….pem"
        removed = "removed afterwards"
        put = f"> sftp {path}, {removed}" if self.fetch is None else self.fetch.diff(path, removed)
        return [put, *_cleared(self), f"{rpc} file-path={path}", expected]


@dataclass(frozen=True, slots=True)
class Dialog(Installation):
    """``crypto ca authenticate NAME`` at the CLI over SSH: paste the PEM, accept only the anchor, read back."""

    trustpoint: str
    anchor: TrustAnchor
    clears: ClearCertificates | None = None

    method = Method.DIALOG

    def diff(self) -> list[str]:
        expected = f"+ CA certificate {self.anchor.name} sha1 {self.anchor.sha1}"
        return [*_cleared(self), f"> ssh: crypto ca authenticate {self.trustpoint}", expected]


def _cleared(step: Installation) -> list[str]:
    return step.clears.diff() if step.clears else []


@dataclass(frozen=True, slots=True)
class ImportBundle(Installation):
    """Import a bundle into the trustpool, then find the anchor in ``show crypto ca trustpool``.

    Attributes:
        bundle: copied to the router by SFTP, on to /tmp, and removed from both; None where ``url`` is imported.
        fetch: from where the router copies it, in place of SFTP; ``bundle`` then tells its size, where it is given.
        rpc: by rpc ca-trustpool-import-url; else by exec ``crypto ca trustpool import url``.
        copy: rpc ``copy`` of shellutil-copy-act is there for the way to /tmp; else ``run cp``.
        clean: by the variant that drops what was imported before.
    """

    anchor: TrustAnchor
    bundle: Bundle | None = None
    url: str | None = None
    rpc: bool = True
    copy: bool = False
    clean: bool = False
    storage: Storage = Storage.HARDDISK
    fetch: Fetch | None = None

    method = Method.TRUSTPOOL

    @property
    def suffix(self) -> str:
        """How the file's name ends on the router."""
        return self.bundle.suffix if self.bundle is not None else ".p7b"

    def diff(self) -> list[str]:
        url, lines = self.url, list[str]()
        if url is None:
            path = f"{self.storage.folder}/xr-agent-…{self.suffix}"
            url = f"/tmp/xr-agent-…{self.suffix}"  # noqa: S108 - a path on the router
            removed = f"copied to {url}, both removed"
            lines = [f"> sftp {path}, {removed}" if self.fetch is None else self.fetch.diff(path, removed)]
        if self.rpc:
            lines.append(f"> rpc ca-trustpool-import-url{'-clean' if self.clean else ''} url={url}")
        else:
            lines.append(f"> ssh: crypto ca trustpool import url{' clean' if self.clean else ''} {url}")
        return [*lines, f"+ trustpool certificate {self.anchor.name} sha1 {self.anchor.sha1}"]


@dataclass(frozen=True, slots=True)
class Register:
    """rpc ``register-id-token``, once the root is proven; the token is shown nowhere; None in a plan that is kept."""

    token: Secret | None

    def diff(self) -> list[str]:
        """The action."""
        return ["> rpc register-id-token id-token=*** (only after the root is proven)"]


@dataclass(frozen=True, slots=True)
class RenewAuthorization:
    """rpc ``renew-auth``, then wait up to ``wait`` seconds for a successful contact newer than the one before."""

    wait: float
    newer_than: DeviceTime | None = None

    def diff(self) -> list[str]:
        """The action and what is awaited."""
        return [f"> rpc renew-auth, then up to {self.wait:g} s for a newer contact"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something that will not be done although it might be expected, and why; ``about`` names it in the outcome."""

    text: str
    about: str = "note"

    def diff(self) -> list[str]:
        """The sentence as a comment."""
        return [f"# {self.text}"]


Step = ConfigureTrustpoint | Installation | Register | RenewAuthorization | Note
