"""``xr-agent recording``: what is in a recording, for the eyes of whoever sends it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli import options

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agent.fleet.results.structs import Finding
    from agent.recording.events import Begin, End, Opened, Passed
    from agent.recording.reading import Recording

_LINE_END = re.compile(r"\r{1,3}\n|\n\r")
_BETWEEN_TAGS = re.compile(r"(?<=>)(?=<)")
_OPENS = re.compile(r"<[^/?!][^<]*(?<!/)>\s*\Z")

_NOT_ENDED = (
    "what is learned late was not replaced in what came early, and there is no list of the stand-ins: a name above may "
    "be one, and a real one may stand unseen"
)
_NOT_SANITISED = "it is not sanitised: names, addresses, serial numbers and the like are as they were"


@click.group("recording", short_help="Look into such a file.")
def command() -> None:
    """Look into a recording that xr-agent record or push --record made; no device is contacted."""


@options.command("show", "Print all that is in FILE.", "it was printed", of=command)
@click.argument("file", type=click.Path(path_type=Path))
@options.choice("--format form", "Text for the eye, or each event as a line of JSON.", "text", "jsonl", default="text")
@options.logging
def show(file: Path, form: str) -> None:
    """Print all that is in FILE, to be read before it is sent.

    Each event with its time in seconds, its session and who spoke; control characters are spelled out.
    """
    from agent.cli.view.streams import say_warning
    from agent.fleet.results import objects
    from agent.model.masking.redact import spelled
    from agent.recording.reading import read

    found = read(file)
    if form == "jsonl":
        for event in (found.begin, *found.events, *((found.end,) if found.end else ())):
            print(objects.dump(event, "jsonl"))
    else:
        for line in shown(found):
            print(spelled(line))
    if found.cut_off is not None:
        say_warning(f"{file}: {found.cut_off}")
    if not found.begin.sanitised:
        say_warning(f"{file}: {_NOT_SANITISED}")


@options.command("check", "Look in FILE for what is private.", "nothing was found", "something was", of=command)
@click.argument("file", type=click.Path(path_type=Path))
@options.choice(
    "--format form", "A table, an array of objects, or an object a line.", "table", "json", "jsonl", default="table"
)
@options.logging
def check(file: Path, form: str) -> None:
    """Look in FILE for what seems to be a secret, an address or a name of somebody, before it is sent.

    Each finding with the number of its event, which is the line of the file, and its line within. What it does not find
    may be there all the same. A file that is not ended, such as a .part, is a finding itself.
    """
    from agent.cli.view.output import emit_all
    from agent.cli.view.streams import say_warning
    from agent.fleet.results.structs import Finding
    from agent.model.pki.anchor import TrustAnchor
    from agent.recording.reading import read
    from agent.recording.suspicious import found_in

    found = read(file)
    findings = [
        Finding(event=one.event, line=one.line, what=one.what, text=one.text)
        for one in found_in(found, public=(TrustAnchor.bundled(),))
    ]
    if found.end is None:
        findings.append(Finding(event=len(found.events) + 1, line=1, what="not ended", text=_NOT_ENDED))
    emit_all(form, findings, lambda one: one, _findings)
    for said in filter(None, (found.cut_off, None if found.begin.sanitised else _NOT_SANITISED)):
        say_warning(f"{file}: {said}")
    click.get_current_context().exit(1 if findings else 0)


def _findings(found: Iterable[Finding]) -> Iterator[RenderableType]:
    from rich.text import Text

    from agent.cli.view.render import columns

    rows = [(str(one.event), str(one.line), one.what, one.text) for one in found]
    yield columns(("event", "line", "what", "text"), rows) if rows else Text("nothing was found")


def shown(found: Recording) -> Iterator[str]:
    """All of it as lines."""
    yield from _beginning(found.begin)
    ways: dict[int, str] = {}
    for event in found.events:
        yield from _event(event, ways)
    if found.cut_off is not None:
        yield f"cut off: {found.cut_off}"
    if found.end is not None:
        yield from _ending(found.end)


def _beginning(begin: Begin) -> Iterator[str]:
    sanitised = "sanitised" if begin.sanitised else "NOT SANITISED"
    yield f"recording of {begin.command}, version {begin.version}, made {begin.made} by {begin.by}, {sanitised}"
    if begin.source:
        yield f"  source {begin.source}"


def _ending(end: End) -> Iterator[str]:
    yield f"{end.at:11.6f} ended: {end.how.value}{f', {end.why}' if end.why else ''}"
    yield f"  release {end.release or 'unknown'}"
    for kind, number in end.replaced.items():
        yield f"  replaced {number} of {kind}: {', '.join(end.standins.get(kind, ()))}"


def _event(event: Passed, ways: dict[int, str]) -> Iterator[str]:
    from agent.recording.events import Closed, Files, Message, Opened

    if isinstance(event, Opened):
        ways[event.session] = event.way.value
    head = f"{event.at:11.6f} {event.session} {ways.get(event.session, 'unknown')}"
    match event:
        case Opened():
            lines = _opened(event)
            head += " opened" if event.failed is None else f" not opened: {event.failed}"
        case Message():
            head += f" {event.direction.value}"
            lines = list(_indented(event.text))
        case Files():
            head += f" {event.request} {event.path}, {event.took:.6f} s"
            lines = [f"refused: {event.refused} (code {event.code})"] if event.refused is not None else []
            lines += [f"{event.size} bytes"] if event.size is not None else []
            lines += [
                f"{one.name}{'/' if one.folder else ''} {'' if one.size is None else one.size}" for one in event.entries
            ]
        case Closed():
            head += " closed" if event.lost is None else f" lost: {event.lost}"
            lines = []
        case _:
            pieces = (
                f" in {len(event.pieces)} pieces, the first at {event.pieces[0][0]:.6f}"
                if len(event.pieces) > 1
                else ""
            )
            head += f" {event.direction.value}{pieces}"
            text = _LINE_END.sub("\n", event.data.decode("utf-8", "backslashreplace"))
            lines = text.removesuffix("\n").split("\n")
    yield head
    yield from (f"    {line}" for line in lines)


def _opened(event: Opened) -> list[str]:
    lists = (
        ("key exchange", event.kex),
        ("host key", event.host_algorithms),
        ("encryption", event.ciphers),
        ("MAC", event.macs),
        ("login", event.methods),
    )
    lines = [f"banner {line}" for line in event.banner]
    lines += [f"server {event.server}"] if event.server else []
    lines += [f"{name} {', '.join(names)}" for name, names in lists if names]
    return [*lines, f"host key shown {event.host_key}"] if event.host_key else lines


def _indented(text: str) -> Iterator[str]:
    """XML with a line for each tag, deeper where it is within another; what is none stays as it is."""
    depth = 0
    for line in _BETWEEN_TAGS.sub("\n", text).split("\n"):
        depth -= line.startswith("</")
        yield f"{'  ' * max(0, depth)}{line}"
        depth += _OPENS.match(line) is not None
