"""Records that stand in several lines, or within one with others; all of them SYNTHETIC, in real programs' forms."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from agent.remedy.notices.folder import bundled
from agent.xr.logs.scan import scan
from tests.xr.logs.test_scan import ISO, LOST, QUIET, XR, Pieces, found

MICROSECONDS = "1645524007962123"
MOMENT = "2022-02-22T10:00:07.962123+00:00"
OWN = "Feb 22 10:00:07.962 UTC"
UNNAMED = ("unknown", 2, OWN)


def rows(text: str | bytes) -> list[tuple[str, int, str | None]]:
    """Each host with how often it lost the server, and when first; all of the text is understood."""
    findings = found(text)
    assert findings.understood == findings.lines > 0
    return [
        (host.host, sum(host.counts.values()), host.first.text if host.first else None)
        for host in findings.hosts.values()
    ]


def journal(host: str, message: Any) -> dict[str, Any]:
    return {"__REALTIME_TIMESTAMP": MICROSECONDS, "MESSAGE": message, "_HOSTNAME": host, "PRIORITY": "3"}


def response(*hosts: str) -> dict[str, Any]:
    """What Elasticsearch answers to a search."""
    sources = [{"@timestamp": ISO, "message": XR, "host": {"name": host}} for host in hosts]
    hits = [{"_index": "syslog", "_id": str(place), "_source": source} for place, source in enumerate(sources)]
    return {"took": 3, "hits": {"total": {"value": len(hits)}, "hits": hits}}


@pytest.mark.parametrize("indent", [None, 0, 2, "\t"])
@pytest.mark.parametrize(
    "made, expected",
    [
        ({"message": XR, "host": {"name": "r1"}, "@timestamp": ISO}, [("r1", 1, ISO)]),
        ([{"host": f"r{n}", "message": XR, "time": ISO} for n in (1, 2)], [("r1", 1, ISO), ("r2", 1, ISO)]),
        (response("r1", "r2", "r1"), [("r1", 2, ISO), ("r2", 1, ISO)]),
        (journal("r1", XR), [("r1", 1, MOMENT)]),
        (journal("r1", [7, *XR.encode()]), [("r1", 1, MOMENT)]),
        ({"time": ISO, "host": "r1", "event": {"message": XR, "source": "tcp"}}, [("r1", 1, ISO)]),
        ({"host": "r1", "time": ISO, "records": [{"message": XR}, {"message": QUIET}]}, [("r1", 1, OWN)]),
        ({"host": {"ip": ["10.0.0.1", "fe80::1"]}, "time": ISO, "message": XR}, [("10.0.0.1", 1, ISO)]),
        (
            {
                "messages": [
                    {"message": {"source": host, "timestamp": ISO, "message": XR}, "index": "x"} for host in "ab"
                ]
            },
            [("a", 1, ISO), ("b", 1, ISO)],
        ),
        (
            {"data": {"result": [{"stream": {"host": host}, "values": [["1645524007", XR]] * 2} for host in "ab"]}},
            [("a", 2, OWN), ("b", 2, OWN)],
        ),
        ({"tables": [{"columns": ["Time", "Host", "Text"], "rows": [[ISO, "a", XR], [ISO, "b", XR]]}]}, [UNNAMED]),
        ({"a {": '}{"\\', "message": XR, "host": "r1", "time": ISO}, [("r1", 1, ISO)]),
    ],
    ids=[
        "object",
        "array",
        "search",
        "journald",
        "bytes",
        "field",
        "records",
        "addresses",
        "graylog",
        "loki",
        "rows",
        "braces",
    ],
)
def test_objects_are_read_however_they_are_laid_out(made: Any, indent: int | str | None, expected: object) -> None:
    assert rows(json.dumps(made, indent=indent) + "\n") == expected


@pytest.mark.parametrize("lead", ["data: ", "\x1e"])
def test_objects_behind_what_a_protocol_puts_before_each(lead: str) -> None:
    assert rows(f"{lead}{json.dumps(journal('r1', [*XR.encode()]))}\n\n".encode()) == [("r1", 1, MOMENT)]


def test_objects_follow_one_another() -> None:
    text = "".join(json.dumps(journal(host, XR), indent="\t") + "\n" for host in ("r1", "r2", "r1"))
    assert rows(text) == [("r1", 2, MOMENT), ("r2", 1, MOMENT)]


VERBOSE = f"""-- Logs begin at Tue 2022-02-22 09:00:00 UTC, end at Tue 2022-02-22 11:00:00 UTC. --
Tue 2022-02-22 10:00:07.962123 UTC [s=0a1b;i=1;b=2c;m=3;t=4;x=5]
    _TRANSPORT=syslog
    _HOSTNAME=r1
    MESSAGE={XR}
