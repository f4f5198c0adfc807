"""The comparison in a real browser: from the list to the page, its chart, both widths, light and dark, and the file."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from accounts.models import User
from backtests.admin_compare import compare_url
from backtests.compare import export_comparison
from backtests.models import BacktestRun
from backtests.requests import RunRequest
from backtests.tests.runs import finished
from quantsite.testing.browser import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAIRS = ((3, 8), (5, 20), (10, 30))
DRAWN = '[data-chart-state="drawn"]'
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CHIP = "getComputedStyle(document.querySelector('.cmp-chip')).borderTopColor"


@pytest.fixture
def runs(alice: User, asked: RunRequest) -> list[BacktestRun]:
    """Three runs of Alice's with different parameters."""
    return [finished(alice, replace(asked, parameters={"fast": fast, "slow": slow})) for fast, slow in PAIRS]


def _quiet(page: Page) -> list[str]:
    """The errors on the page's console, filled as they come; a violation of the policy is one."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    return said


def test_runs_are_ticked_in_the_list_and_compared(
    open_page: OpenPage, alice: User, runs: list[BacktestRun], tmp_path: Path
) -> None:
    page = open_page(alice, width=1360)
    said = _quiet(page)
    page.goto(reverse("admin:backtests_backtestrun_changelist"))
    for box in page.locator("input.action-select").all():
        box.check()
    page.select_option("select[name=action]", "compare")
    page.get_by_role("button", name="Run").click()
    page.wait_for_url(f"**{compare_url([run.pk for run in runs])}")
    expect(page.locator(DRAWN)).to_have_count(1)
    best = max(runs, key=lambda run: run.sharpe or 0)
    row = page.locator('[data-block="standard"] tr', has=page.get_by_role("rowheader", name="Sharpe ratio"))
    expect(row.locator("b")).to_have_text(f"{best.sharpe:.3f}")
    expect(page.get_by_role("link", name=f"#{runs[0].pk}").first).to_have_attribute(
        "href", reverse("admin:backtests_backtestrun_change", args=[runs[0].pk])
    )
    page.screenshot(path=tmp_path / "compare.png", full_page=True)
    assert said == []


@pytest.mark.parametrize(("width", "language"), [(1360, "zh-hans"), (420, "en")])
def test_the_page_fits_its_screen_and_follows_the_theme(
    open_page: OpenPage, alice: User, runs: list[BacktestRun], width: int, language: str, tmp_path: Path
) -> None:
    page = open_page(alice, width=width, language=language)
    page.goto(compare_url([run.pk for run in runs]))
    expect(page.locator(DRAWN)).to_have_count(1)
    assert page.evaluate(OVERFLOW) <= 0
    light = page.evaluate(CHIP)
    page.screenshot(path=tmp_path / "light.png", full_page=True)
    page.evaluate("document.documentElement.classList.add('dark')")
    expect(page.locator('[data-chart-theme="dark"]')).to_have_count(1)
    assert page.evaluate(CHIP) != light
    page.screenshot(path=tmp_path / "dark.png", full_page=True)


@pytest.mark.parametrize("width", [1360, 420])
def test_the_file_needs_no_network(
    browser: Browser, alice: User, runs: list[BacktestRun], width: int, tmp_path: Path
) -> None:
    file = tmp_path / "comparison.html"
    file.write_bytes(export_comparison(alice, [run.pk for run in runs], "html").body)
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark")
    asked: list[str] = []
    said = _quiet(page)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    expect(page.locator(DRAWN)).to_have_count(1)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.evaluate(OVERFLOW) <= 0
    page.screenshot(path=tmp_path / "file.png", full_page=True)
    assert said == []
