"""IOS XR-like devices on loopback, for demonstrations, tests and benchmarks.

This is no router and is not presented as one: it answers NETCONF over SSH as IOS XR is documented to, with the YANG
models in ``yang/``, and on a second port the CLI and SFTP. What no source tells, such as what a router does when rpc
``ca-authenticate`` meets terminal enrollment, is a named setting; docs/hardware.md lists that by numbers such as (H1).
It shares only ``yang/``, ``agent.model`` and the form of recordings with the agent, so that a mistake in the agent is
not repeated in its judge. :class:`Replay` serves what a router said in a recording.

::

    with Simulator() as simulator:
        device = simulator.add(Persona(release="7.3.2"), name="r1")
        # NETCONF answers on 127.0.0.1:device.port, the CLI and SFTP on device.ssh_port,
        # for simulator.username and simulator.password
"""

from agent.simulator.datastores.rpcerrors import Refusal, rpc_error
from agent.simulator.device.faults import Fault, FaultKind
from agent.simulator.device.simdevice import Device, OtherSession
from agent.simulator.personas.behaviour import CLIXON, NETOPEER2, Behaviour
from agent.simulator.personas.mix import Kind, Member, alike, kinds, mix
from agent.simulator.personas.persona import Persona
from agent.simulator.personas.platforms import platforms, releases
from agent.simulator.personas.quovadis import QUOVADIS
from agent.simulator.personas.servicetimes import ServiceTime, ServiceTimes
from agent.simulator.replay.server import Replay
from agent.simulator.servers.simulator import Simulator

__all__ = [
    "CLIXON",
    "NETOPEER2",
    "QUOVADIS",
    "Behaviour",
    "Device",
    "Fault",
    "FaultKind",
    "Kind",
    "Member",
    "OtherSession",
    "Persona",
    "Refusal",
    "Replay",
    "ServiceTime",
    "ServiceTimes",
    "Simulator",
    "alike",
    "kinds",
    "mix",
    "platforms",
    "releases",
    "rpc_error",
]
