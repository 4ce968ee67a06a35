"""Spans that are recorded in memory, in place of those of the process's own provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


@dataclass
class Recorded:
    """The spans that ended by now."""

    exporter: InMemorySpanExporter

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        """Those of that name."""
        return [span for span in self.spans if span.name == name]

    def below(self, span: ReadableSpan) -> list[ReadableSpan]:
        """Its children, in the order in which they began."""
        mine = [one for one in self.spans if one.parent is not None and one.parent.span_id == number(span)]
        return sorted(mine, key=lambda one: one.start_time or 0)

    def text(self) -> str:
        """All that they say."""
        return "\n".join(span.to_json() for span in self.spans)


def number(span: ReadableSpan) -> int:
    """The span's id."""
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def said(span: ReadableSpan) -> dict[str, Any]:
    """The attributes of a span of ours, without their prefix."""
    attributes = dict(span.attributes or {})
    assert all(name.startswith("xr_agent.") for name in attributes)
    return {name.removeprefix("xr_agent."): value for name, value in attributes.items()}


@contextmanager
def recorded() -> Iterator[Recorded]:
    """What begins in the block is recorded."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with patch.object(trace, "get_tracer_provider", lambda: provider):
        yield Recorded(exporter)
