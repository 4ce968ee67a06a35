"""What a server wants to know at the login besides the password, asked of the person at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import click

from agent.model.device import Question
from agent.model.local.stdin import at_terminal
from agent.model.masking.text import neutralise


def asker(
    paused: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Callable[[Question], str | None] | None:
    """For ``Device.ask`` of the one router that a command is about; None where there is no terminal to ask on.

    Arguments:
        paused: keeps everything else off the terminal meanwhile.
    """
    if not (at_terminal() and sys.stderr.isatty()):
        return None

    def ask(question: Question) -> str | None:
        """The answer, typed unseen where the server wants it so.

        Raises:
            KeyboardInterrupt: the user interrupted, or there is nothing more to read.
        """
        text = neutralise(f"{question.device} asks: {question.text}")
        with paused():
            try:
                answer: str = click.prompt(
                    text, default="", show_default=False, hide_input=not question.echo, prompt_suffix=" ", err=True
                )
            except click.Abort:
                raise KeyboardInterrupt from None
        return answer

    return ask
