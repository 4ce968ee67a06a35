"""Recordings of the corpus that are made on the simulator: one a family of devices, and of each what is the matter."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from agent.cli.main import program
from agent.model.errors import InputError
from agent.model.pki.anchor import TrustAnchor
from agent.recording.reading import Recording, read
from agent.simulator import QUOVADIS, Persona, Simulator
from scripts import loggers
from scripts.recordings import corpus
from scripts.recordings.byhand import BY_HAND, changed

ON_SIMULATOR = "made on the simulator"
"""So begins the source of a recording of which nothing is by hand."""
_ROOT = TrustAnchor.bundled().pem
_VARIABLE, _PASSWORD = "XR_RECORDED_PASSWORD", "none-of-the-words-in-a-recording"
STATES: Mapping[str, Mapping[str, Any]] = {
    "affected": {"transport_configured": True},
    "remedied": {"enrollment": "terminal", "certificate": _ROOT},
    "shipped": {"built_in": (QUOVADIS, _ROOT)},
    "on-prem": {"transport": "smart", "url": "https://ssm.example.net/SmartTransport", "transport_configured": True},
    "unregistered": {"registration": "not-registered", "authorization": "eval-mode"},
    "policy": {"built_in": (QUOVADIS, _ROOT), "policy": True},
    "unverified": {"verify_peer_off": True, "contact": True},
    "other-root": {"enrollment": "terminal", "certificate": QUOVADIS},
    "noisy": {
        "noise": ("drbg_instantiate failed",),
        "logs": (
            "RP/0/RP0/CPU0:Mar  1 10:00:00.000 UTC: config[1]: %MGBL-CONFIG-6-DB_COMMIT : Configuration committed",
        ),
        "logs_at": ("output",),
    },
}
_FAMILIES = """
6.1.3 asr9k-px affected; 6.2.3 hfr-px affected; 6.3.3 ncs5500 remedied; 6.4.2 ncs6k affected; 6.5.3 asr9k-x64 on-prem
6.6.3 iosxrwbd affected; 6.7.3 asr9k-px remedied; 6.8.2 ncs5k affected; 6.9.2 asr9k-px unregistered
7.0.1 ncs1004 affected; 7.1.2 ncs540 noisy; 7.2.2 xrv9k affected; 7.3.2 asr9k-x64 affected; 7.3.6 8000 remedied
7.4.1 ncs540l unverified; 7.5.2 ncs5700 unverified; 7.5.1 iosxrv-x64 affected; 7.6.2 ncs560 on-prem
7.7.2 ncs1k other-root; 7.8.1 8000 shipped; 7.9.2 ncs1010 affected; 7.10.2 ncs1001 shipped; 7.11.2 xrd-vrouter shipped
24.1.2 ncs540l-aarch64 policy; 24.2.2 xrv9k shipped; 24.3.2 8000-aarch64 policy; 24.4.2 asr9k-x64 policy
25.1.2 ncs5500 policy; 25.2.2 ncs5700 affected; 25.3.1 8000 policy; 25.4.1 ncs1004 remedied; 26.1.2 ncs540 policy
26.2.2 iosxrwbd other-root; 26.3.1 asr9k-x64 policy
"""


@dataclass(frozen=True)
class Made:
    """One of them."""

    release: str
    platform: str
    state: str
    differs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def persona(self) -> Persona:
        return Persona(release=self.release, platform=self.platform, **{**STATES[self.state], **self.differs})


def _families() -> dict[str, Made]:
    rows = (one.split() for one in _FAMILIES.replace("\n", ";").split(";") if one.strip())
    return {f"xr-{release}-{platform}": Made(release, platform, state) for release, platform, state in rows}


MADE: Mapping[str, Made] = {
    **_families(),
    **{name: Made(one.release, one.platform, one.state) for name, one in BY_HAND.items()},
}


def make(name: str) -> None:
    """Record *name* on the simulator, change in it what is by hand, and put it into the corpus.

    Raises:
        InputError: there is none of that name, or it could not be recorded.
    """
    if name not in MADE:
        raise InputError(f"{name} is not made on the simulator", hint=f"there are {', '.join(MADE)}")
    one, by_hand = MADE[name], BY_HAND.get(name)
    found, source = recorded(one.persona), f"{ON_SIMULATOR}: {one.release} on {one.platform}, {one.state}"
    if by_hand is not None:
        found, source = changed(found, by_hand), f"by hand, SYNTHETIC: {by_hand.source}; the rest is {source}"
    corpus.put(found, name, source)


def states(release: str, platform: str | None = None) -> Iterator[Persona]:
    """Devices of *release* in every state."""
    for differs in STATES.values():
        yield Persona(release=release, platform=platform, **differs)


def recorded(persona: Persona) -> Recording:
    """What ``xr-agent record`` makes of a simulated device, which has nothing that is anybody's.

    Raises:
        InputError: it could not be recorded.
    """
    with tempfile.TemporaryDirectory() as folder, Simulator(password=_PASSWORD) as simulator:
        path = Path(folder) / "r"
        device = simulator.add(persona, name="r1")
        (Path(folder) / "known_hosts").write_text(simulator.known_hosts(), encoding="utf-8")
        words = [
            "record",
            "127.0.0.1",
            "--no-sanitise",
            "-o",
            str(path),
            "--port",
            str(device.port),
            "--ssh-port",
            str(device.ssh_port),
        ]
        words += ["--username", simulator.username, "--password-env", _VARIABLE, "--ssh-config", os.devnull]
        words += ["--known-hosts", f"{folder}/known_hosts"]
        with loggers.restored():
            environment = {_VARIABLE: simulator.password}
            done = CliRunner().invoke(program, words, env=environment, catch_exceptions=False)
        if not path.exists():
            raise InputError(f"{persona.release} could not be recorded: {done.stderr}", hint="see what record says")
        return read(path)
