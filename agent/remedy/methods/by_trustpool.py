"""Import a bundle into the trustpool, once, and find the anchor in what the device then lists."""

from __future__ import annotations

from collections.abc import Callable

from agent.model.errors import CertificateMissing, ConsoleError, OutcomeUnknown
from agent.model.method import Method
from agent.model.outcome import Status
from agent.model.pki.certificate import Evidence
from agent.model.plan import Intent
from agent.model.state import Access, State
from agent.model.steps import Fetch, ImportBundle, Note, Step
from agent.netconf.retry import Waits
from agent.netconf.yang.schema import Schema
from agent.remedy import read
from agent.remedy.methods.base import OPEN_SSH, InstallMethod, Refused, longer, no_copy, no_file
from agent.remedy.notices.folder import bundled
from agent.remedy.run import Run, Steps
from agent.remedy.steps.routerfile import RouterFile
from agent.remedy.steps.upload import copied, fetched, sent
from agent.xr import shellutil, trustpool

_CLEAN = "the clean import drops everything that was imported into the trustpool before"
_TMP = "/tmp"  # noqa: S108 - on the router: the only folder that a local import takes a file from
_RIGHTS = "copying to /tmp needs task group root-lr or cisco-support"
_WEB = "give the user that right, or let the router fetch the bundle itself: --bundle-url"


class TrustpoolMethod(InstallMethod[ImportBundle]):
    """An import that can be judged needed before and proven afterwards: both take ``show crypto ca trustpool``."""

    method = Method.TRUSTPOOL
    at_trustpoint = False
    lasts = True
    after = "the import was answered with ok"
    refused = "the router's log may say why (show logging); with --method auto the methods that need no import follow"
    look_up = "on the router: show crypto ca trustpool"
    missing = f"{look_up}; check that the bundle is the one that holds the anchor"

    def considered(self, intent: Intent) -> bool:
        """With a bundle that is not to follow another method."""
        return intent.has_bundle and not intent.then_trustpool and intent.enrollment_url is None

    def steps(self, intent: Intent, state: State) -> list[Step] | Refused:
        if (refused := _refused(intent, state)) is not None:
            return refused
        access = state.access
        step = ImportBundle(
            anchor=intent.anchor,
            bundle=intent.bundle,
            url=None if intent.copies_bundle else intent.bundle_url,
            rpc=access.import_url,
            copy=access.copy,
            clean=intent.clean,
            storage=intent.storage,
            fetch=_fetch(intent, access),
        )
        notes: list[Step] = [Note(_CLEAN, about="trustpool")] if intent.clean else []
        harm = bundled().piling_up
        if harm is not None and state.release in harm.releases:
            notes.append(Note(f"imported once only: {harm.effect}", about="trustpool"))
        return [*notes, step]

    def check(self, schema: Schema, step: ImportBundle) -> None:
        if step.rpc:
            trustpool.import_request(schema, step.url or f"{_TMP}/xr-agent.p7b", clean=step.clean)
        if step.fetch is not None:
            shellutil.copy_request(schema, shellutil.of_url(step.fetch.url), (_TMP, "xr-agent"), step.fetch.vrf)

    def carry_out(self, run: Run, step: ImportBundle) -> Steps[None]:
        """Bring the bundle to where the router imports from, import it, and read the trustpool.

        Every copy is removed whatever happens.

        Raises:
            FileError, ConsoleError, RPCError: a copy could not be made.
            AgentError: as of :meth:`act`.
        """

        def imported(url: str) -> Steps[None]:
            def send() -> object:
                if step.rpc:
                    return trustpool.import_url(run.session, url, clean=step.clean)
                return run.shell().console().import_bundle(url, clean=step.clean)

            return self.act(run, step, url, send, typed=not step.rpc)

        if step.url is not None:
            return imported(step.url)

        def use(file: RouterFile) -> Steps[None]:
            return _in_tmp(run, step, file, imported)

        data = step.bundle.data if step.bundle is not None else b""
        if step.fetch is not None:
            sizes = (len(data),) if data else ()
            return fetched(run, step.fetch, sizes, step.suffix, step.storage, use)
        return sent(run, data, step.suffix, step.storage, use)

    def look(self, run: Run) -> Waits[tuple[Evidence | None, str | None]]:
        listed = yield from read.listed(run.shell(), run.plan.intent.anchor, own=True)
        return Evidence.CONSOLE if listed.value else None, listed.missing

    def prove(self, run: Run, step: ImportBundle, after: str) -> Steps[None]:
        """By the list; evidence that the trustpoint gave before is better."""
        yield run.started_event("read back", "trustpool")
        found, missing = yield from self.look(run)
        if missing is not None:
            said = f"{after}, and the trustpool could not be read: {missing}"
            raise OutcomeUnknown(said, hint=self.look_up)
        if found is None:
            said = f"{after}, but the trustpool does not list {step.anchor.name}"
            raise CertificateMissing(said, hint=self.missing)
        run.proven(run.evidence if run.evidence is not Evidence.NONE else found)
        yield run.ended("read back", Status.DONE, f"{step.anchor.name} is in the trustpool, by console")


