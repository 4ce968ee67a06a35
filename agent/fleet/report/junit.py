"""The report as JUnit's XML, the form in which CI systems read results."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import TextIOBase
from tempfile import TemporaryFile
from typing import IO, Any
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from agent.fleet.report.exports import run_object
from agent.fleet.report.shown import LEGACY, NAME, TEXT, End, end, seconds, shown, step_lines, why
from agent.fleet.report.summary import Counting
from agent.fleet.results.objects import plain
from agent.fleet.results.record import DeviceRecord, RunRecord
from agent.fleet.results.structs import Error

_ELEMENTS = {End.BAD: "failure", End.DOUBT: "error", End.HELD: "skipped"}
_COUNTS = {End.BAD: "failures", End.DOUBT: "errors", End.HELD: "skipped"}


def write_junit(out: TextIOBase, run: RunRecord, devices: Iterable[DeviceRecord], now: datetime) -> None:
    """A suite a run, a test case a router. The counts stand before the cases, which are kept aside until all came."""
    with TemporaryFile("w+", encoding="utf-8", newline="") as cases:
        counting = Counting(now)
        inner = XMLGenerator(cases, "utf-8", short_empty_elements=True)
        counts = Counter({"tests": 0, **dict.fromkeys(_COUNTS.values(), 0)})
        for device in counting.each(devices):
            counts["tests"] += 1
            if (name := _COUNTS.get(end(device))) is not None:
                counts[name] += 1
            _case(inner, run, device)
        cases.seek(0)
        properties = {name: value for name, value in plain(run_object(run, now)).items() if isinstance(value, str)}
        properties |= _counted(plain(counting.summary.total))
        _suite(out, run, properties, {name: str(count) for name, count in counts.items()}, cases)


def _counted(total: Mapping[str, Any]) -> dict[str, str]:
    """The counts of a run by names of one level: ``lost_by_reload``, ``in_need.week``."""
    flat = {**total, **{f"in_need.{name}": count for name, count in total["in_need"].items()}}
    return {name: str(count) for name, count in flat.items() if name != "in_need"}


def _suite(
    out: TextIOBase, run: RunRecord, properties: Mapping[str, str], counts: Mapping[str, str], cases: IO[str]
) -> None:
    xml = XMLGenerator(out, "utf-8", short_empty_elements=True)
    xml.startDocument()
    about = {
        "name": run.run,
        "hostname": run.host,
        # The schemas that readers have want no zone; it is UTC.
        "timestamp": f"{run.began.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
        "time": _time(run.began, run.ended),
    }
    with _element(xml, "testsuites", {"name": "xr-agent", **counts}), _element(xml, "testsuite", {**about, **counts}):
        with _element(xml, "properties"):
            for name, value in properties.items():
                with _element(xml, "property", {"name": name, "value": value}):
                    pass
        shutil.copyfileobj(cases, out)
        xml.characters("\n")
    xml.endDocument()
    out.write("\n")


def _case(xml: XMLGenerator, run: RunRecord, device: DeviceRecord) -> None:
    xml.characters("\n")
    about = {"name": device.device, "classname": run.kind.value, "time": _time(device.began, device.ended)}
    with _element(xml, "testcase", about):
        element = _ELEMENTS.get(end(device))
        if element is not None:
            said = why(device) or Error(device.word, f"the result is {device.word!r}")
            told = [said.message, *([said.hint] if said.hint else []), *device.reasons]
            with _element(xml, element, {"message": said.message, "type": said.kind}):
                xml.characters("\n".join(shown(line) for line in dict.fromkeys(told)))
        lines = [*([LEGACY] if device.legacy_ssh else []), *step_lines(device)]
        if lines:
            with _element(xml, "system-out"):
                xml.characters("\n".join(lines))


@contextmanager
def _element(xml: XMLGenerator, name: str, attributes: Mapping[str, str] | None = None) -> Iterator[None]:
    legal = {
        key: shown(value, TEXT if key in ("message", "value") else NAME) for key, value in (attributes or {}).items()
    }
    xml.startElement(name, AttributesImpl(legal))
    yield
    xml.endElement(name)


def _time(began: datetime | None, ended: datetime | None) -> str:
    return f"{seconds(began, ended) or 0:.3f}"
