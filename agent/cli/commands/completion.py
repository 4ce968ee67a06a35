"""``xr-agent completion``: what a shell has to run to complete the command's words."""

from __future__ import annotations

import click

from agent.cli import options

_VARIABLE = "_XR_AGENT_COMPLETE"
"""By which click is asked what the words may go on with."""


@options.command("completion", "Print the script by which a shell completes.", "the script was printed")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def command(shell: str) -> None:
    """Print what SHELL has to run to complete commands, options, files, runs, and the inventory's routers and groups.

    \b
    bash  xr-agent completion bash > ~/.local/share/bash-completion/completions/xr-agent
    zsh   xr-agent completion zsh > a file _xr-agent in a folder of $fpath
    fish  xr-agent completion fish > ~/.config/fish/completions/xr-agent.fish
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    if made is None:
        raise AssertionError("click completes for each of them")
    root = click.get_current_context().find_root()
    # Its source() would start the bash at hand and warn of its age; the script is for the one that reads it.
    script = made(root.command, {}, "xr-agent", _VARIABLE)
    click.echo(script.source_template % script.source_vars())
