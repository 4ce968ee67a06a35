"""What kind of device a simulated one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from agent.model.pki.anchor import TrustAnchor
from agent.simulator.personas.behaviour import Behaviour
from agent.simulator.personas.othermodules import in_hello, other_modules
from agent.simulator.personas.platforms import Announced, ModuleFile, announced
from agent.simulator.personas.quovadis import QUOVADIS
from agent.simulator.personas.servicetimes import ServiceTimes

TerminalRpc = Literal["ok-without-certificate", "refused", "installs"]
Imports = Literal["imports", "refused", "ok-without-certificates"]
Dialog = Literal["plain", "confirm", "late", "already", "unknown"]
Break = tuple[Literal["drop", "error", "hang"], Literal["begin", "pasted", "accepted", "installed"]]
Noisy = Literal["prompt", "question", "output"]
FileFault = Literal["full", "quota", "denied", "corrupt", "vanish", "stuck", "kept", "drop"]

BASE = "urn:ietf:params:netconf:base"
_MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring?module=ietf-netconf-monitoring&revision=2010-10-04"
_NO_GET_SCHEMA = "&deviations=cisco-xr-ietf-netconf-monitoring-deviations"
_32_BIT = ("-px", "xrvr", "crs", "c12k")


@dataclass(frozen=True)
class Persona:
    """A device's release and what it is like when the simulation begins.

    Attributes:
        platform: as named in ``yang/hellos.json``: exactly the modules and revisions of that captured hello; None
            for the union over the release's platforms.
        terminal_rpc: what rpc ca-authenticate does under terminal enrollment. No source says what a router does,
            ``installs`` is an assumption (H1; numbers are those of docs/hardware.md).
        installs: the PEM that a successful authentication brings.
        enrollment: the enrollment configured under Trustpool (``terminal``, ``local`` or a URL); None for no
            trustpoint.
        certificate: the PEM that trustpoint Trustpool holds.
        server_root: the PEM of the root that the licensing servers' certificates chain to.
        built_in: the PEMs in the trustpool that came with the software.
        keeps: the enrollments whose certificates a reload keeps. By documents terminal is lost (H18), the rest is
            unconfirmed (H20, H21).
        imports: what rpc and exec trustpool import do; ``url`` is read either way.
        copy_reaches_tmp: whether rpc copy can write to /tmp, rpc delete remove from there, and the folder be listed by
            its model (unconfirmed: H9).
        vrfs: the VRFs that rpc copy knows.
        registration, authorization, transport, url: of the licensing agent.
        transport_configured: whether the transport stands in the running configuration, too.
        policy: Smart Licensing Using Policy (24.1.1 on): transport cslu, nothing to register, reports instead (H58).
        verify_peer_off: the HTTP client does not verify its peer.
        config: XML subtrees of further running configuration, each with its namespace.
        contact: whether the licensing server trusts work before anything is done; None: as the root decides.
        clock_offset: seconds by which the device's clock is ahead.
        hello_size: how many bytes the hello has at least; real ones have 50,000 to 180,000.
        no_get_schema: announce the deviation by which get-schema is not supported, as some platforms do anyway.
        max_sessions: how many NETCONF sessions there may be; a further one is ended before its hello.
        candidate: whether :candidate is announced.
        confirmed_commit: whether :confirmed-commit is.
        behaviour: how the NETCONF server takes what servers differ in.
        cli_cfg_readable: whether get-config with a ``<cli/>`` filter returns the configuration as CLI text (H31).
        latency: seconds that each rpc takes; round_trip: those that everything a client sends is answered later.
        takes: how long it takes for what real ones do not do at once.
        reachable: whether anything listens on the NETCONF port.
        ssh: whether anything listens on the SSH port; sftp: whether it has the SFTP subsystem.
        timestamps: whether exec commands print the time first.
        forbidden: beginnings of commands that the user may not use.
        noise: lines that are no log lines and come before each command's output, such as ``drbg_instantiate failed``.
        logs: log lines that come at the CLI where ``logs_at`` says: over each prompt that follows a command, behind
            each question and request (which is not asked again), in the middle of the first line of each output.
        commit_asks: what the CLI's commit asks before it does anything (H45); ``y``, ``yes`` or nothing goes on.
        commit_error: why the CLI's commit fails, as ``show configuration failed`` tells; None where it works.
        enrollment_spelling: how the running configuration spells terminal enrollment.
        dialog: which questions ``crypto ca authenticate`` asks, see :mod:`agent.simulator.cli.authdialog`.
        dialog_shows: the PEM whose certificate the dialog prints in place of the pasted one.
        dialog_fingerprint: the fingerprint it prints in place of the right one; empty for none at all.
        dialog_breaks: how the dialog goes wrong, and when.
        print_style: how certificates are printed: ``sha1`` as of late, ``attributes`` as in older guides.
        lists_terminal: whether ``show crypto ca trustpool`` lists trustpoint Trustpool's certificate, too (H32).
        file_faults: what is wrong with the file system, see :mod:`agent.simulator.device.disk`.
    """

    release: str = "7.8.1"
    platform: str | None = None
    terminal_rpc: TerminalRpc = "ok-without-certificate"
    installs: str = field(default_factory=lambda: TrustAnchor.bundled().pem, repr=False)
    enrollment: str | None = None
    certificate: str | None = field(default=None, repr=False)
    server_root: str = field(default_factory=lambda: TrustAnchor.bundled().pem, repr=False)
    built_in: tuple[str, ...] = field(default=(QUOVADIS,), repr=False)
    keeps: tuple[str, ...] = ("local", "url")
    imports: Imports = "imports"
    copy_reaches_tmp: bool = True
    vrfs: tuple[str, ...] = ()
    registration: str = "complete"
    authorization: str = "authorized"
    transport: str = "callhome"
    url: str = "https://tools.cisco.com/its/service/oddce/services/DDCEService"
    transport_configured: bool = False
    policy: bool = False
    verify_peer_off: bool = False
    config: tuple[str, ...] = ()
    contact: bool | None = None
    fixes: tuple[str, ...] = ()
    clock_offset: float = 0.0
    base_11: bool = True
    hello_size: int = 0
    no_get_schema: bool = False
    max_sessions: int = 50
    candidate: bool = True
    confirmed_commit: bool = True
    behaviour: Behaviour = field(default_factory=Behaviour)
    cli_cfg_readable: bool = True
    latency: float = 0.0
    round_trip: float = 0.0
    takes: ServiceTimes = field(default_factory=ServiceTimes)
    reachable: bool = True
    ssh: bool = True
    sftp: bool = True
    timestamps: bool = True
    forbidden: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    logs_at: tuple[Noisy, ...] = ("prompt", "question", "output")
    commit_asks: str | None = None
    commit_error: str | None = None
    enrollment_spelling: Literal["terminal", "url terminal"] = "terminal"
    dialog: Dialog = "plain"
    dialog_shows: str | None = field(default=None, repr=False)
    dialog_fingerprint: str | None = None
    dialog_breaks: Break | None = None
    print_style: Literal["sha1", "attributes"] = "sha1"
    lists_terminal: bool = False
    file_faults: tuple[FileFault, ...] = ()

    def __post_init__(self) -> None:
        announced(self.release, self.platform)

    @property
    def _announced(self) -> Announced:
        return announced(self.release, self.platform)

    @property
    def modules(self) -> Mapping[str, ModuleFile]:
        """The modules whose nodes are known, by name."""
        return self._announced.modules

    @property
    def offers_get_schema(self) -> bool:
        """Whether get-schema works."""
        return not (self.no_get_schema or self._announced.no_get_schema)

    @property
    def admin_plane(self) -> bool:
        """Whether licensing commands are in the admin plane, as on 32-bit XR."""
        return any(word in (self.platform or "") for word in _32_BIT)

    def capabilities(self) -> list[str]:
        """What the device has: capabilities of the protocol, and modules, which the hello may leave to a library."""
        optional = {
            "candidate:1.0": self.candidate,
            "confirmed-commit:1.1": self.candidate and self.confirmed_commit,
            "rollback-on-error:1.0": self.behaviour.rollback_on_error,
            "validate:1.1": True,
        }
        listed = [f"{BASE}:1.0", *([f"{BASE}:1.1"] if self.base_11 else [])]
        listed += [f"urn:ietf:params:netconf:capability:{name}" for name, there in optional.items() if there]
        listed.append(_MONITORING + ("" if self.offers_get_schema else _NO_GET_SCHEMA))
        listed += self._announced.capabilities
        return listed + other_modules(self.hello_size - in_hello(listed))
