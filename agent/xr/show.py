"""What ``show`` commands print, parsed into the types the models fill; what was not seen is None, never guessed."""

from __future__ import annotations

from datetime import datetime

from agent.model.certificate import Certificate
from agent.model.state import Licensing, PoolEntry, Software, TrustpointConfig


def certificates(text: str, trustpoint: str) -> Certificate | None:
    """The CA certificate of *trustpoint* in ``show crypto ca certificates [NAME]``; None: it shows none."""
    raise NotImplementedError


def printed_certificate(text: str) -> Certificate | None:
    """The certificate that ``crypto ca authenticate`` prints before it asks whether to accept; None: none complete."""
    raise NotImplementedError


def trustpool(text: str) -> tuple[PoolEntry, ...]:
    """Every certificate of ``show crypto ca trustpool``, with the heading it stands under."""
    raise NotImplementedError


def licensing(*texts: str) -> Licensing | None:
    """Licensing from ``show license status|all|summary`` (any of them, more is better); None: nothing was recognised."""
    raise NotImplementedError


def version(text: str) -> Software | None:
    """The release from ``show version``."""
    raise NotImplementedError


def fixes(text: str) -> frozenset[str]:
    """Defects (CSC…) named by active packages in ``show install active summary|verbose``, as SMU names carry them."""
    raise NotImplementedError


def trustpoint_config(text: str, name: str) -> TrustpointConfig | None:
    """Trustpoint *name* in ``show running-config [crypto ca trustpoint]`` or in CLI text of cli-cfg; None: not there."""
    raise NotImplementedError


def clock(text: str) -> datetime | None:
    """The time of ``show clock``, aware; None where the zone is not UTC or GMT, since other names are ambiguous."""
    raise NotImplementedError


def call_home_urls(text: str) -> tuple[str, ...]:
    """Every http(s) destination in ``show running-config call-home`` and ``show running-config license``."""
    raise NotImplementedError
