"""What logs, traces and recordings are told of the work: its run, router and step, and which way messages pass."""
