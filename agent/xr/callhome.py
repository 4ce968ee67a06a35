"""Call Home as the router uses it: where its profiles send licensing data, by model and by CLI text.

Only profiles count that are active and report licensing data, and of their addresses the enabled ones. The built-in
profile CiscoTAC-1 reports licensing data unless told otherwise and prints no address while it has its own; a profile of
the user's reports it only where its configuration says so. YANG path: ``/call-home/profiles/profile`` (call-home-cfg).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from agent.xr.tree import Tree, entries, text, walk

BUILT_IN = "CiscoTAC-1"
DEFAULT_ADDRESS = "https://tools.cisco.com/its/service/oddce/services/DDCEService"


@dataclass
class Profile:
    """One destination profile; None where its configuration does not say.

    Attributes:
        reports: whether it reports licensing data.
        http: whether its messages go over HTTP.
        addresses: its HTTP addresses, and whether each is enabled.
    """

    name: str
    active: bool = False
    reports: bool | None = None
    http: bool | None = None
    addresses: dict[str, bool] = field(default_factory=dict)

    @property
    def built_in(self) -> bool:
        """Whether it is CiscoTAC-1, which is there unless it is configured otherwise."""
        return self.name.casefold() == BUILT_IN.casefold()

    def destinations(self) -> list[str]:
        """The addresses that it sends licensing data to."""
        reports = self.built_in if self.reports is None else self.reports
        if not (self.active and reports) or self.http is False:
            return []
        enabled = [url for url, on in self.addresses.items() if on]
        removed = any(url.casefold() == DEFAULT_ADDRESS.casefold() for url in self.addresses)
        return enabled or ([DEFAULT_ADDRESS] if self.built_in and not removed else [])


def destinations(profiles: Collection[Profile]) -> tuple[str, ...]:
    """Where licensing data goes; CiscoTAC-1 is in force where it is not configured and no profile takes its place."""
    found = [url for profile in profiles for url in profile.destinations()]
    if not found and not any(profile.built_in for profile in profiles):
        found = [DEFAULT_ADDRESS]
    return tuple(dict.fromkeys(found))


def of_model(home: Tree) -> tuple[str, ...]:
    """The same of the decoded container ``call-home``."""
    return destinations([_modelled(entry) for entry in entries(home, "profiles/profile")])


def of_text(printed: str) -> tuple[str, ...] | None:
    """The same of ``show running-config call-home``, plain or ``formal``; None: it shows no Call Home.

    Lines that are none of it, such as log messages among them, are passed over; indentation does not matter.
    """
    profiles: dict[str, Profile] = {}
    profile: Profile | None = None
    there = False
    for line in printed.splitlines():
        words = line.split()
        if words[:1] == ["call-home"]:
            there = True
            words = words[1:]
        if words[:1] == ["profile"] and len(words) > 1:
            name = words[1].strip('"')
            profile = profiles.setdefault(name.casefold(), Profile(name))
            words = words[2:]
        if profile is not None and words:
            _printed(profile, words)
    return destinations(profiles.values()) if there else None


def _modelled(entry: Tree) -> Profile:
    enabled = walk(entry, "report-type/reporting-licensing-data").get("enable")
    methods = {method.get("method"): method.get("enable") for method in entries(entry, "methods/method")}
    return Profile(
        text(entry, "profile-name") or "",
        active="active" in entry,
        reports=enabled if isinstance(enabled, bool) else None,
        http=False if methods.get("http") is False else None,
        addresses={
            url: address.get("enable") is not False
            for address in entries(entry, "addresses/address")
            if address.get("method") == "http" and (url := text(address, "destination-addr"))
        },
    )


def _printed(profile: Profile, words: list[str]) -> None:
    """Take in one line of a profile; ``no`` before or ``disable`` behind it switches off what it names."""
    on = words[0] != "no" and words[-1] != "disable"
    match words[words[0] == "no" :]:
        case ["active"]:
            profile.active = on
        case ["reporting", "smart-licensing-data" | "all", *_]:
            profile.reports = on
        case ["destination", "transport-method", "http", *_]:
            profile.http = on
        case ["destination", "address", "http", url, *_]:
            profile.addresses[url.strip('"')] = on
