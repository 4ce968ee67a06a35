"""An error as a log may have it: its type and its traceback, not its text, which may quote a secret."""

from __future__ import annotations

from agent.model.errors import AgentError


class Textless(Exception):
    """Stands for an error in a log record."""


def textless(error: BaseException) -> Textless:
    """What ``exc_info`` of a log record gets in place of *error*, of which nothing else is kept.

    An error of our own tree keeps its message, which has no secret; what it was raised from is left out as well.
    """
    kind = type(error).__name__
    said = Textless(f"{kind}: {error.message}" if isinstance(error, AgentError) else kind)
    return said.with_traceback(error.__traceback__)
