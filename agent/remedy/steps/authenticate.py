"""Have the device authenticate its CA over rpc, and prove by what it then shows that the anchor is there."""

from __future__ import annotations

from contextlib import ExitStack

from agent.model.errors import OutcomeUnknown, RPCError
from agent.model.outcome import Status
from agent.model.pki.certificate import Evidence
from agent.model.plan import Authenticate
from agent.netconf.retry import Waits
from agent.remedy.run import Run, Steps
from agent.remedy.steps.upload import put
from agent.remedy.steps.verify import came_meanwhile, despite, needless, prove, reopen
from agent.xr import authentication as certificate

_NEXT = (
    "terminal enrollment may take the certificate from the console only: use --method dialog, or --enrollment-url, "
    "or on the router run 'crypto ca authenticate {name}' and paste it"
)


def authenticate(run: Run, step: Authenticate) -> Steps[None]:
    """Call rpc ca-authenticate and read the certificate back; repeated only where the state shows it is still needed.

    A file that the router is to read is put there first, and removed whatever happens.

    Raises:
        FileError: the file could not be put there.
        RPCError: the device refused the action for good.
        CertificateMissing: it answered ok, and no certificate showed.
        AnchorMismatch: it holds another certificate; never repeated.
        OutcomeUnknown: nothing could be read that tells.
    """
    with ExitStack() as undo:
        path = None
        if step.storage is not None:
            path = yield from put(run, undo, step.anchor.pem.encode("ascii"), ".pem", step.storage)
        with run.unbroken():
            found = yield from came_meanwhile(run, step.trustpoint, step.anchor)
            if found is not None:
                run.proven(found)
                yield run.ended("ca-authenticate", Status.SKIPPED, f"{step.anchor.name} came in meanwhile")
                return
            after = yield from _call(run, step, path)
            yield from prove(
                run,
                step.trustpoint,
                step.anchor,
                after=after,
                hint=_NEXT.format(name=step.trustpoint),
                fetches=step.fetches,
            )
    # What terminal and url enrollment bring is forgotten at a reload; of local enrollment no source says.
    run.persistent = None if step.storage is not None else False


def _call(run: Run, step: Authenticate, path: str | None) -> Steps[str]:
    """The rpc; how it ended, in words."""

    def act() -> Evidence | None:
        certificate.authenticate(run.session, step.trustpoint, path)
        return None

    def seen() -> Waits[Evidence | None]:
        run.release()  # no source says that a router does it under a lock, be it ours
        return needless(run, step.trustpoint, step.anchor)

    yield run.started_event("ca-authenticate", f"server-name {step.trustpoint}")
    run.changed = run.acted = True
    try:
        yield from run.persist("ca-authenticate", act, before_repeat=seen)
        said, after = (Status.DONE, "answered ok, which proves nothing yet"), "ca-authenticate was answered with ok"
    except OutcomeUnknown as error:
        said = Status.UNKNOWN, f"{error.message}; reading the certificate back"
        after = error.message
        yield from reopen(run, error)
    except RPCError as error:
        if not (yield from despite(run, step.trustpoint, step.anchor, error)):
            error.hint = error.hint or _NEXT.format(name=step.trustpoint)
            raise
        said, after = (Status.UNKNOWN, f"{error.message}; yet the certificate is there"), error.message
    run.settle()
    yield run.ended("ca-authenticate", *said)
    return after
