"""Spans of OpenTelemetry: one for a run, one for each router, one for each step; none without the extra ``otel``.

They go to whatever tracer provider the process has, and below the span that is current where they begin. It is the
user who installs and configures an SDK; without one nothing is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from agent.model.masking.text import neutralise
from agent.model.outcome import Event, Outcome, Status, Wait
from agent.model.telemetry.context import bound

if TYPE_CHECKING:
    from opentelemetry.context import Context

Carrier: TypeAlias = tuple[tuple[str, str], ...]
"""A span as it travels to another process: headers of W3C trace context, by the propagators of the process."""
Said: TypeAlias = "str | bool | int | float | None"
_Block: TypeAlias = AbstractContextManager[None]

_PREFIX = "xr_agent."
_UNWELL = (Status.FAILED, Status.UNKNOWN)


@cache
def _api() -> ModuleType | None:
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace


def carried() -> Carrier:
    """The span that is current, for :class:`Span` in another process; nothing where there is none."""
    if _api() is None:
        return ()
    from opentelemetry import propagate

    headers: dict[str, str] = {}
    propagate.inject(headers)
    return tuple(headers.items())


def flush() -> None:
    """Have the provider export what it has, as ahead of the end of a process that nobody tells of it."""
    api = _api()
    if api is not None and (export := getattr(api.get_tracer_provider(), "force_flush", None)) is not None:
        export()


class Span:
    """A span that may go on in one thread after the other; ended with its block, whose error, if any, it names.

    It is below the one that is current here, else below the one that was *carried* to this process. No value has a
    secret in it or acts on a terminal: passwords of URLs are masked, as they are in what is printed.
    """

    def __init__(self, name: str, below: Carrier = (), **said: Said) -> None:
        self._ended = False
        self._api: ModuleType | None = None
        api = _api()
        if api is not None and _seen(api, below):
            tracer = api.get_tracer("xr-agent")
            self._span = span = tracer.start_span(name, _parent(api, below), attributes=_attributes(said))
            if span.is_recording() or span.get_span_context().is_valid:
                self._api = api

    def current(self, *, run: str | None = None, device: str | None = None, step: str | None = None) -> _Block:
        """It is the current one of the block, which is in one thread; log records are about these, as of ``bound``."""
        about = bound(run=run, device=device, step=step)
        return about if self._api is None else self._using(self._api, about)

    @contextmanager
    def _using(self, api: ModuleType, about: _Block) -> Iterator[None]:
        untold = {"end_on_exit": False, "record_exception": False, "set_status_on_exception": False}
        with about, api.use_span(self._span, **untold):
            yield

    def say(self, **said: Said) -> None:
        """Attributes of it, those left out that are None."""
        if self._api is not None:
            self._span.set_attributes(_attributes(said))

    def note(self, name: str, **said: Said) -> None:
        """Something that happened in it."""
        if self._api is not None:
            self._span.add_event(name, _attributes(said))

    def end(self, failed: str | None = None) -> None:
        """It ended, and is an error where something *failed*; said again, nothing happens."""
        if self._api is None or self._ended:
            return
        self._ended = True
        if failed is not None:
            self._span.set_status(self._api.StatusCode.ERROR, neutralise(failed))
        self._span.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self.end(kind.__name__ if kind is not None else None)


def came(span: Span, outcome: Outcome) -> None:
    """*span* is a router's, and ends with what came of a push."""
    error = outcome.error
    span.say(
        release=outcome.release,
        outcome=outcome.result.value,
        evidence=outcome.evidence.value,
        method=outcome.method.value if outcome.method else None,
        persistent=outcome.persistent,
        error=error.kind if error else None,
    )
    span.end(None if outcome.well else error.message if error else outcome.result.value)


class Steps:
    """The spans of one router's steps, by the events of a push."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._open: dict[str, Span] = {}

    def current(self, step: str) -> _Block:
        """The span of the step under way is the current one of the block; log records are about the router's *step*."""
        if not self._open:
            return bound(device=self._device, step=step)
        return next(reversed(self._open.values())).current(device=self._device, step=step)

    def seen(self, event: Event | Wait) -> bool:
        """A step begins, is repeated, or ended; one that only ended took no time. False: it concerns others as well."""
        if isinstance(event, Event) and event.outcome is None:
            self._saw(event)
        return False

    def _saw(self, event: Event) -> None:
        if event.status is Status.STARTED:
            self._begun(event).say(detail=event.detail or None)
        elif event.status is Status.RETRY:
            if event.step in self._open:
                self._open[event.step].note("retry", detail=event.detail)
        else:
            span = self._open.pop(event.step, None) or self._span(event)
            span.say(status=event.status.value, detail=event.detail or None)
            span.end(event.detail or event.status.value if event.status in _UNWELL else None)

    def end(self) -> None:
        """Nothing more is seen: what is under way is left unfinished."""
        for span in self._open.values():
            span.end("left unfinished")
        self._open.clear()

    def _begun(self, event: Event) -> Span:
        before = self._open.pop(event.step, None)
        if before is not None:
            before.end("begun anew")
        self._open[event.step] = span = self._span(event)
        return span

    def _span(self, event: Event) -> Span:
        return Span(event.step, device=self._device, step=event.step)


def _seen(api: ModuleType, below: Carrier) -> bool:
    """Whether anybody may see a span that begins here: there is an SDK, or one above it that another process records.

    A span that nobody sees costs some ten times as much as to ask.
    """
    sdk = not isinstance(api.get_tracer_provider(), api.ProxyTracerProvider)
    return sdk or bool(below) or api.get_current_span().get_span_context().is_valid


def _parent(api: ModuleType, below: Carrier) -> Context | None:
    """The context that a span begins in; None is that of now."""
    if not below or api.get_current_span().get_span_context().is_valid:
        return None
    from opentelemetry import propagate

    return propagate.extract(dict(below))


def _attributes(said: Mapping[str, Said]) -> dict[str, str | bool | int | float]:
    return {
        f"{_PREFIX}{name}": neutralise(value) if isinstance(value, str) else value
        for name, value in said.items()
        if value is not None
    }
