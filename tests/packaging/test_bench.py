"""The benches that need an environment of their own still run, and measure what they say."""

from __future__ import annotations

import json
import sys

from tests.packaging.project import ROOT, run


def test_the_fleet_bench_pushes_with_its_peer_and_tells_three_ratios_and_what_bounded_it() -> None:
    words = ("--devices", "5", "--workers", "5", "--latency", "1", "--json")

    output = run(sys.executable, "-m", "bench.fleet", *words, cwd=ROOT, timeout=600)

    ratios = json.loads(output)
    bounds = ratios.pop("bounded_by")
    assert set(bounds) == {"xr-agent", "nornir_netconf", "xr-agent, 100 routers"}
    assert all(" of " in bound and " cores)" in bound for bound in bounds.values())
    assert set(ratios) == {"devices_per_s_vs_peer", "cpu_per_device_vs_peer", "memory_growth_100_to_5"}
    assert all(value > 0 for value in ratios.values())
