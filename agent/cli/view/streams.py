"""What goes to stderr: errors, logs and progress; and how wide and how colourful a stream is."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from agent.cli.stdio import structured
from agent.cli.stdio.quiet import quiet
from agent.cli.stdio.structured import NOTHING, About, JsonLines
from agent.model.errors import AgentError
from agent.model.masking.text import neutralise
from agent.model.telemetry.context import FIELDS, ContextFilter

_PLAIN_WIDTH = 120
_NO_TERMINAL: dict[str, Any] = {"force_terminal": False, "color_system": None}
QUIET = {
    "paramiko": logging.CRITICAL,
    "ncclient": logging.WARNING,
    "asyncssh": logging.CRITICAL,
}
"""Loggers and from which level on they are heard without ``-vv``: what they report as an error comes back as one of
ours, with the device's name; their payload logging is at INFO."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave the BrokenPipeError to the command; rich would exit here, whichever stream it is."""
        raise  # noqa: PLE0704 - rich calls it where it has caught the error


def console(stream: TextIO) -> Console:
    """A console on *stream*: as wide as the terminal, or 120 columns without colour where it is none."""
    if isinstance(stream, JsonLines):
        return _Console(file=stream, width=_PLAIN_WIDTH, markup=False, emoji=False, highlight=False, **_NO_TERMINAL)
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _PLAIN_WIDTH
    return _Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


def errors() -> Console:
    """The console on stderr; made at each call, since tests put another stream there."""
    return console(sys.stderr)


def progress() -> Console:
    """The same for what only tells how the work goes; ``--quiet`` leaves it out."""
    return _Console(file=sys.stderr, quiet=True, **_NO_TERMINAL) if quiet() else errors()


def tell(screen: Console, line: Text, *, level: str = "info", whole: bool = True, about: About = NOTHING) -> None:
    """Print a *line* on a console of stderr, and as an object with all that it is *about* where objects are wanted.

    Arguments:
        whole: the line is never broken, also where a terminal is narrower.
    """
    if not isinstance(screen.file, JsonLines):
        screen.print(line, soft_wrap=whole)
    elif not screen.quiet:
        screen.file.say(level, line.plain, about)


def say_failure(message: str, *, device: str | None = None, hint: str | None = None) -> None:
    """One red line on stderr, ``error: device: message``, and what to do next below it."""
    _say("error", "bold red", message, device, hint)


def say_warning(message: str, *, device: str | None = None, hint: str | None = None) -> None:
    """The same in yellow for what the command goes on without."""
    _say("warning", "yellow", message, device, hint)


def _say(level: str, style: str, message: str, device: str | None, hint: str | None) -> None:
    if isinstance(sys.stderr, JsonLines):
        sys.stderr.say(level, message, {"device": device, "next": hint})
        return
    screen = errors()
    screen.print(Text(neutralise(f"{level}: {f'{device}: ' if device else ''}{message}"), style=style), soft_wrap=True)
    if hint:
        screen.print(Text(neutralise(f"  next: {hint}")), soft_wrap=True)


def say_traceback(error: AgentError) -> None:
    """The traceback of an expected error, for who asked for it."""
    text = neutralise("".join(traceback.format_exception(error)), lines=True)
    if isinstance(sys.stderr, JsonLines):
        sys.stderr.say("error", error.message, {"device": error.device, "exception": text})
    else:
        print(text, file=sys.stderr, end="")


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what ``sys.stderr`` is at that moment: a running spinner puts itself in its place."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _Lines(logging.Formatter):
    """One neutralised line per record."""

    def format(self, record: logging.LogRecord) -> str:
        return neutralise(super().format(record), lines=record.exc_info is not None)


class _Objects(_Stderr):
    """Writes each record as an object: run, device, step and exception are members where there are such."""

    def emit(self, record: logging.LogRecord) -> None:
        more: dict[str, str | None] = {
            name: str(value) for name in FIELDS if (value := getattr(record, name, None)) is not None
        }
        if record.exc_info:
            more["exception"] = _Lines().formatException(record.exc_info)
        level = record.levelname.lower()
        if isinstance(sys.stderr, JsonLines):
            sys.stderr.say(level, record.getMessage(), more, logger=record.name, time=record.created)


def start_logging(verbose: int, *, as_json: bool) -> None:
    """Log to stderr: warnings; with one *verbose* what the agent does, with two all that the libraries say as well."""
    if as_json:
        structured.begin()
    made_objects = isinstance(sys.stderr, JsonLines)
    handler = _Objects() if made_objects else _Stderr()
    handler.addFilter(ContextFilter())
    handler.setFormatter(_Lines("%(levelname)s %(name)s: %(message)s"))
    logging.captureWarnings(made_objects)
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old, _Stderr):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING if verbose < 2 else logging.DEBUG)
    logging.getLogger("agent").setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)])
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(logging.DEBUG if verbose >= 2 else level)
    # cryptography's, on a root that is in use: nothing that whoever runs this could do anything about.
    warnings.filterwarnings("ignore", message="Parsed a serial number which wasn't positive")
