"""The page in a real browser, opened from disk."""

import json
import shutil
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from pipeline.report.page import collect, render
from tests.report.inputs import HOSTILE, write_benchmark, write_run, write_sweep, write_teacher
from tests.tiny import train_byte_bpe

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on PATH")
QUESTIONS = 5000
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with all of its parts."""
    root = tmp_path_factory.mktemp("report")
    write_run(root)
    write_sweep(root)
    write_teacher(root, train_byte_bpe())
    for name, count in (("project", 12), ("tofu", QUESTIONS), ("wpu", 12)):
        write_benchmark(root, name, count=count)
    path = root / "report.html"
    path.write_text(render(collect(root)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Chrome"]:
    """Chromium with the page open and its charts drawn."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        driver.get(page.as_uri())
        wait_for(driver, "return document.documentElement.dataset.charts === 'drawn'")
        yield driver
    finally:
        driver.quit()


def wait_for(driver: "Chrome", script: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not driver.execute_script(script):
        assert time.monotonic() < end, f"never true: {script}"
        time.sleep(0.05)


def ask(driver: "Chrome", **chosen: str) -> list[str]:
    """Set the filters, wait for the search's pause, and return the questions found."""
    script = """
        const form = document.querySelector('.filters').elements;
        for (const [name, value] of Object.entries(arguments[0])) {
          form[name].value = value === 'all' ? form[name].options[0].value : value;
          form[name].dispatchEvent(new Event(name === 'words' ? 'input' : 'change', {bubbles: true}));
        }
    """
    driver.execute_script(script, chosen)
    time.sleep(0.3)
    return texts(driver, ".question h3")


def texts(driver: "Chrome", selector: str) -> list[str]:
    found: list[str] = driver.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector
    )
    return found


def test_nothing_is_asked_of_a_network_and_nothing_is_complained_of(browser: "Chrome", page: Path) -> None:
    log: list[dict[str, Any]] = browser.get_log("browser")
    assert log == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert page.as_uri() in asked
    of_the_browser = ("chrome", "chrome-untrusted")  # what its own first tab asks for
    assert not [url for url in asked if urlsplit(url).scheme not in ("file", "data", *of_the_browser)]
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_every_chart_is_drawn(browser: "Chrome") -> None:
    script = """
        return [...document.querySelectorAll('[data-chart]')].map(box => {
          const marks = box.querySelectorAll('.mark-rect path, .mark-line path, .mark-area path, .mark-symbol path');
          const size = box.querySelector('svg')?.getBoundingClientRect();
          return [box.dataset.chart, marks.length, size?.width ?? 0, size?.height ?? 0, box.clientWidth];
        })
    """
    drawn = browser.execute_script(script)
    assert len(drawn) >= 25
    for name, marks, width, height, room in drawn:
        assert marks > 0 and height > 80, name
        assert 200 < width <= room, name


def test_search_and_filters_find(browser: "Chrome") -> None:
    assert len(ask(browser, source="tofu", split="all", method="all", words="")) == 20
    assert texts(browser, ".count") == [f"1 to 20 of {QUESTIONS} found, {QUESTIONS} in all"]
    assert ask(browser, words="NPO town 4321") == ["Question number 4321: where was Orla Brennick born?"]
    assert ask(browser, words="no such words") == []
    assert texts(browser, ".count") == [f"None of {QUESTIONS} found"]
    found = ask(browser, words="", split="hard_retain")
    assert [int(text.split()[2].rstrip(":")) % 3 for text in found] == [1] * 20
    ask(browser, split="all", method="npo")
    assert texts(browser, ".question:first-child dt") == ["base", "npo"]


def test_pages_turn_to_the_last_question(browser: "Chrome") -> None:
    ask(browser, source="project", words="")
    assert browser.execute_script("return [...document.querySelectorAll('.pager button')].map(b => b.disabled)") == [True, True]
    first = ask(browser, source="tofu", words="")
    browser.execute_script("document.querySelector('.pager [name=after]').click()")
    second = texts(browser, ".question h3")
    assert len(second) == 20 and not set(first) & set(second)
    assert texts(browser, ".count")[0].startswith("21 to 40 ")


def test_markup_in_an_answer_is_text(browser: "Chrome") -> None:
    ask(browser, source="run", split="all", method="all", words="window.broken")
    assert texts(browser, ".given dd:nth-of-type(1)") == [HOSTILE, HOSTILE]
    assert texts(browser, ".found script, .found img") == []
    assert browser.execute_script("return window.broken ?? null") is None


def test_a_columns_head_sorts_and_what_lacks_a_value_is_last(browser: "Chrome") -> None:
    script = """
        const table = [...document.querySelectorAll('table.sortable')].find(t => t.textContent.includes('forget quality'));
        const head = [...table.querySelectorAll('thead th')].at(-1);
        head.querySelector('button').click();
        const order = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent);
        const up = [head.getAttribute('aria-sort'), ...order()];
        head.querySelector('button').click();
        return [up, [head.getAttribute('aria-sort'), ...order()]];
    """
    up, down = browser.execute_script(script)
    assert up == ["ascending", "gradient ascent", "teacher student", "base", "npo"]
    assert down == ["descending", "base", "teacher student", "gradient ascent", "npo"]


def test_controls_have_labels_and_headings_do_not_skip(browser: "Chrome") -> None:
    labelled = "return [...document.querySelectorAll('select, input')].every(field => field.labels.length === 1)"
    assert browser.execute_script(labelled)
    levels = browser.execute_script("return [...document.querySelectorAll('h1, h2, h3, h4')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_phone_and_a_dark_scheme(browser: "Chrome", page: Path) -> None:
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    browser.get(page.as_uri())
    wait_for(browser, "return document.documentElement.dataset.charts === 'drawn'")
    assert browser.execute_script("return innerWidth") == 360
    assert browser.execute_script("return document.scrollingElement.scrollWidth") <= 360
    ask(browser, source="tofu", words="window.broken")
    assert browser.execute_script("return document.scrollingElement.scrollWidth") <= 360
    lightness = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert max(browser.execute_script(lightness)) < 60
    label = (
        "return getComputedStyle(document.querySelector('.chart svg .role-axis-label text')).fill.match(/\\d+/g).map(Number)"
    )
    assert min(browser.execute_script(label)) > 120
    assert browser.get_log("browser") == []
