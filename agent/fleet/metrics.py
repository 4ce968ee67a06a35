"""What a poll saw last of each router, for Prometheus to scrape; prometheus-client is at home here."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

import agent
from agent.fleet.poll import Look
from agent.model.errors import InputError, LoginWithheld
from agent.remedy.assess import last_contact

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

log = logging.getLogger(__name__)

_PREFIX = "xr_agent"
_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_KINDS = (
    "access-denied",
    "authentication",
    "capability",
    "connect",
    "console",
    "host-key",
    "input",
    "login-withheld",
    "negotiation",
    "no-data",
    "protocol",
    "rpc-error",
    "schema",
    "session-lost",
    "timeout",
)
"""What a look may fail by: there from the beginning with 0, so that the first failure is an increase."""


_GAUGES = (
    ("up", "Whether the last look at the router worked."),
    ("last_look_timestamp_seconds", "When the router was last looked at."),
    ("login_withheld_until_timestamp_seconds", "When a login that was refused is tried again."),
    ("watch_ended", "The router is looked at no more.", "reason"),
    ("licensing_registration", "The registration state it is in.", "state"),
    ("licensing_authorization", "The authorization state it is in.", "state"),
    ("licensing_last_contact_success", "Whether the last contact succeeded."),
    ("licensing_last_contact_timestamp_seconds", "The last successful contact."),
    ("licensing_deadline_timestamp_seconds", "When licensing degrades unless there is a contact.", "deadline"),
    ("anchor_present", "Whether the trustpoint shows the anchor."),
)
"""What there is of each router: name, help, and the labels besides ``device``."""


class Metrics:
    """The metrics of one poll. Labels are the router's name and words of closed sets, so their number is bounded.

    Besides them what has a device has the *labels* that are asked for, each a key of the router's inventory data by the
    name of its label. A router has one value of each, ``""`` where its data lack the key, so no series is added.

    | name | labels | value |
    | --- | --- | --- |
    | ``xr_agent_build_info`` | version | 1 |
    | ``xr_agent_up`` | device | 1 where the last look worked, else 0 |
    | ``xr_agent_last_look_timestamp_seconds`` | device | when that was |
    | ``xr_agent_login_withheld_until_timestamp_seconds`` | device | when a login that was refused is tried again |
    | ``xr_agent_watch_ended`` | device, reason | 1 where the router is looked at no more; it has no other series then |
    | ``xr_agent_licensing_registration`` | device, state | 1 for the state it is in |
    | ``xr_agent_licensing_authorization`` | device, state | the same |
    | ``xr_agent_licensing_last_contact_success`` | device | 1 or 0 |
    | ``xr_agent_licensing_last_contact_timestamp_seconds`` | device | the last successful contact |
    | ``xr_agent_licensing_deadline_timestamp_seconds`` | device, deadline | when that degrades unless there is one |
    | ``xr_agent_anchor_present`` | device | 1 where the trustpoint shows the anchor, else 0 |
    | ``xr_agent_look_duration_seconds`` | | a histogram |
    | ``xr_agent_look_errors_total`` | kind | looks that failed, by the kind of error |

    What a look did not tell has no series until the next one tells it. A state that is not the present one has none.
    """

    def __init__(self, labels: Mapping[str, str] = MappingProxyType({})) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram, Info

        self._labels = labels
        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._looks: dict[str, Look] = {}
        Info(f"{_PREFIX}_build", "The agent's version.", registry=self.registry).info({"version": agent.__version__})
        self._duration = Histogram(
            f"{_PREFIX}_look_duration_seconds", "How long one look took.", registry=self.registry, buckets=_BUCKETS
        )
        self._errors = Counter(f"{_PREFIX}_look_errors", "Looks that failed.", ["kind"], registry=self.registry)
        for kind in _KINDS:
            self._errors.labels(kind)
        self.registry.register(self)

    def saw(self, look: Look) -> None:
        """Take a look in."""
        self._duration.observe(look.seconds)
        if look.sample.kind is not None:
            self._errors.labels(look.sample.kind).inc()
        with self._lock:
            self._looks[look.target.name] = look

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families of all routers, as prometheus-client asks for them at each scrape."""
        with self._lock:
            looks = dict(self._looks)
        families = _Families(self._labels)
        for look in looks.values():
            families.add(look)
        yield from families.all

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Names without values, which registering asks for."""
        yield from _Families(self._labels).all

    @contextmanager
    def served(self, address: str) -> Iterator[int]:
        """Serve ``/metrics`` on *address*, ``[HOST]:PORT``, for as long as the block lasts; gives the port.

        Without a host it listens on every IPv4 address of this machine: there is nothing secret in it, and no login.

        Raises:
            InputError: the address cannot be used.
        """
        from prometheus_client import start_http_server

        host, colon, port = address.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise InputError(f"{address!r} is no address to serve metrics on", hint="[HOST]:PORT, e.g. :9464")
        every = "0.0.0.0"  # noqa: S104 - asked for
        try:
            server, thread = start_http_server(int(port), host.strip("[]") or every, self.registry)
        except (OSError, UnicodeError) as error:
            said = getattr(error, "strerror", None) or error
            raise InputError(f"metrics cannot be served on {address}: {said}", hint="take another --metrics") from error
        log.info("metrics on port %d", server.server_port)
        try:
            yield server.server_port
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Families:
    """The gauges of all routers, filled anew for each scrape: nothing stale stays behind a changed label."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        from prometheus_client.core import GaugeMetricFamily

        self._keys = tuple(labels.values())
        self._gauges = {
            name: GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=["device", *labels, *own])
            for name, text, *own in _GAUGES
        }

    @property
    def all(self) -> list[GaugeMetricFamily]:
        return list(self._gauges.values())

    def add(self, look: Look) -> None:
        """One router's values; what is not known has none."""
        router = [look.target.name, *(look.target.data.get(key, "") for key in self._keys)]

        def tell(gauge: str, value: float | None, *labels: str) -> None:
            if value is not None:
                self._gauges[gauge].add_metric([*router, *labels], float(value))

        if look.last:
            tell("watch_ended", 1, "reached" if look.sample.reached else "unpollable")
            return
        tell("up", look.sample.error is None)
        tell("last_look_timestamp_seconds", look.sample.time.timestamp())
        if isinstance(look.cause, LoginWithheld) and look.cause.retry_in is not None:
            tell("login_withheld_until_timestamp_seconds", look.sample.time.timestamp() + look.cause.retry_in)
        tell("anchor_present", look.anchor_present)
        for deadline, when in look.deadlines:
            tell("licensing_deadline_timestamp_seconds", when.timestamp(), deadline)
        if (seen := look.sample.licensing) is None:
            return
        if seen.registration is not None:
            tell("licensing_registration", 1, seen.registration.value)
        if seen.authorization is not None:
            tell("licensing_authorization", 1, seen.authorization.value)
        tell("licensing_last_contact_success", seen.last_comm_success)
        if (contact := last_contact(seen)) is not None:
            tell("licensing_last_contact_timestamp_seconds", contact.timestamp())
