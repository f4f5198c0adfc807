"""The group of realism and further instruments on the form, in a real browser."""

from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from backtests import tasks
from backtests.models import BacktestRun
from backtests.requests import RunRequest
from backtests.tests.conftest import FIRST, LAST
from backtests.tests.runs import finished
from marketdata.services import store_simulated_bars
from quantsite.testing.browser import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("width", [420, 1440])
def test_realism_is_folded_away_until_it_is_asked_for(
    open_page: OpenPage, alice: User, asked: RunRequest, width: int, tmp_path: Path
) -> None:
    store_simulated_bars(None, "simrb2405.SIM", "5m", first=FIRST, last=LAST, seed=11)
    origin = finished(alice, asked)
    page = open_page(alice, width=width)
    page.goto(f"{reverse('admin:backtests_backtestrun_add')}?from={origin.pk}")
    cap = page.locator("#id_rule_volume_cap")
    expect(cap).to_be_hidden()
    page.screenshot(path=tmp_path / "folded.png", full_page=True)
    page.get_by_text("Realism", exact=True).click()
    expect(cap).to_be_visible()
    cap.fill("0.25")
    page.select_option("#id_rule_limit_fill", "through")
    page.fill("#id_legs", "simrb2405.SIM")
    page.screenshot(path=tmp_path / "open.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Run backtest").click()
    page.wait_for_url("**/change/")
    run = BacktestRun.objects.latest("pk")
    assert (run.rules, run.legs) == ({"volume_cap": 0.25, "limit_fill": "through"}, ["simrb2405.SIM"])
    tasks.run(run.pk)
    page.reload()
    expect(page.get_by_text("one tick beyond")).to_be_visible()
    page.wait_for_timeout(1_500)
    page.screenshot(path=tmp_path / "run.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
