"""What a field notice says, for its author."""

from __future__ import annotations

from datetime import datetime

from rich.console import RenderableType

from agent.cli.view.render import cell, grid
from agent.remedy.notices.notice import Notice


def notice_view(notice: Notice, now: datetime) -> RenderableType:
    """Its root and whether that is valid at *now* (aware), its servers, what it says of releases, and of logs."""
    root = notice.root
    expired = "" if not root.expired(now) else ", not valid today"
    servers = [f"{host}, changed on {day:%Y-%m-%d}" for host, day in notice.servers.items()]
    listed = "all that are not fixed" if notice.affected is None else f"{len(notice.affected)} releases"
    fixed = [*sorted(notice.first_fixed), *([f"all from {notice.fixed_since} on"] if notice.fixed_since else [])]
    rows = [
        ("root", f"{root.name}, {root.not_before:%Y-%m-%d} to {root.not_after:%Y-%m-%d}{expired}"),
        ("SHA-256", root.sha256),
        *(("server", server) for server in servers),
        ("affected", f"{listed}, from line {'.'.join(map(str, notice.oldest))} on"),
        ("fixed", ", ".join(fixed) or "no release"),
        ("fixes", ", ".join(sorted(notice.fixes)) or "none"),
        *((name.replace("_", " "), f"after {days} days without a contact") for name, days in notice.deadlines.items()),
        *(("log", text) for text in notice.signatures.described()),
    ]
    if notice.piling_up is not None:
        rows.append(("piling up", notice.piling_up.effect))
    return grid(rows, title=cell(notice.name, "bold"))
