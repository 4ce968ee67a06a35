"""What the templates of ``templates/`` want to be told, read off their text."""

from __future__ import annotations

import re

from agent.model.local.resources import directory


def placeholders(name: str) -> dict[str, bool]:
    """The words that a template wants values for, and whether each is a switch (``xr:if``)."""
    text = (directory("templates") / f"{name}.xml").read_text(encoding="utf-8")
    switches = re.findall(r'xr:if="([a-z_]+)"', text)
    return dict.fromkeys(re.findall(r"\{\{\s*([a-z_]+)\s*\}\}", text), False) | dict.fromkeys(switches, True)
