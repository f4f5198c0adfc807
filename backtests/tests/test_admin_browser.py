"""The pages about backtests in a real browser: asked for by form, watched live, drawn, in both widths and languages."""

from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from backtests import tasks
from backtests.models import BacktestRun
from backtests.requests import RunRequest
from backtests.tests.runs import finished
from marketdata.models import Instrument
from quantsite.testing.browser import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ADD = reverse("admin:backtests_backtestrun_add")
LIST = reverse("admin:backtests_backtestrun_changelist")


def test_a_run_is_asked_for_watched_and_drawn(
    open_page: OpenPage, alice: User, sim: Instrument, tmp_path: Path
) -> None:
    page = open_page(alice)
    page.goto(ADD)
    page.locator("#id_instrument + .select2, [aria-labelledby=select2-id_instrument-container]").first.click()
    page.locator(".select2-search__field").fill("simrb88")
    page.get_by_role("option", name="simrb88.SIM").click()
    page.select_option("#id_interval", "5m")
    page.select_option("#id_strategy", "double_ma")
    page.fill("#id_double_ma__fast", "9")
    page.fill("#id_double_ma__slow", "8")
    page.get_by_role("button", name="Run backtest").click()
    expect(page.get_by_text("must be below slow")).to_be_visible()
    page.fill("#id_double_ma__fast", "3")
    page.get_by_role("button", name="Run backtest").click()
    run = BacktestRun.objects.get()
    page.wait_for_url(f"**/{run.pk}/change/")
    expect(page.locator(f'[data-run-status="{run.pk}"]')).to_have_text("queued")
    tasks.run(run.pk)
    expect(page.locator('[data-chart-state="drawn"]')).to_have_count(4)
    expect(page.locator(f'[data-run-status="{run.pk}"]')).to_have_text("succeeded")
    run.refresh_from_db()
    expect(page.get_by_text(run.result_hash)).to_be_visible()
    page.screenshot(path=tmp_path / "run.png", full_page=True)


def test_the_list_follows_a_run_without_being_loaded_again(open_page: OpenPage, alice: User, asked: RunRequest) -> None:
    run = finished(alice, asked)
    BacktestRun.objects.filter(pk=run.pk).update(status="queued", attempt=0, finished_at=None)
    run.fills.all().delete()
    run.days.all().delete()
    page = open_page(alice)
    page.goto(LIST)
    state = page.locator(f'[data-run-status="{run.pk}"]')
    expect(state).to_have_text("queued")
    page.wait_for_timeout(500)
    tasks.run(run.pk)
    expect(state).to_have_text("succeeded")
    expect(page.locator(f'[data-run-figure="{run.pk}"][data-name="trade_count"]')).to_have_text(f"{run.trade_count:,}")


@pytest.mark.parametrize(("language", "width"), [("zh-hans", 420), ("en", 420), ("zh-hans", 1440)])
def test_nothing_is_wider_than_the_screen(
    open_page: OpenPage, alice: User, asked: RunRequest, language: str, width: int, tmp_path: Path
) -> None:
    run = finished(alice, asked)
    page = open_page(alice, language=language, width=width)
    for address in (LIST, ADD, reverse("admin:backtests_backtestrun_change", args=[run.pk])):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        page.screenshot(path=tmp_path / f"{len(address)}.png", full_page=True)
