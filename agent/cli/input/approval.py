"""``plan --out`` and ``push --plan``: what options, inventory and a plan file have to do with each other."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource as Source

from agent.cli.usage.given import Options, source
from agent.cli.view.render import some
from agent.cli.view.streams import console, errors, progress, say_failure, say_warning
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.planfile.content import Collected, PlanFile
from agent.fleet.planfile.loading import AGAIN, expected, load
from agent.fleet.report import place
from agent.fleet.results.objects import anchor_object
from agent.fleet.results.planned import Approved, Planned
from agent.fleet.results.record import DeviceRecord, RunState
from agent.fleet.results.structs import Plan, Skip
from agent.model.address import Endpoint
from agent.model.caution import Caution
from agent.model.errors import InputError
from agent.model.masking.text import counted
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle
from agent.model.plan import Intent, following

_LEAVE_OUT = "leave it out, since the plan file has it; or plan again"
_SAME = (
    *("trustpoint", "enrollment_url", "bundle_url", "pem_url", "fetch_vrf", "clean", "replace", "discard_foreign"),
    *("contact_wait", "strict_models"),
)
"""The options that a file has under their own names."""


@dataclass
class Approval:
    """The plan file that a run goes by.

    Attributes:
        sha256: of its bytes, lower-case hex.
        further: the routers that were chosen and that it has not, once its :meth:`targets` were asked for.
    """

    path: Path
    sha256: str
    file: PlanFile
    replan: bool
    further: Sequence[str] = ()

    @classmethod
    def given(cls, given: Options) -> Approval | None:
        """The file of ``--plan``, its options not contradicted by others; None without that option.

        Raises:
            InputError: it cannot be used, or what was given beside it says otherwise.
        """
        path, sha256, replan = given.get("plan"), given.get("sha256"), bool(given.get("replan"))
        if path is None:
            if sha256 is not None or replan:
                name = "--sha256" if sha256 is not None else "--replan"
                raise InputError(f"{name} is for a push by a plan file", hint="name that with --plan FILE")
            return None
        if given.get("replay") is not None:
            raise InputError("a recording is no router that a plan file names", hint="leave --replay or --plan out")
        if sha256 is not None:
            expected(sha256)
        file, found = load(path, sha256)
        approval = cls(path, found, file, replan)
        approval._see_options(given)
        approval._see_files(given)
        return approval

    def _options(self) -> Options:
        """The options of the plan as the command line has them, but for the files, whose content the plan has."""
        options = self.file.options
        return {
            **{name: getattr(options, name) for name in _SAME},
            "method": options.method.value,
            "storage": options.storage.value,
            "then": "trustpool" if options.then_trustpool else None,
            "no_renew": not options.renew,
            "no_ssh": not options.ssh,
        }

    def options(self, given: Options) -> Options:
        """*given* with the plan's options in their places."""
        return {**given, **self._options()}

    def _see_options(self, given: Options) -> None:
        for name, planned in self._options().items():
            if source(name) is not Source.DEFAULT and given[name] != planned:
                said = "without it" if planned is None or planned is False else f"with {planned}"
                raise InputError(f"{_flag(name)} contradicts the plan, which was made {said}", hint=_LEAVE_OUT)
        uses = any(given.get(f"register_token_{where}") for where in ("file", "env", "exec"))
        if uses and not self.file.options.register:
            raise InputError("the plan registers no router, and a token is given", hint="leave the token out")
        if self.file.options.register and not uses:
            said = "the plan registers routers by a token, which is in no file"
            raise InputError(said, hint="give it with --register-token-file, -env or -exec")

    def _see_files(self, given: Options) -> None:
        anchor: Path | None = given["anchor"]
        if anchor is not None and TrustAnchor.from_file(anchor).sha256 != self.file.root.sha256:
            raise InputError("--anchor is another root than the plan's", hint=_LEAVE_OUT)
        bundle: Path | None = given["bundle"]
        if bundle is not None:
            found = hashlib.sha256(Bundle.from_file(bundle).data).hexdigest()
            if self.file.bundle is None or found != self.file.bundle.sha256:
                raise InputError("--bundle is another file than the plan's", hint=_LEAVE_OUT)

    def intent(self, caution: Caution) -> Intent:
        """What the plan wants of every router, to be done with *caution*.

        Raises:
            InputError: what the file says cannot be used.
        """
        try:
            return self.file.intent(caution)
        except ValueError as error:
            raise InputError(f"{self.path}: it was edited after it was planned: {error}", hint=AGAIN) from error

    def targets(self, found: Sequence[Target], chosen: Sequence[Target]) -> list[Target]:
        """The routers of the plan that are *chosen* among those *found* in the inventory, in the plan's order.

        Raises:
            InputError: the inventory lacks some of the plan's, or says otherwise what is wanted of one, or none is
                left.
        """
        approved = self.file.approved(replan=self.replan)
        gone = sorted(approved.keys() - {target.name for target in found})
        if gone:
            said = f"{counted(len(gone), 'router')} of the plan not in the inventory: {some(gone)}"
            raise InputError(said, hint="give the inventory by which it was planned, or plan again")
        self.further = [target.name for target in chosen if target.name not in approved]
        by_name = {target.name: target for target in chosen}
        kept = [_approved(by_name[name], one) for name, one in approved.items() if name in by_name]
        if not kept:
            raise InputError("none of the routers chosen is in the plan", hint="see --limit, --group and --where")
        return kept

    @property
    def named(self) -> str:
        """The file as prompts call it."""
        return f"the plan with SHA-256 {self.sha256}"

    def say(self, targets: Sequence[Target], reach: Reach) -> None:
        """What to know on stderr ahead of a push to *targets*."""
        routers = counted(len(self.file.routers), "router")
        screen = progress()
        screen.print(f"plan {self.path}: SHA-256 {self.sha256}, {routers}", soft_wrap=True)
        chosen, planned = {target.name for target in targets}, {one.device: one for one in self.file.routers}
        moved = [one.name for one in targets if planned[one.name].address not in (None, _address(one, reach))]
        for names, said in (
            (self.further, "of the inventory not in the plan, left alone"),
            ([name for name in planned if name not in chosen], "of the plan not chosen, left alone"),
        ):
            if names:
                screen.print(f"{counted(len(names), 'router')} {said}: {some(names)}", soft_wrap=True)
        if moved:
            say_warning(f"{counted(len(moved), 'router')} reached at another address than when planned: {some(moved)}")

    def records(self, targets: Sequence[Target]) -> Iterator[DeviceRecord]:
        """What it says of *targets*, as a plan run would have kept it."""
        anchor = anchor_object(TrustAnchor.from_pem(self.file.root.pem))
        planned = {one.device: one for one in self.file.routers}
        for one in (planned[target.name] for target in targets):
            yield DeviceRecord(device=one.device, word=one.result, address=one.address, plain=_plan(one, anchor))


