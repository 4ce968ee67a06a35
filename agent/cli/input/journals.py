"""Journals that come from somebody else, and go to them: ``history export`` and ``history import``."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import click

from agent.cli.view.streams import progress, say_failure, say_warning
from agent.fleet.journal.store import Journal
from agent.model.errors import InputError
from agent.model.local.stdin import standard_input
from agent.model.masking.text import counted

_STANDARD = Path("-")


def export_to(file: Path, runs: tuple[str, ...], journal: Path | None) -> None:
    """Write *runs*, or all, of the journal to the new *file*, which only its owner may read.

    Raises:
        InputError: the journal cannot be read or has no such run, or the file is there or cannot be written.
    """
    with Journal.open(journal, create=False) as opened, _fresh(file) as out:
        told, under_way = opened.export(out, runs)
    for run in under_way:
        say_warning(f"run {run} is under way, and left out", hint="export it when it has ended")
    progress().print(f"{counted(len(told), 'run')} exported to {_named(file, 'stdout')}", soft_wrap=True)


def import_from(file: Path, journal: Path | None) -> None:
    """Bring the runs of *file* into the journal; the command ends with 1 where one is there with other content.

    Raises:
        InputError: the file cannot be read, or is no whole export that this version knows; nothing was brought.
    """
    named = _named(file, "stdin")
    with ExitStack() as stack:
        try:
            source = standard_input() if file == _STANDARD else stack.enter_context(file.open("rb"))
        except OSError as error:
            raise InputError(f"{named}: {error.strerror or error}", hint="name a file of history export") from error
        brought = stack.enter_context(Journal.open(journal)).bring(source, named)
    known = f", {len(brought.known)} known already" if brought.known else ""
    progress().print(f"{counted(len(brought.new), 'run')} imported from {named}{known}", soft_wrap=True)
    for run in brought.other:
        hint = "one of the two was resumed or changed since: look at both, with --journal FILE for another journal"
        say_failure(f"run {run} is here with other content, and stays as it is here", hint=hint)
    if brought.other:
        click.get_current_context().exit(1)


def _named(file: Path, standard: str) -> str:
    return standard if file == _STANDARD else str(file)


@contextmanager
def _fresh(file: Path) -> Iterator[IO[bytes]]:
    """*file* to be written, gone again where that fails.

    Raises:
        InputError: it is there already, or cannot be written.
    """
    if file == _STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise InputError(f"{file} is there already", hint="name a new file") from error
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}", hint="name a new file in a folder of yours") from error
    with ExitStack() as undo:
        undo.callback(file.unlink, missing_ok=True)
        try:
            with os.fdopen(descriptor, "wb") as plain, _packed(plain, file) as out:
                yield out
        except OSError as error:
            raise InputError(f"{file} was not written: {error.strerror or error}", hint="make room") from error
        undo.pop_all()


@contextmanager
def _packed(plain: IO[bytes], file: Path) -> Iterator[IO[bytes]]:
    if file.suffix != ".gz":
        yield plain
        return
    with gzip.GzipFile(fileobj=plain, mode="wb") as packed:
        yield packed  # type: ignore[misc]
