"""What the commands for one device share: printing a result, and reading the device for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from rich.console import RenderableType

from agent.cli import chosen, options
from agent.cli.signals import whole
from agent.cli.view.console import console, errors
from agent.cli.view.progress import Progress, say_wait
from agent.cli.view.render import anchor_lines
from agent.fleet.results import objects
from agent.model.device import Device, Secret
from agent.model.pki.anchor import TrustAnchor
from agent.netconf.retry import Policy
from agent.netconf.session import Session, connect
from agent.netconf.trace import Trace, TraceFile

if TYPE_CHECKING:
    from agent.xr.cli.sshport import Ssh


def emit(form: str, made: Callable[[], Any], view: Callable[[], RenderableType]) -> None:
    """Put one result on stdout, as an object or as a table."""
    if form == "table":
        console(sys.stdout).print(view())
    else:
        print(objects.dump(made(), form))


class Array:
    """A JSON array on stdout, written as its items come: none is kept, and it is whole however the command ends."""

    def __init__(self) -> None:
        self._begun = False

    def add(self, item: objects.Object) -> None:
        """One more, for the reader at once."""
        text = objects.dump(item, "json")
        with whole():
            print(",\n" if self._begun else "[\n", text, sep="", end="", flush=True)
            self._begun = True

    @property
    def closing(self) -> str:
        """What makes of it by now a whole array."""
        return "\n]" if self._begun else "[]"

    def end(self) -> None:
        """Nothing more comes."""
        print(self.closing, flush=True)


def say_anchor(anchor: TrustAnchor, *, bundled: bool) -> None:
    """The anchor with its fingerprints, on stderr."""
    errors().print(anchor_lines(anchor, bundled=bundled), soft_wrap=True)


@dataclass(frozen=True)
class Router:
    """The device of a command, and how its options let it be reached.

    ``ssh``: whether the CLI and SFTP may be opened; ``strict``: whether only models known exactly are used; ``trace``:
    who is told what passes; ``policy``: how it is waited for where it limits new sessions.
    """

    device: Device
    ssh: bool = True
    strict: bool = False
    trace: Trace | None = None
    policy: Policy = field(default_factory=Policy)

    @classmethod
    def of(cls, given: options.Options, token: Secret | None = None) -> Router:
        """As the options say; *token* is a further secret that shows in no trace. A trace ends with the command.

        Raises:
            InputError: as of :func:`agent.cli.chosen.device`; the trace cannot be written, or others could read it.
        """
        device, path, trace = chosen.device(given), given["trace"], None
        if path is not None:
            trace = TraceFile(path, device.secrets if token is None else (*device.secrets, token))
            click.get_current_context().with_resource(trace)
        return cls(
            device,
            ssh=not given["no_ssh"],
            strict=given["strict_models"],
            trace=trace,
            policy=Policy(deadline=given["connect_wait"], told=partial(say_wait, device.name)),
        )

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.device.name

    def connect(self, policy: Policy | None = None) -> Session:
        """A NETCONF session; waits and errors as of :func:`agent.netconf.session.connect`."""
        return connect(self.device, strict_models=self.strict, policy=policy, trace=self.trace)

    @contextmanager
    def shell(self) -> Iterator[Ssh | None]:
        """The CLI and SFTP, opened when first used and closed with the block; None where the user ruled them out."""
        if not self.ssh:
            yield None
            return
        from agent.xr.cli.sshport import Ssh

        with Ssh(self.device, self.policy, trace=self.trace) as ssh:
            yield ssh


@contextmanager
def session_to(router: Router, progress: Progress) -> Iterator[Session]:
    """A session that ends with the block, however that ends."""
    progress.say(router.name, f"connecting to {router.device.address}")
    with router.connect(router.policy) as session:
        progress.say(router.name, "reading")
        try:
            yield session
        finally:
            progress.finished(router.name)
