"""Many devices: inventory, runner, roll-out, journal, report, poll and metrics."""
