"""``xr-agent``: the commands, loaded when they are called, and the one place where errors become exit codes.

Exit codes: 0 all well; 1 a device failed, was skipped, is unknown or affected, or a watch timed out; 2 a wrong option,
file or PEM; 130 interrupted. A bug keeps its traceback.
"""

from __future__ import annotations

import importlib
import itertools
import os
import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import click

import agent
from agent.cli.stdio import plain, unread

if TYPE_CHECKING:
    from agent.model.errors import AgentError, FileError

_SECTIONS = {
    "Routers": ("show", "check", "assess", "plan", "push", "poll", "history"),
    "Without a router": ("support", "notice"),
    "Recordings": ("record", "recording"),
    "To try it": ("simulate", "demo"),
    "This machine": ("completion",),
}
_COMMANDS = tuple(name for names in _SECTIONS.values() for name in names)


class Program(click.Group):
    """The command group: imports a command's module when it is called, and ends every error in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands in the order in which they are used."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the same
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"agent.cli.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by what they are for."""
        width = max(map(len, _COMMANDS))
        for title, names in _SECTIONS.items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            limit = formatter.width - 6 - width
            rows = [(name.ljust(width), one.get_short_help_str(limit)) for name, one in found if one is not None]
            with formatter.section(title):
                formatter.write_dl(rows)

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> NoReturn:
        """Run and exit; click's own handling is used for nothing but parsing."""
        extra["standalone_mode"] = False
        words = sys.argv[1:] if args is None else list(args)
        if "--log-json" in itertools.takewhile(lambda word: word != "--", words):  # wrong usage is said so as well
            from agent.cli.stdio import structured

            structured.begin()
        try:
            code = super().main(words, prog_name, **extra)
            sys.stdout.flush()
        except click.ClickException as error:
            code = _usage(error)
        except click.Abort:
            code = _interrupted("interrupted; nothing was begun")
        except BrokenPipeError:
            code = _unread()
        except _file_error() as error:  # of help, or of what was buffered to the end
            code = _failed(error)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; expected errors and interrupts end it with their exit code."""
        from agent.cli.signals import Interrupted, orderly
        from agent.model.errors import AgentError, InputError

        try:
            with orderly():
                return super().invoke(ctx)
        except Interrupted as error:
            ctx.exit(_interrupted(str(error)))
        except KeyboardInterrupt:
            ctx.exit(_interrupted("interrupted; nothing is locked"))
        except BrokenPipeError:
            ctx.exit(_unread())
        except AgentError as error:
            from agent.cli.options import DEBUG
            from agent.cli.view.streams import say_traceback

            if ctx.meta.get(DEBUG):
                say_traceback(error)
            code = _failed(error)
            ctx.exit(2 if isinstance(error, InputError) else code)


def _file_error() -> type[FileError]:
    """Imported once something failed: what only tells its version is done before errors are there."""
    from agent.model.errors import FileError

    return FileError


def _usage(error: click.ClickException) -> int:
    from agent.cli.view.streams import say_failure

    ctx = getattr(error, "ctx", None)
    if ctx is not None and type(error).__name__ == "NoArgsIsHelpError":  # of click 8.2 and later
        click.echo(ctx.get_help(), err=True)
        return 2
    path = ctx.command_path if ctx is not None else "xr-agent"
    say_failure(error.format_message().rstrip("."), hint=f"{path} --help")
    return 2


def _failed(error: AgentError) -> int:
    from agent.cli.view.streams import say_failure

    say_failure(error.message, device=error.device, hint=error.hint)
    return 1


def _interrupted(text: str) -> int:
    from agent.cli.signals import last_said

    last_said(text)
    return 130


def _unread() -> int:
    """Nobody reads stdout any more: say nothing, and keep the interpreter from flushing into the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


@click.command(
    cls=Program,
    name="xr-agent",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 all well, 1 a device needs a look, 2 wrong usage or input, 130 interrupted.",
)
@click.version_option(agent.__version__, "-V", "--version", message="xr-agent %(version)s")
def program() -> None:
    """Give IOS XR routers the root certificate they need, over NETCONF and YANG, with proof."""


def _bug(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Show the traceback of a bug as Python does, but what it quotes of a device acts on no terminal."""
    import traceback

    from agent.cli.stdio.structured import JsonLines
    from agent.model.masking.text import neutralise

    text = neutralise("".join(traceback.format_exception(kind, error, trace)), lines=True)
    if isinstance(sys.stderr, JsonLines):
        sys.stderr.say("critical", f"{kind.__name__}: {error}", {"exception": text})
    else:
        print(text, file=sys.stderr, end="")


def _bug_in_a_thread(bug: threading.ExceptHookArgs) -> None:
    if bug.exc_type is not SystemExit:  # by which a thread may end, as Python sees it
        _bug(bug.exc_type, bug.exc_value, bug.exc_traceback)


def main() -> NoReturn:
    unread.outlive_closed()
    plain.register()
    unread.tell_of_stdout()
    unread.outlive_stderr()
    sys.excepthook = _bug
    threading.excepthook = _bug_in_a_thread
    program.main(prog_name="xr-agent")


if __name__ == "__main__":
    main()