def same_plan(began: str | None, given: Options) -> str | None:
    """The SHA-256 of the plan file by which a run goes on that *began* by one of that, or by none.

    Raises:
        InputError: the options name another.
    """
    again: str | None = given["sha256"]
    if began is None and (given["plan"] is not None or again is not None):
        raise InputError("the run was begun without a plan file", hint="leave --plan out, or begin a new run by it")
    if began is not None and again is not None and expected(again) != began:
        raise InputError(f"the run was begun by the plan file with SHA-256 {began}", hint="leave --sha256 out")
    return began


def write(path: Path, collected: Collected, form: str, state: RunState) -> None:
    """Write the plan file of a run, and say its SHA-256: behind a table on stdout, else on stderr.

    A run that did not go through all of its routers has no plan file, which would pass for a whole one.

    Raises:
        FileError: it cannot be written.
    """
    if state is not RunState.DONE:
        why = "not every plan could be kept" if state is RunState.LOST else "not every router was planned"
        say_failure(f"the plan file {path} was not written: {why}", hint="plan again")
        return
    text = collected.file().text
    place.write(path, "plan file", lambda out: out.write(text), hint="make room, and plan again")
    screen = console(sys.stdout) if form == "table" else errors()
    found = hashlib.sha256(text.encode("ascii")).hexdigest()
    screen.print(f"plan file {path}: SHA-256 {found}", soft_wrap=True)


def _plan(one: Planned, anchor: Any) -> Plan:
    about = {"device": one.device, "address": one.address, "release": one.release, "anchor": anchor}
    if one.result == "failed":
        return Plan(**about, error=one.error)
    if one.error is not None:
        return Plan(**about, skip=Skip(one.error.message, one.error.hint))
    return Plan(
        **about,
        changes=one.result == "planned",
        method=one.method,
        config_model=one.config_model,
        fallbacks=one.fallbacks,
        diff=(*one.steps, *following(one.fallbacks)),
    )


def _approved(target: Target, approved: Approved) -> Target:
    """*target* as it was planned.

    Raises:
        InputError: its own entry says otherwise by now what is wanted of it.
    """
    one = approved.planned
    for what, says, planned in (
        ("trustpoint", target.trustpoint, one.trustpoint),
        ("method", target.method and target.method.value, one.asked.value),
    ):
        if says not in (None, planned):
            said = f"its entry has {what} {says}, and it was planned with {planned}"
            raise InputError(said, device=target.name, hint="plan again, or restore the entry")
    return replace(target, trustpoint=one.trustpoint, method=one.asked, approved=approved)


def _address(target: Target, reach: Reach) -> str:
    return str(Endpoint(target.host, port=target.reach(reach).port))


def _flag(name: str) -> str:
    """The option *name* as it is typed."""
    command = click.get_current_context().command
    return next((one.opts[0] for one in command.params if one.name == name), f"--{name.replace('_', '-')}")
