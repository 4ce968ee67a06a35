"""A real Prometheus reads the metrics; the alerts and the dashboard stand on names that are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parsed

import agent
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.metrics import Metrics
from agent.fleet.poll import watch
from agent.fleet.results.record import Kind
from agent.fleet.run.job import Job
from agent.fleet.run.router import Hooks
from agent.model.local.resources import directory
from tests.fleet.looks import contacted, failed, look
from tests.fleet.prometheus import Prometheus, promtool, scraping
from tests.fleet.routers import target
from tests.support import Clock, Lab

RULES = directory("templates") / "prometheus-rules.yml"
CASES = Path(__file__).parent / "prometheus-rules-test.yml"
DASHBOARD: dict[str, Any] = json.loads((directory("templates") / "grafana-dashboard.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
TARGETS = [(panel["title"], one["expr"]) for panel in PANELS for one in panel["targets"]]
VARIABLES = {'"$job"': '".*"', "$__rate_interval": "1m"}


def names() -> set[str]:
    """Every name under which the metrics have series."""
    now = datetime.now(UTC)
    metrics = Metrics()
    for one in (look("r1", contacted(70, now=now), now=now, anchor_present=True), failed("r2"), look("r3", last=True)):
        metrics.saw(one)
    return {one.name for family in parsed(generate_latest(metrics.registry).decode()) for one in family.samples}


def asked(expression: str) -> set[str]:
    return set(re.findall(r"\bxr_agent_\w+", expression))


def test_prometheus_reads_what_a_watch_saw(lab: Lab, reach: Reach, clock: Clock, tmp_path: Path) -> None:
    pem = agent.TrustAnchor.bundled().pem
    good = lab.add(release="7.8.1", enrollment="terminal", certificate=pem)
    bad = lab.add(release="7.4.1", enrollment="terminal")
    old = lab.add(release="7.0.1", ssh=False)
    gone = Target("gone", "127.0.0.1", port=1)
    metrics = Metrics()
    hooks = Hooks(policy=clock.policy(attempts=1))
    job = Job(Kind.POLL, replace(reach, ssh=False))
    for one in watch([target(good), target(bad), target(old), gone], job, interval=10, timeout=9, hooks=hooks):
        metrics.saw(one)
    with metrics.served("127.0.0.1:0") as port, scraping(port, tmp_path) as prometheus:
        up = prometheus.eventually("xr_agent_up", lambda found: len(found) == 3)
        assert {labels["device"]: value for labels, value in up} == {good.name: 1, bad.name: 1, "gone": 0}
        assert _by(prometheus, "xr_agent_watch_ended") == {(old.name, "unpollable"): 1}
        assert _by(prometheus, "xr_agent_licensing_last_contact_success") == {(good.name,): 1, (bad.name,): 0}
        assert _by(prometheus, "xr_agent_anchor_present") == {(good.name,): 1, (bad.name,): 0}
        assert _by(prometheus, "xr_agent_licensing_registration")[good.name, "complete"] == 1
        assert _by(prometheus, 'xr_agent_look_errors_total{kind=~"connect|capability"}') == {
            ("connect",): 1,
            ("capability",): 1,
        }
        assert _by(prometheus, "sum(xr_agent_look_duration_seconds_count)") == {(): 4}
        ((version, _),) = prometheus.query("xr_agent_build_info")
        assert version["version"] == agent.__version__
        told = {entry["__name__"] for entry in prometheus.ask("series", **{"match[]": '{job="xr-agent"}'})}
        assert {name for name in told if name.startswith("xr_agent_")} == names()


def _by(prometheus: Prometheus, expression: str) -> dict[tuple[str, ...], float]:
    ours = {"__name__", "instance", "job"}
    return {
        tuple(value for label, value in sorted(labels.items()) if label not in ours): value
        for labels, value in prometheus.query(expression)
    }


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that has read of a few routers which differ in all that a dashboard shows."""
    metrics, now = Metrics(), datetime.now(UTC)
    for days in (1, 40, 70, 85, 88.5, 100):
        metrics.saw(look(f"r{days}", contacted(days, now=now), now=now, anchor_present=days < 50))
    metrics.saw(look("failing", contacted(0, now=now, last_comm_success=False), now=now))
    metrics.saw(look("done", contacted(0, now=now), now=now, reached=True, last=True))
    folder = tmp_path_factory.mktemp("prometheus")
    with metrics.served("127.0.0.1:0") as port, scraping(port, folder) as running:
        running.eventually("xr_agent_up")
        metrics.saw(failed("away", now=now))
        running.eventually('rate(xr_agent_look_errors_total{kind="connect"}[1m]) > 0')
        yield running


