"""Keys of the inventory's data as labels of the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parsed

from agent.fleet.inventory.target import Target
from agent.fleet.metrics import Metrics
from agent.fleet.metricslabels import MOST, metrics_labels
from agent.fleet.poll import Look
from agent.model.errors import InputError
from tests.fleet.looks import contacted, failed, look
from tests.fleet.prometheus import promtool


def at(one: Look, **data: str) -> Look:
    return replace(one, target=replace(one.target, data=data))


def routers(*data: Mapping[str, str]) -> list[Target]:
    return [Target(f"r{number}", f"r{number}", data=one) for number, one in enumerate(data, 1)]


def told(labels: Mapping[str, str], *looks: Look) -> tuple[str, list[dict[str, str]]]:
    """What Prometheus reads, and the labels of each of its series that has a device."""
    metrics = Metrics(labels)
    for one in looks:
        metrics.saw(one)
    text = generate_latest(metrics.registry).decode()
    found = [sample.labels for family in parsed(text) for sample in family.samples]
    return text, [labels for labels in found if "device" in labels]


def test_every_series_of_a_router_has_them_and_a_router_without_has_them_empty() -> None:
    labels = metrics_labels(["site", "rack-row"], routers({"site": 'Lon "1"', "rack-row": "7"}, {}))
    assert labels == {"site": "site", "rack_row": "rack-row"}
    looks = (
        at(look("r1", contacted(10), anchor_present=True), site='Lon "1"', **{"rack-row": "7"}),
        look("r2", contacted(3), anchor_present=False),
        at(failed("r3"), site="Paris"),
        at(look("r4", last=True), site="Oslo"),
    )
    text, series = told(labels, *looks)
    values = {one["device"]: (one["site"], one["rack_row"]) for one in series}
    assert values == {"r1": ('Lon "1"', "7"), "r2": ("", ""), "r3": ("Paris", ""), "r4": ("Oslo", "")}
    assert len(series) == len(told({}, *looks)[1])
    promtool("check", "metrics", given=text)


def test_a_router_whose_site_changed_has_the_new_one_alone() -> None:
    _, series = told(
        {"site": "site"}, at(look("r1", contacted(1)), site="old"), at(look("r1", contacted(1)), site="new")
    )
    assert {one["site"] for one in series} == {"new"}


@pytest.mark.parametrize(
    "keys, what",
    [
        (["sit"], "no router has 'sit'"),
        ([""], "makes no label"),
        (["--"], "makes no label"),
        (["__name__"], "makes no label"),
        (["device"], "the metrics have themselves"),
        (["job"], "Prometheus gives itself"),
        (["snmp_password"], "names a secret"),
        (["site-a", "site_a"], "are one label"),
        ([f"key{number}" for number in range(MOST + 1)], "labels for each router"),
    ],
)
def test_what_makes_no_label_is_said_before_any_router_is_reached(keys: list[str], what: str) -> None:
    every = routers({"site": "x", "site-a": "1", "site_a": "2", **{f"key{number}": "" for number in range(MOST + 1)}})
    with pytest.raises(InputError, match=what) as caught:
        metrics_labels(keys, every)
    assert caught.value.hint


def test_no_label_that_the_metrics_have_is_given_twice() -> None:
    text, _ = told({}, look("r1", contacted(10), anchor_present=True), failed("r3"), look("r4", last=True))
    theirs = {name for family in parsed(text) for sample in family.samples for name in sample.labels}
    assert theirs == {"device", "state", "deadline", "reason", "kind", "version", "le"}
    for name in theirs:
        with pytest.raises(InputError, match="the metrics have themselves"):
            metrics_labels([name], routers({name: "x"}))


@pytest.mark.parametrize("key, label", [("2nd site", "_2nd_site"), ("größe", "gr__e"), ("Site.Name", "Site_Name")])
def test_letters_that_a_label_cannot_have(key: str, label: str) -> None:
    assert metrics_labels([key, key], routers({key: "x"})) == {label: key}


def test_a_hint_names_no_key_of_a_secret() -> None:
    with pytest.raises(InputError) as caught:
        metrics_labels(["rol"], routers({"role": "core", "enable_secret": "x"}))
    assert caught.value.hint == "they have: role"