def _refused(intent: Intent, state: State) -> Refused | None:
    if not intent.has_bundle:
        return Refused("a trustpool import needs a bundle", "give --bundle FILE or --bundle-url URL")
    if state.cli is not None:
        return Refused(
            f"a trustpool import needs SSH beside NETCONF, only the CLI shows the trustpool: {state.cli}", OPEN_SSH
        )
    if (no_way := _no_way(intent, state)) is not None:
        return no_way
    if state.trustpool.missing is not None:
        return Refused(
            f"the trustpool could not be read: {state.trustpool.missing}",
            "see that 'show crypto ca trustpool' works for this user: imports pile up, so none is made blindly",
        )
    if intent.clean and state.access.import_url and not state.access.import_clean:
        return Refused("rpc ca-trustpool-import-url-clean is missing (crypto-act)", "leave out --clean")
    return None


def _fetch(intent: Intent, access: Access) -> Fetch | None:
    if intent.bundle_url is None or not intent.copies_bundle:
        return None
    return Fetch(intent.bundle_url, intent.fetch_vrf, typed=not (access.delete and access.lists_files))


def _no_way(intent: Intent, state: State) -> Refused | None:
    """Why the bundle cannot be brought to where it is imported from."""
    if (refused := _too_long(intent, state.access)) is not None:
        return refused
    if intent.copies_bundle:
        return no_copy(Method.TRUSTPOOL, state, "leave --fetch-vrf out, or give --bundle or --bundle-url alone")
    return no_file(Method.TRUSTPOOL, state, "--bundle-url URL") if intent.bundle is not None else None


def _too_long(intent: Intent, access: Access) -> Refused | None:
    """A URL that the rpc's model does not take, or the CLI, where it is typed."""
    url = intent.bundle_url
    if url is None:
        return None
    if intent.copies_bundle:
        return longer("bundle", shellutil.of_url(url)[1], access.longest_source, "the source of rpc copy")
    if access.import_url:
        return longer("bundle", url, access.longest_url, "rpc ca-trustpool-import-url")
    from agent.xr.cli.console import LONGEST_WORD  # with it comes the SSH library, which most plans need not

    return longer("bundle", url, LONGEST_WORD, "the CLI")


def _in_tmp(run: Run, step: ImportBundle, file: RouterFile, use: Callable[[str], Steps[None]]) -> Steps[None]:
    """*use* a copy of *file* below /tmp on the router, which is removed however that ends."""
    copy = RouterFile(run, _TMP, file.name, f"{_TMP}/{file.name}", sent=file.sent)

    def steps() -> Steps[None]:
        yield run.started_event("copy", f"{file.path} to {copy.path}")
        how = "rpc copy"
        if step.copy:
            brought = yield from copied(file, copy, (len(step.bundle.data),) if step.bundle else ())
            if isinstance(brought, str):
                yield run.ended("rpc copy", Status.SKIPPED, f"{brought}; trying 'run cp'")
                how = _typed(run, file, copy)
        else:
            how = _typed(run, file, copy)
        yield run.ended("copy", Status.DONE, f"{copy.path}, by {how}")
        yield from use(copy.path)

    return copy.removed_behind(steps())


def _typed(run: Run, file: RouterFile, copy: RouterFile) -> str:
    """``run cp``.

    Raises:
        ConsoleError: refused; where the right is missing the message names it.
    """
    console = run.shell().console()
    before, copy.there = copy.there, True
    try:
        console.copy(f"/{file.folder}/{file.name}", copy.path)
    except ConsoleError as error:
        if not error.unauthorized:
            raise
        copy.there = before
        raise ConsoleError(f"{_RIGHTS}: {error.message}", hint=_WEB, unauthorized=True) from error
    return "run cp"
