"""One CLI session at a device, whatever mode it is in: what it says unasked, what it asks, how it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agent.simulator.cli.tty import Terminal
from agent.simulator.device.simdevice import Device
from agent.simulator.personas.persona import Noisy

Handler = Callable[..., "str | Awaitable[str | None] | None"]
"""What a command does: the text that it prints, if any."""


class Vty:
    """A session; ``name`` is how locks and commits have it."""

    def __init__(self, device: Device, terminal: Terminal, drop: Callable[[], None]) -> None:
        self.device, self.terminal, self._drop = device, terminal, drop
        self.ended = False
        device.last_session += 1
        self.name = f"cli-{device.last_session}"

    def logs(self, where: Noisy) -> str:
        """The log lines that come there."""
        persona = self.device.persona
        return "".join(f"{line}\n" for line in persona.logs) if where in persona.logs_at else ""

    async def ask(self, question: str) -> str:
        """The answer to *question*, which is noted."""
        answer = (await self.terminal.line(question, self.logs("question"))).strip()
        self.device.answers.append(answer)
        return answer

    async def rest(self, seconds: float) -> None:
        """Print nothing further for that long, by the clock of the datastores."""
        if seconds:
            self.terminal.flush()
            self.terminal.rests_until = self.device.config.clock() + seconds
            await self.device.pause(seconds)

    def leave(self) -> None:
        """End the connection without a word."""
        self.terminal.flush()
        self.ended = True
        self._drop()
