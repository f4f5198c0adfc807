"""Optimisations and walk-forwards in a real browser: asked for, watched, read in both widths, light and dark."""

from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from backtests.models import BacktestRun
from backtests.optimise import services
from backtests.optimise.models import OptimizationRun, WalkForwardRun
from backtests.optimise.page import page_url
from backtests.optimise.requests import OptimizationRequest, WalkForwardRequest
from backtests.optimise.walk_page import walk_url
from backtests.optimise.work import work_for
from backtests.tests.optimisations import optimized, walked
from marketdata.models import Instrument
from quantsite.testing.browser import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DRAWN = '[data-chart-state="drawn"]'
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LIST = reverse("admin:backtests_optimizationrun_changelist")


def _quiet(page: Page) -> list[str]:
    """The errors on the page's console, filled as they come; a violation of the policy is one."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    return said


def _choose(page: Page, sim: Instrument) -> None:
    page.locator("#id_instrument + .select2, [aria-labelledby=select2-id_instrument-container]").first.click()
    page.locator(".select2-search__field").fill(sim.code[:7])
    page.get_by_role("option", name=sim.code).click()
    page.select_option("#id_interval", "5m")


def test_a_search_is_counted_asked_for_watched_and_read(
    open_page: OpenPage, alice: User, sim: Instrument, tmp_path: Path
) -> None:
    page = open_page(alice, width=1360)
    said = _quiet(page)
    page.goto(LIST)
    page.get_by_role("link", name="New optimisation").first.click()
    preview = page.locator("[data-preview-url]")
    expect(preview).to_contain_text("Choose an instrument")
    page.select_option("#id_strategy", "double_ma")
    _choose(page, sim)
    page.fill("#id_double_ma__fast", "3:9:x")
    expect(preview).to_contain_text("The step of fast")
    page.fill("#id_double_ma__fast", "3:9:2")
    page.fill("#id_double_ma__slow", "5,10,15")
    expect(preview).to_contain_text("4 fast × 3 slow = 12 trials.")
    page.fill("#id_constraints", "max_drawdown>=low")
    page.get_by_role("button", name="Start the search").click()
    expect(page.locator(".field-constraints, .form-row", has_text="must be a number, not low").first).to_be_visible()
    page.fill("#id_constraints", "")
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/change/")
    run = OptimizationRun.objects.get()
    expect(page.locator(f'[data-search-status="{run.pk}"]')).to_have_text("queued")
    expect(page.locator("[data-search-told]")).to_contain_text("0 of 12 trials")
    page.wait_for_timeout(500)
    work_for(run.pk, "worker")
    expect(page.locator(DRAWN)).to_have_count(3)
    expect(page.locator(".op-findings li")).to_have_count(8)
    run.refresh_from_db()
    expect(page.locator(".op-best-value")).to_have_text(f"{run.best['objectives']['sharpe']:.3f}")
    assert page.locator(".op-trials tbody tr").count() == run.done
    page.screenshot(path=tmp_path / "optimisation.png", full_page=True)
    page.locator(".op-best").get_by_role("button", name="Run this point as a backtest").click()
    page.wait_for_url("**/backtestrun/*/change/")
    assert BacktestRun.objects.get().parameters == run.best["parameters"]
    assert said == []


@pytest.mark.parametrize(("width", "language"), [(1360, "zh-hans"), (420, "en")])
def test_the_pages_fit_their_screen_and_follow_the_theme(
    open_page: OpenPage, alice: User, searched: OptimizationRequest, width: int, language: str, tmp_path: Path
) -> None:
    run = optimized(alice, searched)
    walk = walked(alice, WalkForwardRequest(searched, in_sample=12, out_of_sample=5))
    page = open_page(alice, width=width, language=language)
    said = _quiet(page)
    for address, name in ((page_url("change", run.pk), "optimisation"), (walk_url("change", walk.pk), "walk")):
        page.goto(address)
        expect(page.locator(DRAWN)).to_have_count(3)
        assert page.evaluate(OVERFLOW) <= 0
        page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        page.evaluate("document.documentElement.classList.add('dark')")
        expect(page.locator('[data-chart-theme="dark"]')).to_have_count(3)
        page.screenshot(path=tmp_path / f"{name}-dark.png", full_page=True)
    for model in ("optimizationrun", "walkforwardrun"):
        for tail in ("changelist", "add"):
            page.goto(reverse(f"admin:backtests_{model}_{tail}"))
            page.wait_for_load_state("networkidle")
            assert page.evaluate(OVERFLOW) <= 0, (model, tail)
    assert said == []


def test_the_list_follows_a_search_without_being_loaded_again(
    open_page: OpenPage, alice: User, searched: OptimizationRequest
) -> None:
    run = services.optimize(alice, searched)
    page = open_page(alice)
    page.goto(LIST)
    expect(page.locator(f'[data-search-status="{run.pk}"]')).to_have_text("queued")
    page.wait_for_timeout(500)
    work_for(run.pk, "worker")
    expect(page.locator(f'[data-search-status="{run.pk}"]')).to_have_text("succeeded")
    expect(page.locator(f'[data-search-count="{run.pk}"]')).to_have_text("12 / 12")


def test_a_walk_forward_is_asked_for_cancelled_and_begun_again(
    open_page: OpenPage, alice: User, searched: OptimizationRequest
) -> None:
    run = optimized(alice, searched)
    page = open_page(alice, width=1360)
    said = _quiet(page)
    page.goto(page_url("change", run.pk))
    page.get_by_role("link", name="Walk forward with this space").click()
    expect(page.locator("#id_double_ma__fast")).to_have_value("3:9:2")
    page.fill("#id_in_sample", "400")
    page.fill("#id_out_of_sample", "5")
    expect(page.locator("[data-preview-url] .op-fault")).to_be_visible()
    page.fill("#id_in_sample", "12")
    expect(page.locator("[data-preview-url]")).to_contain_text("windows × 4 fast × 3 slow")
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/walkforwardrun/*/change/")
    walk = WalkForwardRun.objects.get()
    page.get_by_role("button", name="Cancel this walk-forward").click()
    expect(page.locator(f'[data-search-status="{walk.pk}"]')).to_have_text("cancelled")
    assert set(walk.optimizations.values_list("status", flat=True)) == {"cancelled"}
    page.get_by_role("link", name="New walk-forward from this").click()
    expect(page.locator("#id_in_sample")).to_have_value("12")
    assert said == []