@pytest.mark.parametrize("title, expression", TARGETS)
def test_prometheus_answers_every_question_of_the_dashboard(
    prometheus: Prometheus, title: str, expression: str
) -> None:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    assert prometheus.query(expression), title


def test_the_table_of_the_dashboard_names_each_reason(prometheus: Prometheus) -> None:
    (expression,) = (text for title, text in TARGETS if title == "Routers that need a look")
    rows = prometheus.query(expression.replace('"$job"', '".*"'))
    why = {(labels["device"], labels["why"]) for labels, _ in rows}
    assert ("away", "look failed") in why
    assert ("failing", "last contact failed") in why
    assert {device for device, reason in why if reason == "root not shown"} == {"r70", "r85", "r88.5", "r100"}
    assert {device for device, reason in why if "30 days" in reason} == {"r70", "r85", "r88.5", "r100"}


def test_the_bars_of_the_dashboard_count_each_router_once(prometheus: Prometheus) -> None:
    (panel,) = (panel for panel in PANELS if panel["type"] == "bargauge")
    counts = {}
    for one in panel["targets"]:
        ((_, counts[one["legendFormat"]]),) = prometheus.query(one["expr"].replace('"$job"', '".*"'))
    assert counts == {
        "passed": 1,
        "under 3 days": 1,
        "3 to 14 days": 1,
        "14 to 30 days": 1,
        "30 to 60 days": 1,
        "60 days and more": 1,
    }


def test_the_rules_are_rules() -> None:
    promtool("check", "rules", str(RULES))


def test_each_alert_comes_when_it_should_and_not_before() -> None:
    promtool("test", "rules", str(CASES))


def test_each_alert_has_a_case_in_which_it_comes_and_one_in_which_it_does_not() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8")))
    cases = re.findall(r"alertname: (\w+)\n\s+exp_alerts:( \[\])?", CASES.read_text(encoding="utf-8"))
    assert {name for name, none in cases if not none} == alerts
    assert {name for name, none in cases if none} == alerts


@pytest.mark.parametrize("text", [RULES.read_text(encoding="utf-8"), *(expression for _, expression in TARGETS)])
def test_every_name_in_rules_and_dashboard_is_one_of_the_metrics(text: str) -> None:
    assert asked(text) <= names()


def test_every_metric_is_in_the_dashboard_or_the_rules() -> None:
    used = asked(RULES.read_text(encoding="utf-8")).union(*(asked(expression) for _, expression in TARGETS))
    left_out = {name for name in names() if not name.endswith(("_created", "_sum"))} - used
    assert left_out <= {"xr_agent_look_duration_seconds_count"}


def test_the_dashboard_can_be_imported_anywhere() -> None:
    assert DASHBOARD["title"]
    assert "id" not in DASHBOARD
    variable = DASHBOARD["templating"]["list"][0]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    sources = [panel["datasource"] for panel in PANELS]
    sources += [one["datasource"] for panel in PANELS for one in panel["targets"]]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    place = panel["gridPos"]
    assert 0 <= place["x"] <= place["x"] + place["w"] <= 24
    refs = [one["refId"] for one in panel["targets"]]
    assert len(set(refs)) == len(refs)


def test_no_two_panels_cover_each_other() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
