"""``python -m scripts.recordings``: add a recording to the corpus, or write down anew what is expected of it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from agent.model.errors import InputError
from scripts.recordings import corpus


@click.group()
def main() -> None:
    """The corpus of recordings in tests/recordings."""


@main.command("add")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", help="Its name in the corpus [default: the file's].")
@click.option("--source", default="", help="Where it is from, in a sentence [default: as the file says].")
def _add(path: Path, name: str | None, source: str) -> None:
    """Put a recording that was sanitised into the corpus, with what show, assess and plan say of it today."""
    name = name or path.name.partition(".")[0]
    corpus.add(path, name, source)
    click.echo(f"{corpus.recording(name)}\n{corpus.expected(name)}: look whether that is right")


@main.command("expect")
@click.argument("names", nargs=-1)
def _expect(names: tuple[str, ...]) -> None:
    """Write down what the commands say today of the recordings NAMES, or of all: look at the difference."""
    for name in names or corpus.names():
        corpus.expect(name)


@main.command("make")
@click.argument("names", nargs=-1)
def _make(names: tuple[str, ...]) -> None:
    """Record the simulator's recordings NAMES anew, or all of them; what was changed by hand in them is as well."""
    from scripts.recordings.simulated import MADE, make

    for name in names or MADE:
        make(name)
        corpus.expect(name)


if __name__ == "__main__":
    try:
        main(standalone_mode=True)
    except InputError as error:
        sys.exit(f"error: {error.message}; next: {error.hint}")
