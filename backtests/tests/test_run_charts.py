"""The charts of a run's page, and what a report finds missing in the data."""

from datetime import date

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from backtests.requests import RunRequest
from backtests.run_report import bars_of, missing_bars, report_input
from backtests.tests.runs import finished
from marketdata.models import Instrument, ProductSession
from marketdata.services import store_simulated_bars

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def _chart(client: Client, name: str, run_id: int) -> tuple[int, dict[str, object]]:
    answer = client.get(reverse(f"admin:backtests_backtestrun_{name}_chart", args=[run_id]))
    return answer.status_code, answer.json()


def test_each_chart_is_a_document(client: Client, alice: User, asked: RunRequest) -> None:
    run = finished(alice, asked)
    client.force_login(alice)
    for name in ("equity", "price", "excursions"):
        status, chart = _chart(client, name, run.pk)
        assert (status, set(chart)) == (200, {"figure", "dark", "caption"})
    assert "Buying and holding" in str(_chart(client, "equity", run.pk)[1]["caption"])


def test_a_run_too_short_for_a_window_has_none_and_its_page_does_not_ask(
    client: Client, alice: User, asked: RunRequest
) -> None:
    run = finished(alice, asked)
    client.force_login(alice)
    status, answer = _chart(client, "rolling", run.pk)
    assert (status, answer) == (409, {"detail": "This run has nothing to draw here."})
    page = client.get(reverse("admin:backtests_backtestrun_change", args=[run.pk])).content.decode()
    assert "charts/rolling/" not in page
    assert "charts/excursions/" in page


def test_three_months_have_a_window(client: Client, alice: User, sim: Instrument, asked: RunRequest) -> None:
    store_simulated_bars(None, interval="5m", first=date(2024, 2, 7), last=date(2024, 3, 29), seed=8)
    run = finished(alice, asked)
    client.force_login(alice)
    status, chart = _chart(client, "rolling", run.pk)
    assert status == 200
    assert "from the 20 trading days" in str(chart["caption"])


def test_bars_that_the_sessions_expect_and_the_data_lacks_are_counted(alice: User, asked: RunRequest) -> None:
    run = finished(alice, asked)
    [bars] = bars_of(run)
    assert report_input(run, [bars]).missing_bars == 0
    assert report_input(run).missing_bars is None
    some = bars.take(np.delete(np.arange(len(bars)), range(100, 107)))
    assert missing_bars(run, some) == 7


def test_without_hours_nobody_counts(alice: User, asked: RunRequest, sim: Instrument) -> None:
    run = finished(alice, asked)
    [bars] = bars_of(run)
    ProductSession.objects.filter(product=sim.product).delete()
    assert missing_bars(run, bars) is None
    assert missing_bars(run, bars.take(slice(0, 0))) is None


def test_the_year_can_be_chosen_on_page_report_and_rest(client: Client, alice: User, asked: RunRequest) -> None:
    run = finished(alice, asked)
    client.force_login(alice)
    page = reverse("admin:backtests_backtestrun_change", args=[run.pk])
    report = reverse("admin:backtests_backtestrun_report", args=[run.pk])
    stored = run.statistics["standard"]["sharpe"]
    usual, shorter = f"{stored:,.3f}", f"{stored * (242 / 252) ** 0.5:,.3f}"
    assert usual != shorter
    plain, chosen = (client.get(page + query).content.decode() for query in ("", "?annual_days=242"))
    assert usual in plain
    assert "?annual_days=242" in plain
    assert shorter in chosen
    assert f"{report}?annual_days=242" in chosen
    assert shorter in client.get(f"{report}?annual_days=242").content.decode()
    json = client.get(f"/api/v1/backtests/{run.pk}/report/?as=json&annual_days=242").json()
    assert json["statistics"]["standard"]["sharpe"] == pytest.approx(stored * (242 / 252) ** 0.5)
    assert json["annual_days"] == 242


def test_another_year_is_refused(client: Client, alice: User, asked: RunRequest) -> None:
    run = finished(alice, asked)
    client.force_login(alice)
    assert (
        client.get(reverse("admin:backtests_backtestrun_change", args=[run.pk]) + "?annual_days=365").status_code == 404
    )
    answer = client.get(f"/api/v1/backtests/{run.pk}/report/?annual_days=365")
    assert answer.status_code in (400, 422)
    assert set(answer.json()["fields"]) == {"annual_days"}
