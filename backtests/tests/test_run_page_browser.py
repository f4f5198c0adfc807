"""The page of a run as people meet it: whole numbers, drawn charts, both languages, a phone, and no mouse."""

from itertools import repeat

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from backtests.models import BacktestRun
from backtests.requests import RunRequest
from backtests.tests.runs import finished
from marketdata.models import Instrument
from quantsite.testing.browser import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CLIPPED = """() => [...document.querySelectorAll('.bt-tiles .qs-tile-value')].flatMap((value) => {
  const tile = value.closest('.qs-tile');
  return value.scrollWidth > value.clientWidth || tile.scrollWidth > tile.clientWidth ? [value.textContent] : [];
})"""
TABS = 80


def _page_of(run: BacktestRun) -> str:
    return reverse("admin:backtests_backtestrun_change", args=[run.pk])


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus."""
    for _press in repeat(None, TABS):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
    pytest.fail(f"{selector} is not reached by {TABS} presses of Tab")


@pytest.mark.parametrize("width", [1360, 420])
def test_figures_are_whole_charts_are_drawn_and_the_console_is_quiet(
    open_page: OpenPage, alice: User, asked: RunRequest, width: int
) -> None:
    run = finished(alice, asked)
    page = open_page(alice, width=width)
    spoken: list[str] = []
    page.on("console", lambda said: spoken.append(said.text) if said.type == "error" else None)
    page.goto(_page_of(run))
    expect(page.locator('[data-chart-state="drawn"]')).to_have_count(4)
    assert page.locator(".bt-tiles .qs-tile-value").count() == 6
    assert page.evaluate(CLIPPED) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert spoken == []


def test_the_header_changes_the_language_and_stays_on_the_page(
    open_page: OpenPage, alice: User, asked: RunRequest
) -> None:
    run = finished(alice, asked)
    page = open_page(alice, width=420)
    page.goto(_page_of(run))
    page.get_by_role("button", name="简体中文").click()
    expect(page.get_by_role("button", name="重跑")).to_be_visible()
    assert page.url.endswith(_page_of(run))
    page.locator(".qs-header").get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Run again")).to_be_visible()


def test_a_run_is_started_without_a_mouse(open_page: OpenPage, alice: User, sim: Instrument) -> None:
    page = open_page(alice)
    page.goto(reverse("admin:backtests_backtestrun_add"))
    _tab_to(page, "#id_strategy")
    _tab_to(page, ".select2-selection")
    page.keyboard.press("Enter")
    expect(page.locator(".select2-container--open .select2-search__field")).to_be_focused()
    page.keyboard.type(sim.code[:7], delay=50)
    expect(page.get_by_role("option", name=sim.code)).to_be_visible()
    page.keyboard.press("Enter")
    _tab_to(page, "button[name=_save]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/change/")
    assert BacktestRun.objects.get().instrument == sim
