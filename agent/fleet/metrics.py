"""What a poll saw last of each router, for Prometheus to scrape; prometheus-client is at home here."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import agent
from agent.fleet.poll import Look
from agent.model.errors import InputError
from agent.remedy.assess import last_contact

log = logging.getLogger(__name__)

_PREFIX = "xr_agent"
_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    """The metrics of one poll. Labels are the router's name and words of closed sets, so their number is bounded.

    | name | labels | value |
    | --- | --- | --- |
    | ``xr_agent_build_info`` | version | 1 |
    | ``xr_agent_up`` | device | 1 where the last look worked, else 0 |
    | ``xr_agent_last_look_timestamp_seconds`` | device | when that was |
    | ``xr_agent_licensing_registration`` | device, state | 1 for the state it is in |
    | ``xr_agent_licensing_authorization`` | device, state | the same |
    | ``xr_agent_licensing_last_contact_success`` | device | 1 or 0 |
    | ``xr_agent_licensing_last_contact_age_seconds`` | device | since the last successful contact |
    | ``xr_agent_licensing_deadline_seconds`` | device, deadline | until the deadline, negative after it |
    | ``xr_agent_anchor_present`` | device | 1 where the trustpoint shows the anchor, else 0 |
    | ``xr_agent_look_duration_seconds`` | | a histogram |
    | ``xr_agent_look_errors_total`` | kind | looks that failed, by the kind of error |
    """

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram, Info

        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._looks: dict[str, Look] = {}
        Info(f"{_PREFIX}_build", "The agent's version.", registry=self.registry).info({"version": agent.__version__})
        self._duration = Histogram(
            f"{_PREFIX}_look_duration_seconds", "How long one look took.", registry=self.registry, buckets=_BUCKETS
        )
        self._errors = Counter(f"{_PREFIX}_look_errors", "Looks that failed.", ["kind"], registry=self.registry)
        self.registry.register(self)

    def saw(self, look: Look) -> None:
        """Take a look in."""
        self._duration.observe(look.seconds)
        if look.kind is not None:
            self._errors.labels(look.kind).inc()
        with self._lock:
            self._looks[look.target.name] = look

    def collect(self) -> Iterator[Any]:
        """The families of all routers, as prometheus-client asks for them at each scrape."""
        with self._lock:
            looks = dict(self._looks)
        families = _Families()
        now = datetime.now(UTC)
        for name, look in looks.items():
            families.add(name, look, now)
        yield from families.all

    def describe(self) -> Iterator[Any]:
        """Names without values, which registering asks for."""
        yield from _Families().all

    @contextmanager
    def served(self, address: str) -> Iterator[int]:
        """Serve ``/metrics`` on *address*, ``[HOST]:PORT``, for as long as the block lasts; gives the port.

        Without a host it listens on every address of this machine: there is nothing secret in it, and no login.

        Raises:
            InputError: the address cannot be used.
        """
        from prometheus_client import start_http_server

        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit() or not 0 <= int(port) < 65536:
            raise InputError(f"{address!r} is no address to serve metrics on", hint="[HOST]:PORT, e.g. :9464")
        try:
            server, thread = start_http_server(int(port), host.strip("[]") or "0.0.0.0", self.registry)  # noqa: S104 - asked for
        except OSError as error:
            raise InputError(
                f"metrics cannot be served on {address}: {error.strerror or error}", hint="take another --metrics"
            ) from error
        log.info("metrics on port %d", server.server_port)
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Families:
    """The gauges of all routers, filled anew for each scrape: nothing stale stays behind a changed label."""

    def __init__(self) -> None:
        self._up = self._gauge("up", "Whether the last look worked.")
        self._seen = self._gauge("last_look_timestamp_seconds", "When the last look was taken.")
        self._registration = self._gauge("licensing_registration", "The registration state it is in.", "state")
        self._authorization = self._gauge("licensing_authorization", "The authorization state it is in.", "state")
        self._success = self._gauge("licensing_last_contact_success", "Whether the last contact succeeded.")
        self._age = self._gauge("licensing_last_contact_age_seconds", "Since the last successful contact.")
        self._deadline = self._gauge(
            "licensing_deadline_seconds", "Until the deadline, 86400 a day; negative after it.", "deadline"
        )
        self._anchor = self._gauge("anchor_present", "Whether the trustpoint shows the anchor.")

    @property
    def all(self) -> list[Any]:
        return list(vars(self).values())

    def _gauge(self, name: str, text: str, *labels: str) -> Any:
        from prometheus_client.core import GaugeMetricFamily

        return GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=["device", *labels])

    def add(self, name: str, look: Look, now: datetime) -> None:
        """One router's values; what is not known has none."""
        sample, seen = look.sample, look.sample.licensing
        self._up.add_metric([name], float(sample.error is None))
        self._seen.add_metric([name], sample.time.timestamp())
        if look.anchor_present is not None:
            self._anchor.add_metric([name], float(look.anchor_present))
        for deadline, when in look.deadlines:
            self._deadline.add_metric([name, deadline], (when - now).total_seconds())
        if seen is None:
            return
        if seen.registration is not None:
            self._registration.add_metric([name, seen.registration.value], 1.0)
        if seen.authorization is not None:
            self._authorization.add_metric([name, seen.authorization.value], 1.0)
        if seen.last_comm_success is not None:
            self._success.add_metric([name], float(seen.last_comm_success))
        if (contact := last_contact(seen)) is not None:
            self._age.add_metric([name], (now - contact).total_seconds())
