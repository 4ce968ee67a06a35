"""A whole push: by xr-agent's library, and the same rpcs by stock ncclient and by scrapli, in turns on the same server.

``python -m bench.job [--json] [--rounds N]`` prints medians and these ratios, theirs divided by ours:
``job_vs_stock_0ms``, ``job_vs_scrapli_0ms``, ``job_vs_scrapli_50ms`` (50 ms round trip, by a delaying relay) and
``cpu_vs_scrapli`` (CPU seconds of the client's process at 0 ms).

The peers send what the agent sends, one rpc after the other, as their interfaces have it; they neither validate
payloads nor judge certificates. Each push gets a router of its own that needs the root. Host keys are checked by the
agent, not by the peers.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from lxml import etree
from ncclient import manager
from scrapli.auth import Options as AuthOptions
from scrapli.netconf import Netconf
from scrapli.transport import BinOptions

import agent
from agent.netconf.payload import NETCONF_NS
from bench.measure import Series, in_turns, report
from bench.rpcs import RPCS
from bench.servers import RELEASE, Servers, relayed, servers


class Pushes:
    """The contestants, each taking the next fresh router."""

    def __init__(self, at: Servers, ports: list[int], known_hosts: Path) -> None:
        self._at = at
        self._ports: Iterator[int] = iter(ports)
        self._known_hosts = known_hosts

    def ours(self) -> None:
        """xr-agent's library."""
        router = agent.Device(
            "127.0.0.1",
            next(self._ports),
            username=self._at.username,
            password=agent.Secret(self._at.password),
            host_keys=agent.HostKeys(self._known_hosts),
        )
        with agent.connect(router) as session:
            outcome = agent.remediate(session)
        if outcome.result is not agent.Result.REMEDIED:
            raise SystemExit(f"the push did not work: {outcome}")

    def stock(self) -> None:
        """Stock ncclient."""
        with manager.connect(
            host="127.0.0.1",
            port=next(self._ports),
            username=self._at.username,
            password=self._at.password,
            hostkey_verify=False,
            allow_agent=False,
            look_for_keys=False,
            timeout=60,
        ) as client:
            for rpc in RPCS:
                # What has no namespace of its own is in the base namespace, which ncclient does not add by itself.
                client.dispatch(etree.fromstring(f'<x xmlns="{NETCONF_NS}">{rpc}</x>')[0])

    def scrapli(self) -> None:
        """scrapli with its default transport, an OpenSSH child; its in-process one takes several times as long here."""
        client = Netconf(
            "127.0.0.1",
            port=next(self._ports),
            auth_options=AuthOptions(username=self._at.username, password=self._at.password),
            transport_options=BinOptions(),
        )
        with client:
            for rpc in RPCS:
                answer = client.raw_rpc(payload=rpc)
                if answer.failed:
                    raise SystemExit(f"scrapli's rpc failed: {rpc}: {answer.result}")


def _run(rounds: int, round_trip: float, wanted: tuple[str, ...]) -> dict[str, Series]:
    # One warm-up round as well, and a router for each push.
    needed = (rounds + 1) * len(wanted)
    with servers(needed) as at, TemporaryDirectory() as folder, relayed(at.ports, round_trip / 2) as ports:
        known_hosts = Path(folder, "known_hosts")
        keys = [line.split(" ", 1)[1] for line in at.host_keys]
        known_hosts.write_text("".join(f"[127.0.0.1]:{port} {key}\n" for port, key in zip(ports, keys, strict=True)))
        pushes = Pushes(at, ports, known_hosts)
        known: dict[str, Callable[[], None]] = {
            "xr-agent": pushes.ours,
            "stock ncclient": pushes.stock,
            "scrapli": pushes.scrapli,
        }
        return in_turns({name: known[name] for name in wanted}, rounds)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    near = _run(chosen.rounds, 0.0, ("xr-agent", "stock ncclient", "scrapli"))
    far = _run(chosen.rounds, 0.05, ("xr-agent", "scrapli"))
    rows = {f"{name}, {label}": one for label, some in (("0 ms", near), ("50 ms", far)) for name, one in some.items()}
    report(
        f"A whole push, {len(RPCS) + 1} rpcs, simulated IOS XR {RELEASE}",
        rows,
        {
            "job_vs_stock_0ms": near["stock ncclient"].median / near["xr-agent"].median,
            "job_vs_scrapli_0ms": near["scrapli"].median / near["xr-agent"].median,
            "job_vs_scrapli_50ms": far["scrapli"].median / far["xr-agent"].median,
            "cpu_vs_scrapli": near["scrapli"].median_cpu / near["xr-agent"].median_cpu,
        },
        as_json=chosen.json,
    )


if __name__ == "__main__":
    main()
