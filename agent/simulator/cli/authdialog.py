"""``crypto ca authenticate``: the questions it asks, in the variants there are, and the ways in which it goes wrong.

``plain`` asks for the PEM and whether the certificate is accepted; ``confirm`` asks first whether one is sure;
``late`` asks that after the certificate was accepted; ``already`` asks whether a certificate that is there shall be
replaced; ``unknown`` asks something that no guide mentions. The words of ``plain`` and ``confirm`` are as in
Cisco's community document 4572533 (H6); which release asks what is not known (H7), and the other variants are made up.

``dialog_breaks`` is how (``drop`` the connection, ``error`` and the prompt, ``hang``) and when: at the ``begin``, when
the PEM was ``pasted``, when the certificate was ``accepted`` and is not yet installed, when it was ``installed``.
"""

from __future__ import annotations

from agent.model.errors import InputError
from agent.model.pki.anchor import TrustAnchor
from agent.simulator.cli.printed import certificate
from agent.simulator.cli.vty import Vty
from agent.simulator.datastores import trustpoints
from agent.simulator.device import actions

_PASTE = 'Enter the base 64 encoded certificate.\nEnd with a blank line or the word "quit" on a line by itself\n\n'
_ACCEPT = "Do you accept this certificate? [yes/no]: "
_SURE = "Are you sure you want to do this? [yes/no]: "
_REPLACE = "Do you want to overwrite/replace it? [yes/no]: "
_ODD = "Keep a copy in nvram: as well? [y/n]: "


class _Broken(Exception):
    """The dialog ends here, as the persona says."""


async def authenticate(vty: Vty, name: str) -> str | None:
    """The whole dialog; what is printed at its end."""
    found = trustpoints.read(vty.device.config.running).get(name)
    if found is None:
        return f"% Trustpoint not found: {name}"
    if found.enrollment is None or found.enrollment == "local":
        return "% Enrollment is neither terminal nor a URL for this trustpoint"
    try:
        return await _Dialog(vty, name).hold(found.enrollment)
    except _Broken:
        return None


class _Dialog:
    def __init__(self, vty: Vty, name: str) -> None:
        self._vty, self._name = vty, name
        self._device, self._persona, self._terminal = vty.device, vty.device.persona, vty.terminal

    async def hold(self, enrollment: str) -> str | None:
        await self._break("begin")
        if not await self._begin():
            return None
        if enrollment == "terminal":
            self._terminal.write(_PASTE + self._vty.logs("question"))
            pem = await self._paste()
        else:
            pem = await actions.fetch_certificate(enrollment)
        await self._break("pasted")
        try:
            anchor = TrustAnchor.from_pem(pem)
        except InputError:
            return "% Failed to parse the certificate"
        self._print(anchor)
        if not await self._accepted():
            return "% The certificate was not accepted"
        await self._break("accepted")
        await self._vty.rest(self._device.draw("authenticate"))
        self._device.state.install(self._name, anchor.pem, enrollment)
        await self._break("installed")
        return None

    async def _begin(self) -> bool:
        if self._persona.dialog == "confirm":
            return await self._agrees(_SURE)
        if self._persona.dialog == "already" and self._name in self._device.state.certificates:
            self._terminal.write(f"% The CA certificate for trustpoint {self._name} already exists;\n")
            return await self._agrees(_REPLACE)
        return True

    async def _accepted(self) -> bool:
        if self._persona.dialog == "unknown":
            await self._agrees(_ODD)
        if not await self._agrees(_ACCEPT):
            return False
        return self._persona.dialog != "late" or await self._agrees(_SURE)

    async def _paste(self) -> str:
        """Lines until ``quit`` or a blank one; blank lines before the first are nothing."""
        lines: list[str] = []
        while True:
            line = (await self._terminal.line()).strip()
            if line == "quit" or (not line and lines):
                return "\n".join(lines)
            lines += [line] if line else []

    def _print(self, anchor: TrustAnchor) -> None:
        other = self._persona.dialog_shows
        shown = TrustAnchor.from_pem(other) if other else anchor
        lines = certificate(shown, self._persona.print_style, self._persona.dialog_fingerprint)
        self._terminal.write("\n".join(lines) + "\n\n")

    async def _agrees(self, question: str) -> bool:
        while True:
            answer = (await self._vty.ask(question)).lower()
            if answer in ("yes", "y"):
                return True
            if answer in ("no", "n"):
                return False
            self._terminal.write("% Please answer 'yes' or 'no'.\n")

    async def _break(self, when: str) -> None:
        how, planned = self._persona.dialog_breaks or ("", "")
        if planned != when:
            return
        if how == "drop":
            self._vty.leave()
        elif how == "hang":
            await self._terminal.hang()
        else:
            self._terminal.write("% Operation failed\n")
        raise _Broken
