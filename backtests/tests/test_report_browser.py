"""The report in a real browser: its charts are drawn without a network, and a broken one says so."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from backtests.reports.html import render_report
from backtests.reports.palette import DARK, LIGHT
from backtests.tests.report_cases import report_input

pytestmark = pytest.mark.browser

STATES = "[...document.querySelectorAll('.chart')].map(chart => chart.dataset.chartState)"
WIDTHS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
STAGES = "[...document.querySelectorAll('.chart-stage')].map(stage => stage.childElementCount)"
DRAWN = "Bokeh.documents.map(drawn => JSON.stringify(drawn.to_json())).join()"


def _open(page: Page, file: Path) -> list[str]:
    """Open ``file`` and wait for its charts; the list grows by each failed script and each request."""
    faults: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith(("file:", "data:")):
            faults.append(request.url)

    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", note)
    page.goto(file.as_uri())
    for chart in page.locator(".chart").all():
        expect(chart).to_have_attribute("data-chart-state", re.compile("drawn|failed"))
    return faults


@pytest.mark.parametrize("width", [1280, 420])
def test_charts_are_drawn_offline_and_the_page_fits(browser: Browser, tmp_path: Path, width: int) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_report(report_input()), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 900})
    faults = _open(page, file)
    assert page.evaluate(STATES) == ["drawn"] * 3
    assert page.evaluate(WIDTHS)
    assert faults == []


def test_charts_follow_the_reader_s_theme(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_report(report_input()), encoding="utf-8")
    page = browser.new_page(color_scheme="light")
    faults = _open(page, file)
    assert LIGHT.frame in page.evaluate(DRAWN)
    page.emulate_media(color_scheme="dark")
    for chart in page.locator(".chart").all():
        expect(chart).to_have_attribute("data-chart-theme", "dark")
    assert DARK.frame in page.evaluate(DRAWN)
    assert page.evaluate(STAGES) == [1, 1, 1]  # redrawn in place, not added
    assert faults == []


def test_a_chart_that_cannot_be_drawn_says_so(browser: Browser, tmp_path: Path) -> None:
    html = render_report(report_input())
    broken = html.replace('id="equity-data">{', 'id="equity-data">{broken', 1)
    file = tmp_path / "report.html"
    file.write_text(broken, encoding="utf-8")
    page = browser.new_page()
    _open(page, file)
    assert page.evaluate(STATES) == ["failed", "drawn", "drawn"]
    assert page.locator(".chart-error").inner_text().startswith("The chart could not be drawn.")
