"""What goes to stderr: errors, logs and progress; and how wide and how colourful a stream is."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
import warnings
from datetime import UTC, datetime
from typing import TextIO

from rich.console import Console
from rich.text import Text

from agent.model.context import FIELDS, ContextFilter
from agent.model.errors import AgentError
from agent.model.masking.text import neutralise

_PLAIN_WIDTH = 120
# What these report as an error comes back as one of ours, with the device's name; their payload logging is at INFO.
_QUIET = {
    "paramiko": logging.CRITICAL,
    "ncclient": logging.WARNING,
    "asyncssh": logging.CRITICAL,
}


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave the BrokenPipeError to the command; rich would exit here, whichever stream it is."""
        raise  # noqa: PLE0704 - rich calls it where it has caught the error


def console(stream: TextIO) -> Console:
    """A console on *stream*: as wide as the terminal, or 120 columns without colour where it is none."""
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _PLAIN_WIDTH
    return _Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


def errors() -> Console:
    """The console on stderr; made at each call, since tests put another stream there."""
    return console(sys.stderr)


def say_failure(message: str, *, device: str | None = None, hint: str | None = None) -> None:
    """One red line on stderr, ``error: device: message``, and what to do next below it."""
    _say(Text(neutralise(f"error: {f'{device}: ' if device else ''}{message}"), style="bold red"), hint)


def say_warning(message: str, *, hint: str | None = None) -> None:
    """The same in yellow for what the command goes on without."""
    _say(Text(neutralise(f"warning: {message}"), style="yellow"), hint)


def _say(line: Text, hint: str | None) -> None:
    screen = errors()
    screen.print(line, soft_wrap=True)
    if hint:
        screen.print(Text(neutralise(f"  next: {hint}")), soft_wrap=True)


def say_traceback(error: AgentError) -> None:
    """The traceback of an expected error, for who asked for it."""
    print(neutralise("".join(traceback.format_exception(error)), lines=True), file=sys.stderr, end="")


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


class _Json(logging.Formatter):
    """One JSON object per record: time, level, logger, message; run, device, step and exception where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": neutralise(record.getMessage(), lines=True),
        }
        entry |= {name: neutralise(str(value)) for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            entry["exception"] = neutralise(self.formatException(record.exc_info), lines=True)
        return json.dumps(entry)


def start_logging(verbose: int, *, as_json: bool) -> None:
    """Log to stderr: warnings; with one *verbose* what the agent does, with two all that the libraries say as well."""
    handler = _Stderr()
    handler.addFilter(ContextFilter())
    handler.setFormatter(_Json() if as_json else _Lines("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old, _Stderr):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING if verbose < 2 else logging.DEBUG)
    logging.getLogger("agent").setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)])
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(logging.DEBUG if verbose >= 2 else level)
    # cryptography's, on a root that is in use: nothing that whoever runs this could do anything about.
    warnings.filterwarnings("ignore", message="Parsed a serial number which wasn't positive")
