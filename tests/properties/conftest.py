"""How the properties are tried: the same examples in every run, and no clock."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

steady = settings(
    derandomize=True, database=None, deadline=None, max_examples=200, suppress_health_check=(HealthCheck.too_slow,)
)
few = settings(steady, max_examples=30)