Tue 2022-02-22 10:00:08.962123 UTC [s=0a1b;i=2;b=2c;m=3;t=4;x=5]
    MESSAGE={LOST}
    _HOSTNAME=r2
"""
EXPORT = f"""__CURSOR=s=0a1b;i=1
__REALTIME_TIMESTAMP={MICROSECONDS}
_HOSTNAME=r1
MESSAGE={XR}

__CURSOR=s=0a1b;i=2
MESSAGE={LOST}
__REALTIME_TIMESTAMP=1645524008962123
_HOSTNAME=r2
"""


def test_the_longer_forms_of_journalctl() -> None:
    times = ["Tue 2022-02-22 10:00:07.962123 UTC", "Tue 2022-02-22 10:00:08.962123 UTC"]
    assert rows(VERBOSE) == [("r1", 1, times[0]), ("r2", 1, times[1])]
    assert rows(EXPORT) == [("r1", 1, MOMENT), ("r2", 1, MOMENT.replace("07.", "08."))]


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize(
    "text",
    [
        json.dumps(response("r1", "r2"), indent=4),
        json.dumps([journal(host, [*XR.encode()]) for host in ("r1", "r2")], indent="\t"),
        VERBOSE,
        EXPORT,
    ],
    ids=["search", "bytes", "verbose", "export"],
)
def test_the_pieces_in_which_they_come_do_not_matter(text: str, size: int) -> None:
    stream: Any = Pieces(text.encode(), size)
    assert {name: host.counts for name, host in scan(stream, bundled().signatures).hosts.items()} == {
        name: host.counts for name, host in found(text).hosts.items()
    }


def test_a_search_of_megabytes_keeps_its_records_apart() -> None:
    hosts = [f"r{place}" for place in range(9000)]
    findings = scan(io.BytesIO(json.dumps(response(*hosts), indent=1).encode()), bundled().signatures)
    assert [*findings.hosts] == hosts
    assert all(host.counts == {"SMART_LIC-3-COMM_FAILED": 1} for host in findings.hosts.values())


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"device": "r1", "outcome": "unchanged"}, indent=2),
        json.dumps([{"name": "r1", "ports": [22, 830]}], indent=2),
        "{\n no JSON\n",
        "[",
    ],
)
def test_of_what_is_no_log_nothing_is_understood(text: str) -> None:
    findings = found(text)
    assert (findings.understood, findings.hosts) == (0, {})


def test_numbers_that_are_no_bytes_are_left_alone() -> None:
    assert rows(json.dumps(journal("r1", [300, 1])) + "\n") == []


@pytest.mark.parametrize("word", ["1", "1 ", "1,", " ", '"', "\\", "{", "[1]", '"MESSAGE":['])
def test_a_long_array_costs_one_pass(word: str) -> None:
    """With a pattern that goes back and forth, this would not end."""
    text = '{"MESSAGE":[' + word * (200_000 // len(word))
    assert found(text).hosts == {}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "\0"])
@pytest.mark.parametrize("size", [1, 4096])
def test_lines_end_as_their_sender_ends_them(ending: str, size: int) -> None:
    text = "".join(f"Feb 22 10:00:0{place} r{place} 103: {XR}{ending}" for place in range(3))
    stream: Any = Pieces(text.encode(), size)
    findings = scan(stream, bundled().signatures)
    assert ([*findings.hosts], findings.lines, findings.understood) == (["r0", "r1", "r2"], 3, 3)


@pytest.mark.parametrize("line", [f"some words: {XR}", f"| x | {XR} |", f"r1 : {XR}", f"{ISO} <b>{XR}</b>"])
def test_a_line_with_a_message_is_understood_whatever_it_begins_with(line: str) -> None:
    text = f"words without a time\n{line}\n"
    assert [(findings.lines, findings.understood) for findings in (found(text), found(text * 2))] == [(2, 1), (4, 2)]


@pytest.mark.parametrize("before", ["{a} ", "[b] ", "{", "[{c} "])
def test_a_line_that_only_begins_like_json_stays_one(before: str) -> None:
    text = "".join(f"{before}Feb 22 10:00:0{place} r{place} 103: r{place} {XR}\n" for place in range(3))
    findings = found(text)
    assert (findings.lines, sum(sum(host.counts.values()) for host in findings.hosts.values())) == (3, 3)
