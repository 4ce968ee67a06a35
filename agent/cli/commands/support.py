"""``xr-agent support``: what each release and platform allows, or what captured hello messages announce."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli import options

if TYPE_CHECKING:
    from agent.model.state import Access


@options.command(
    "support",
    "Say what releases and platforms allow.",
    "each allows something",
    "one announces nothing, or its hello cannot be read",
)
@options.option("--release", "Only this release, e.g. 7.3.2.", metavar="R")
@options.option("--platform", "Only this platform, e.g. asr9k-x64.", metavar="P")
@options.flag("--hello", "Read captured <hello> messages from the FILEs, - for stdin.")
@options.flag("--strict-models", "Use no model whose revision is not known exactly.")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path, allow_dash=True))
@options.output
def command(
    form: str, release: str | None, platform: str | None, hello: bool, strict_models: bool, files: tuple[Path, ...]
) -> None:
    """Say by which model, which methods and with what evidence a device can be given its root.

    Without files: every release and platform whose hello was captured. No device is contacted.
    """
    if bool(files) != hello or (hello and (release or platform)):
        raise click.UsageError("give --hello with FILEs, or --release and --platform", ctx=click.get_current_context())
    from agent.cli.view import render
    from agent.cli.view.output import emit_all
    from agent.fleet.results import objects
    from agent.remedy.support import kinds

    found: list[tuple[str, Access | str]]
    if hello:
        found = list(_captured(files, strict_models))
    else:
        found = [(", ".join(kind.devices), kind.access) for kind in kinds(release, platform, strict=strict_models)]
    emit_all(form, found, lambda one: objects.support_object(*one), lambda found: (render.support_view(found),))
    if any(isinstance(allowed, str) or not allowed.methods for _, allowed in found):
        click.get_current_context().exit(1)


def _captured(files: tuple[Path, ...], strict: bool) -> Iterator[tuple[str, Access | str]]:
    """One row for each file; a file that cannot be used has its reason there, and the others still count.

    Raises:
        InputError: the only file cannot be read.
    """
    from agent.model.errors import AgentError, InputError
    from agent.remedy.support import of_hello

    for path in files:
        try:
            yield str(path), of_hello(_read(path), strict=strict)
        except InputError as error:
            if len(files) == 1:
                raise
            yield str(path), f"it cannot be read: {error.message.removeprefix(f'{path}: ')}"
        except AgentError as error:
            yield str(path), f"it is no captured hello: {error.message}"


def _read(path: Path) -> bytes:
    from agent.model.local.files import read_start
    from agent.model.local.stdin import standard_input
    from agent.remedy.support import LARGEST

    return standard_input().read(LARGEST + 1) if str(path) == "-" else read_start(path, LARGEST + 1)
