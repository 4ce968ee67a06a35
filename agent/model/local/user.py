"""Whose process this is, and the folder in which this user's state is kept."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from agent.model.errors import InputError

_names: dict[int, str] = {}


def user_name() -> str:
    """Who works in this process; a number where it has no name, as in a container.

    The system, which may look in a directory far away, is asked until it has said a name.
    """
    number = os.getuid()
    if number not in _names:
        try:
            _names[number] = pwd.getpwuid(number).pw_name
        except KeyError:
            return str(number)
    return _names[number]


def variables() -> dict[str, str]:
    """The variables of this process, also while another thread takes some of them away."""
    read = ((name, os.environ.get(name)) for name in list(os.environ))
    return {name: value for name, value in read if value is not None}


def state_folder() -> Path:
    """``xr-agent`` below $XDG_STATE_HOME, or below ~/.local/state where that is not an absolute path.

    Raises:
        InputError: the user has no home folder.
    """
    given = os.environ.get("XDG_STATE_HOME", "")
    if Path(given).is_absolute():
        return Path(given) / "xr-agent"
    try:
        return Path.home() / ".local" / "state" / "xr-agent"
    except RuntimeError as error:
        raise InputError("there is no home folder to keep state in", hint="set XDG_STATE_HOME") from error
