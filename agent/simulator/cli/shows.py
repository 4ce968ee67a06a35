"""What ``show`` commands print, beside those about licences.

Formats follow public output and Cisco's guides as far as they go; values that are no part of the simulation are made
up, such as who built the software.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from agent.simulator.cli.printed import section
from agent.simulator.datastores import licensingtransport
from agent.simulator.device.operstate import moment_of
from agent.simulator.device.simdevice import Device

_NOTHING = "% No such configuration item(s)\n"


def commands(device: Device) -> dict[str, Callable[..., str]]:
    """The commands by their words; each gives the text of its answer."""
    shows: dict[str, Callable[..., str]] = {
        "version": _version,
        "clock": _clock,
        "filesystem": _filesystem,
        "logging": _logging,
        "install active summary": _install,
        "crypto ca certificates": _certificates,
        "crypto ca certificates <name>": _certificates,
        "crypto ca trustpool": _trustpool,
        "running-config": _running,
        "running-config crypto ca trustpoint": _trustpoints,
        "running-config crypto ca trustpoint <name>": _trustpoints,
        "running-config license smart": partial(_part, "license"),
        **{f"running-config {name}": partial(_part, name) for name in _PARTS},
    }
    return {f"show {words}": partial(show, device) for words, show in shows.items()}


def _version(device: Device) -> str:
    release, platform = device.persona.release, device.persona.platform or "xrv9k"
    if device.persona.admin_plane:
        return (
            f"Cisco IOS XR Software, Version {release}[Default]\n"
            "Copyright (c) 2017 by Cisco Systems, Inc.\n\n"
            "ROM: System Bootstrap, Version 10.53(c) 1994-2012 by Cisco Systems,  Inc.\n\n"
            f"{device.name} uptime is 3 years, 46 weeks, 3 days, 22 hours, 25 minutes\n"
            f'System image file is "disk0:{platform}-os-mbi-{release}/0x100305/mbi{platform}-rsp3.vm"\n\n'
            f"cisco {platform} (Intel 686 F6M14S4) processor with 12582912K bytes of memory.\n"
        )
    return (
        f"Cisco IOS XR Software, Version {release}\n"
        "Copyright (c) 2013-2021 by Cisco Systems, Inc.\n\n"
        "Build Information:\n"
        " Built By     : simulator\n"
        " Built On     : Wed Oct 13 20:00:36 PDT 2021\n"
        " Built Host   : simulator\n"
        f" Workspace    : /simulated/{release}/{platform}/ws\n"
        f" Version      : {release}\n"
        " Location     : /opt/cisco/XR/packages/\n"
        f" Label        : {release}\n\n"
        f"cisco {platform} () processor\n"
        "System uptime is 3 days 22 hours 11 minutes\n"
    )


def _clock(device: Device) -> str:
    now = device.state.now()
    return f"{now:%H:%M:%S}.{now.microsecond // 1000:03} UTC {now:%a %b} {now.day:02} {now.year}"


def _filesystem(device: Device) -> str:
    rows = ((f"{size}", f"{free}", "harddisk", "rw", f"{prefix}") for prefix, size, free in device.disk.space())
    lines = ("{:>12} {:>12} {:>10} {:>6}  {}".format(*row) for row in (*rows, ("-", "-", "network", "rw", "tftp:")))
    return "File Systems:\n\n     Size(b)      Free(b)       Type  Flags  Prefixes\n" + "\n".join(lines)


def _logging(device: Device) -> str:
    lines = [
        f"RP/0/RP0/CPU0:{moment_of(when)} UTC: smartlicserver[127]: %{mnemonic} : {message}"
        for when, mnemonic, message in device.state.syslog
    ]
    head = "Syslog logging: enabled (0 messages dropped, 0 flushes, 0 overruns)\n\nLog Buffer (2097152 bytes):\n\n"
    return head + "\n".join(lines)


def _install(device: Device) -> str:
    release, platform = device.persona.release, device.persona.platform or "xrv9k"
    short = release.replace(".", "")
    packages = [
        f"{platform}-xr-{release} version={release} [Boot image]",
        f"{platform}-k9sec-1.0.0.0-r{short}",
        *(f"{platform}-os-support-1.0.0.1-r{short}.{ddts}" for ddts in device.persona.fixes),
    ]
    head = f"Label : {release}\n\n    Active Packages: {len(packages)}\n"
    return head + "".join(f"        {package}\n" for package in packages)


def _certificates(device: Device, name: str | None = None) -> str:
    lines: list[str] = []
    for trustpoint, pem in device.state.certificates.items():
        if name in (None, trustpoint):
            lines += section(f"Trustpoint       : {trustpoint}", [pem], device.persona.print_style)
    return "\n".join(lines)


def _trustpool(device: Device) -> str:
    state, style = device.state, device.persona.print_style
    lines = section("Trustpool: Built-In", state.built_in, style)
    lines += section("Trustpool: Downloaded", [pem for bundle in state.trustpool for pem in bundle], style)
    if device.persona.lists_terminal and "Trustpool" in state.certificates:
        lines += section("Trustpoint       : Trustpool", [state.certificates["Trustpool"]], style)
    return "\n".join(lines)


def _trustpoints(device: Device, name: str | None = None) -> str:
    return device.cli_text("running", name) or _NOTHING


def _running(device: Device) -> str:
    """The whole configuration."""
    parts = filter(None, (show(device) for show in _PARTS.values()))
    head = ["Building configuration...", f"!! IOS XR Configuration {device.persona.release}", "!"]
    return "\n".join([*head, f"hostname {device.name}", *parts, "end"])


def _part(name: str, device: Device) -> str:
    return _PARTS[name](device) or _NOTHING


_PARTS: Mapping[str, Callable[[Device], str]] = {
    "call-home": lambda device: licensingtransport.call_home(device.persona),
    "crypto ca": lambda device: device.cli_text(),
    "http client": lambda device: licensingtransport.http_client(device.persona, device.models),
    "license": lambda device: licensingtransport.license_smart(device.persona),
}
"""Parts of the running configuration by the words that show each; empty where a device has none."""
