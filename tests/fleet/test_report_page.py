"""The HTML report in a real browser: Debian's Chromium, headless, over file://."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from agent.fleet.report.document import write
from agent.fleet.results.record import DeviceRecord, Kind
from tests.fleet.records import NOW, devices, hostile, run

CHROMIUM = Path("/usr/bin/chromium")
DRIVER = Path("/usr/bin/chromedriver")
WIDE, NARROW = (1280, 900), (390, 844)
# The contrast of every text with what is painted behind it, by WCAG 2.2's formula; what is not shown has none.
CONTRASTS = """
const parts = (color) => color.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
  .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const [r, g, b, a = 1] = parts(getComputedStyle(at).backgroundColor);
    if (a === 1) return [r, g, b];
    if (a !== 0) throw new Error(`half transparent: ${at.className}`);
  }
  throw new Error("no ground");
};
const told = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const element = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !element.checkVisibility() || element.closest("script, title")) continue;
  const style = getComputedStyle(element);
  const [high, low] = [light(parts(element.closest("svg") ? style.fill : style.color)), light(behind(element))]
    .sort((a, b) => b - a);
  told.push([(high + 0.05) / (low + 0.05), walk.currentNode.data.trim()]);
}
return told;
"""


class Page:
    """One browser, and what the tests ask of the report that it shows."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver = driver
        self.folder = folder

    def show(
        self,
        made: Iterator[DeviceRecord] | list[DeviceRecord],
        kind: Kind = Kind.PUSH,
        size: tuple[int, int] = WIDE,
        scheme: str = "light",
    ) -> None:
        """Write the report and open it; what the browser said before is forgotten."""
        path = self.folder / "report.html"
        write(path, run(kind), made, now=NOW)
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})
        self.errors()
        self.requests()
        self.driver.get(path.as_uri())

    def errors(self) -> list[str]:
        """What stands in the console since it was last asked."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def requests(self) -> list[str]:
        """Which addresses were asked for since it was last asked; those inside the page (data:) are none."""
        log = self.driver.get_log("performance")  # type: ignore[no-untyped-call]
        sent = (json.loads(entry["message"])["message"] for entry in log)
        urls = [event["params"]["request"]["url"] for event in sent if event["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith("data:")]

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def many(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def head(self, key: str) -> WebElement:
        return self.one(f"thead th[data-key='{key}']")

    def column(self, key: str) -> list[str]:
        """The texts of the shown rows, top to bottom."""
        told: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map((cell) => cell.innerText)",
            "tr.row .name" if key == "device" else f"tr.row > td.{key}",
        )
        return told

    @property
    def status(self) -> str:
        return self.one("#status").text

    def overflows(self) -> bool:
        return bool(self.run("return document.scrollingElement.scrollWidth > innerWidth"))


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    for needed in (CHROMIUM, DRIVER):
        if not needed.exists():
            pytest.skip(
                f"THE REPORT IS NOT TESTED IN A BROWSER: {needed} is missing (apt install chromium chromium-driver)"
            )
    options = Options()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless=new",
        "--no-sandbox",  # CI runs as root
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    yield browser
    browser.quit()


@pytest.fixture
def page(driver: webdriver.Chrome, tmp_path: Path) -> Iterator[Page]:
    """Whatever a test does with it, the page asks for nothing and nothing goes wrong in it."""
    shown = Page(driver, tmp_path)
    yield shown
    assert shown.errors() == []
    assert shown.requests() == [(tmp_path / "report.html").as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, (768, 1024), NARROW], ids=["wide", "middle", "narrow"])
@pytest.mark.parametrize("kind", [Kind.ASSESS, Kind.PLAN, Kind.PUSH])
def test_it_fits_every_screen_and_can_be_read(page: Page, kind: Kind, size: tuple[int, int], scheme: str) -> None:
    page.show(devices(70, kind), kind, size, scheme)
    page.one("#unfold").click()
    page.one(".settings summary").click()
    assert not page.overflows()
    contrasts = page.run(CONTRASTS)
    assert len(contrasts) > 500
    assert [told for told in contrasts if told[0] < 4.5] == []
    ground = page.run("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(247, 247, 245)", "dark": "rgb(19, 22, 25)"}[scheme]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_hostile_text_is_shown_and_does_nothing(page: Page, size: tuple[int, int]) -> None:
    page.show([hostile(), hostile().evolve(device="r" * 5000, word="unknown"), *devices(3)], size=size)
    page.one("#unfold").click()
    assert not page.overflows()
    assert page.column("device")[0].startswith("</script><script>alert(1)</script><!-- ]]> &lt; \\x1b[2J")
    assert "more characters; the JSON report has them" in page.one("tr.details .error").text
    assert page.run("return document.scripts.length") == 1


def test_a_head_sorts_by_its_column_and_back(page: Page) -> None:
    page.show(devices(60))
    assert page.head("rank").get_attribute("aria-sort") == "ascending"
    assert page.column("rank")[0] == "✕\nfailed"
    assert page.column("rank")[-1] == "✓\nunchanged"

    page.head("took").find_element(By.TAG_NAME, "button").click()
    took = [float(text.removesuffix(" s")) for text in page.column("took")]
    assert took == sorted(took)
    assert page.head("took").get_attribute("aria-sort") == "ascending"
    assert page.head("rank").get_attribute("aria-sort") == "none"

    page.head("took").find_element(By.TAG_NAME, "button").click()
    assert page.head("took").get_attribute("aria-sort") == "descending"
    assert page.column("took") == [f"{seconds:.1f} s" for seconds in sorted(took, reverse=True)]


def test_names_are_sorted_as_people_count(page: Page) -> None:
    names = ["pe10", "pe9", "PE2", "pe1"]
    page.show([DeviceRecord(name, "unchanged", well=True) for name in names])
    page.head("device").find_element(By.TAG_NAME, "button").click()
    assert page.column("device") == ["pe1", "PE2", "pe9", "pe10"]


def test_what_has_no_value_stands_last_both_ways(page: Page) -> None:
    page.show(devices(60, Kind.ASSESS), Kind.ASSESS)
    button = page.head("next").find_element(By.TAG_NAME, "button")
    for _ in range(2):
        button.click()
        shown = page.column("next")
        assert shown[-1] == ""
        assert shown[0] != ""
        assert [text == "" for text in shown] == sorted(text == "" for text in shown)


def test_the_keyboard_sorts_filters_and_opens(page: Page) -> None:
    page.show(devices(30))
    keys = webdriver.ActionChains(page.driver)
    page.run("document.getElementById('find').focus()")
    keys.send_keys("fra-cr1").perform()
    assert page.column("device") == ["fra-cr1"]
    # Over the box of those that need a look, two buttons and the heads to the one name in the list.
    wanted = page.one("tr.row .name")
    for _ in range(20):
        if page.driver.switch_to.active_element == wanted:
            break
        webdriver.ActionChains(page.driver).send_keys(Keys.TAB).perform()
    webdriver.ActionChains(page.driver).send_keys(Keys.ENTER).perform()
    assert page.one("tr.row .name").get_attribute("aria-expanded") == "true"
    assert "end that session, then push again" in page.one("tr.details").text
    outline = page.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_details_show_steps_error_hint_and_facts(page: Page) -> None:
    page.show(devices(5))
    row = page.one("tr.row")
    assert page.column("device")[0] == "fra-cr1"
    row.find_element(By.CSS_SELECTOR, "td.note").click()
    details = page.one("tr.details").text
    for text in ("lock-denied", "the candidate is locked by session 4711", "end that session, then push again"):
        assert text in details
    assert "held; candidate compared with running" in details
    assert "fra-cr1.example:830" in details
    row.find_element(By.CSS_SELECTOR, ".name").click()
    assert page.many("tr.details") == []


def test_details_of_an_assessment_and_of_a_plan(page: Page) -> None:
    page.show(devices(5, Kind.ASSESS), Kind.ASSESS)
    page.one("tr.row .name").click()
    assert "the trustpool does not list IdenTrust Commercial Root CA 1" in page.one("tr.details").text
    assert "2027-11-25 · in 365 days" in page.one("tr.details").text
    page.requests()
    page.show(devices(5, Kind.PLAN), Kind.PLAN)
    page.many("tr.row .name")[1].click()
    assert "> rpc ca-authenticate server-name=Trustpool" in page.one("tr.details pre").text


def test_words_filter_alone_and_together(page: Page) -> None:
    made = list(devices(300))
    page.show(iter(made))
    for word in ("failed", "skipped"):
        page.one(f"#words input[value='{word}']").click()
    wanted = [device.device for device in made if device.word in ("failed", "skipped")]
    assert sorted(page.column("device")) == sorted(wanted)
    assert page.status == f"{len(wanted)} of {len(wanted)} shown, 300 in all"

    page.one("#find").send_keys("no answer BATCH")
    away = [device.device for device in made if device.error and "no answer" in device.error.message]
    assert sorted(page.column("device")) == sorted(set(away) & set(wanted) - {device.device for device in made[:5]})

    page.one("#clear").click()
    assert page.status == "200 of 300 shown"
    assert not page.one("#clear").is_displayed()

    page.one("#look").click()
    assert page.status.startswith(f"{sum(not device.well for device in made)} of ")
    page.one("#find").send_keys("nowhere")
    assert page.status == "None of 300 matches"


def test_deadlines_are_drawn_with_todays_mark_and_choose_routers(page: Page) -> None:
    made = list(devices(400, Kind.ASSESS))
    page.show(iter(made), Kind.ASSESS)
    assert [title.text.split(" after")[0] for title in page.many(".lane h3")] == [
        "comm failed",
        "authorization expired",
        "unregistered",
    ]
    today, bars = page.run(
        """
        const lane = document.querySelector(".lane");
        const middle = (element) => { const box = element.getBoundingClientRect(); return box.x + box.width / 2; };
        return [middle(lane.querySelector(".today")), [...lane.querySelectorAll(".bar")].map((bar) =>
            [middle(bar), bar.getBoundingClientRect().height, bar.classList.contains("passed")])];
        """
    )
    assert len(bars) > 10
    assert all(height >= 2 for _, height, _ in bars)
    assert all((x < today) == passed for x, _, passed in bars)
    assert "today, 2026-11-25" in page.one(".axis .now").text

    button = page.one("button.bucket[data-deadline='unregistered'][data-when='week']")
    count = int(button.find_element(By.TAG_NAME, "strong").text)
    wanted = [device.device for device in made if not device.well and 0 <= _days(device) < 7]
    assert count == len(wanted) > 0
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert sorted(page.column("device")) == sorted(wanted)
    button.click()
    assert page.status == "200 of 400 shown"


def _days(device: DeviceRecord) -> float:
    due = device.deadlines.get("unregistered")
    return (due - NOW).total_seconds() / 86400 if due else -1


def test_ten_thousand_routers_open_filter_and_go_on(page: Page) -> None:
    page.show(devices(10_000, Kind.ASSESS), Kind.ASSESS)
    assert page.status == "200 of 10,000 shown"
    assert len(page.many("tr.row")) == 200
    assert len(page.many(".lane .bar")) < 240
    page.one("#more").click()
    assert page.status == "400 of 10,000 shown"
    assert len(page.many("tr.row")) == 400
    page.one("#find").send_keys("zrh-bng255")
    assert page.column("device") == ["zrh-bng255"]
    page.one("#clear").click()
    page.head("device").find_element(By.TAG_NAME, "button").click()
    assert page.column("device")[0] == "ams-ar1"


def test_the_last_page_of_rows_takes_the_focus_along(page: Page) -> None:
    page.show(devices(250))
    page.one("#more").click()
    assert not page.one("#more").is_displayed()
    assert page.run("return document.activeElement === document.querySelectorAll('tr.row .name')[200]")


def test_without_scripts_it_is_still_a_report(page: Page) -> None:
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.show(devices(70, Kind.ASSESS), Kind.ASSESS)
        assert page.one("noscript table tbody tr").is_displayed()
        assert not page.one("#list").is_displayed()
        assert len(page.many(".lane .bar")) > 10
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_on_paper_the_list_stays_and_the_tools_go(page: Page) -> None:
    page.show(devices(30), scheme="dark")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not page.one(".tools").is_displayed()
    assert page.one("tr.row td.note").is_displayed()
    assert page.run("return getComputedStyle(document.body).color") == "rgb(27, 31, 36)"
    assert not page.overflows()


def test_words_and_signs_tell_what_colours_do(page: Page) -> None:
    page.show(devices(5))
    signs = {"failed": "✕", "unknown": "?", "skipped": "\u2013", "remedied": "✓", "unchanged": "✓"}
    assert page.column("rank") == [f"{sign}\n{word}" for word, sign in signs.items()]
    assert [label.text.split("\n") for label in page.many("label.word")] == [
        [sign, f"{word}", "1"] for word, sign in signs.items()
    ]


def test_everything_to_press_has_a_name(page: Page) -> None:
    page.show(devices(5, Kind.ASSESS), Kind.ASSESS)
    page.one("#look").click()
    controls = [control for control in page.many("button, input, summary") if control.is_displayed()]
    assert len(controls) > 20
    assert [control.get_attribute("outerHTML") for control in controls if not control.accessible_name] == []
    assert page.one("table").aria_role == "table"
    assert page.one("tr.row th").aria_role == "rowheader"
    assert page.one("thead th").aria_role == "columnheader"
