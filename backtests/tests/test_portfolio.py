"""Several instruments on one account: asked for, checked, computed, stored, shown."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.models import User
from backtests import services
from backtests.domain.costs import CostTable
from backtests.domain.engine import RunSetup, run_legs
from backtests.domain.legs import Leg
from backtests.domain.result_hash import result_hash
from backtests.models import BacktestRun
from backtests.request_checks import MAX_LEGS
from backtests.requests import RunRequest
from backtests.result_rows import read_fills
from backtests.run_legs import data_hash_of
from backtests.tests.conftest import FIRST, LAST
from backtests.tests.runs import finished
from backtests.tests.test_admin import ADD, form_of, logged_in
from backtests.tests.test_api import URL, body_of
from marketdata.models import Bar, Instrument
from marketdata.services import store_simulated_bars
from quantsite.common.errors import RuleError
from strategies import registry

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(sim: Instrument) -> Instrument:
    """A second instrument with bars of its own at the same times."""
    return store_simulated_bars(None, "simrb2405.SIM", "5m", first=FIRST, last=LAST, seed=11).instrument


@pytest.fixture
def both(asked: RunRequest, other: Instrument) -> RunRequest:
    """double_ma on each of the two."""
    return replace(asked, legs=(other.code,))


def test_the_rows_are_what_the_engine_gives_on_both_legs(
    alice: User, both: RunRequest, sim: Instrument, other: Instrument
) -> None:
    stored = finished(alice, both)
    series = [Bar.objects.series(row, "5m") for row in (sim, other)]
    tables = [CostTable.from_document(table) for table in (stored.cost_table, *stored.cost_table["legs"])]
    legs = [Leg(bars.instrument, bars, table) for bars, table in zip(series, tables, strict=True)]
    strategy = registry.create("double_ma", {"fast": 3, "slow": 8})
    direct = run_legs(legs, strategy, RunSetup(both.capital, both.volume))
    fills = read_fills(stored)
    assert set(fills.leg.tolist()) == {0, 1}
    for name in ("start", "leg", "direction", "offset", "price", "volume", "commission", "profit"):
        np.testing.assert_array_equal(getattr(fills, name), getattr(direct.fills, name), name)
    data_hash = data_hash_of([bars.data_hash() for bars in series])
    assert stored.data_hash == data_hash
    parameters = strategy.parameters.as_dict()
    assert stored.result_hash == result_hash(parameters, tables, data_hash, direct.fills, direct.end_equity)
    assert (stored.legs, stored.bar_count) == ([other.code], sum(len(bars) for bars in series))
    assert stored.statistics["vnpy"] == {}


def test_one_account_bears_both_legs(alice: User, asked: RunRequest, both: RunRequest, other: Instrument) -> None:
    apart = [finished(alice, asked), finished(alice, replace(asked, instrument=other.code))]
    together = finished(alice, both)
    assert together.fill_count == sum(run.fill_count or 0 for run in apart)
    assert together.net_profit == pytest.approx(sum(run.net_profit or 0.0 for run in apart))


def test_the_command_takes_the_option_again_and_files_name_the_instrument(
    both: RunRequest, sim: Instrument, other: Instrument, tmp_path: Path
) -> None:
    out, file = StringIO(), tmp_path / "fills.csv"
    words = ["double_ma", "--instrument", sim.code, "--instrument", other.code, "--interval", "5m"]
    call_command("run_backtest", *words, "--fills", str(file), "--json", stdout=out)
    printed = json.loads(out.getvalue())
    assert (printed["instrument"], printed["legs"]) == (sim.code, [other.code])
    assert [table["instrument"] for table in printed["costs"]["legs"]] == [other.code]
    named = {line.split(",")[2] for line in file.read_text().splitlines()[1:]}
    assert named == {sim.code, other.code}


def test_the_api_takes_a_list_and_names_the_instrument_of_each_fill(
    api: Any, alice: User, both: RunRequest, sim: Instrument, other: Instrument
) -> None:
    listed = {**body_of(both), "instrument": [sim.code, other.code]}
    del listed["legs"]
    answers = [api(alice).post(URL, body).json() for body in (listed, body_of(both))]
    assert [(answer["instrument"], answer["legs"]) for answer in answers] == [(sim.code, [other.code])] * 2
    run = finished(alice, both)
    rows = api(alice).get(f"{URL}{run.pk}/fills/").json()["results"]
    assert {(row["leg"], row["instrument"]) for row in rows} == {(0, sim.code), (1, other.code)}


def test_the_form_takes_further_codes_and_the_page_names_them(
    alice: User, both: RunRequest, sim: Instrument, other: Instrument
) -> None:
    client = logged_in(alice)
    assert client.post(ADD, form_of(both, sim.pk, legs=f" {other.code}, ")).status_code == 302
    assert BacktestRun.objects.get().legs == [other.code]
    run = finished(alice, both)
    page = client.get(reverse("admin:backtests_backtestrun_change", args=[run.pk])).content.decode()
    assert f"{sim.code} + {other.code} 5m" in page
    assert f"<td>{other.code}</td>" in page
    assert f"Multiplier · {other.code}" in page
    assert f'<td class="text">{other.code}</td>' in services.generate_report(alice, run.pk, "en")
    refused = client.post(ADD, form_of(both, sim.pk, legs="nothing.SIM"))
    assert "no instrument" in refused.context["adminform"].form.errors["instrument"][0]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"legs": ("simrb88.SIM",)}, "may be named once: simrb88.SIM"),
        ({"legs": ("nothing.SIM",)}, "no instrument 'nothing.SIM'"),
        ({"strategy": "spread", "parameters": {}, "legs": ()}, "spread trades 2 instruments, not 1"),
        ({"legs": tuple(f"x{number}.SIM" for number in range(MAX_LEGS))}, f"at most {MAX_LEGS} instruments"),
    ],
)
def test_legs_that_make_no_sense_are_refused(alice: User, both: RunRequest, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(RuleError) as refusal:
        services.run_backtest(alice, replace(both, **changes))
    assert text in refusal.value.text or text in refusal.value.fields["instrument"]
    assert not BacktestRun.objects.exists()


def test_every_leg_needs_bars_of_the_interval(alice: User, asked: RunRequest, sim: Instrument) -> None:
    store_simulated_bars(None, "simrb2405.SIM", "15m", first=FIRST, last=LAST, seed=11)
    with pytest.raises(RuleError, match=r"simrb2405\.SIM has no bars of 5m\. Stored: 15m\."):
        services.run_backtest(alice, replace(asked, legs=("simrb2405.SIM",)))


def test_a_strategy_on_two_legs_gets_both(alice: User, both: RunRequest) -> None:
    run = finished(alice, replace(both, strategy="spread", parameters={"length": 20, "entry": 1.0}))
    fills = read_fills(run)
    assert len(fills) > 10
    assert (fills.leg == 0).sum() == (fills.leg == 1).sum()


def test_a_portfolio_is_repeated_with_its_legs(alice: User, both: RunRequest, other: Instrument) -> None:
    first = finished(alice, both)
    again = services.run_again(alice, first.pk)
    assert again.legs == [other.code]
    with pytest.raises(CommandError, match="may be named once"):
        call_command("run_backtest", "double_ma", "--interval", "5m", *["--instrument", "simrb88.SIM"] * 2)


def test_a_strategy_of_any_number_of_legs_takes_two_or_more(
    alice: User, asked: RunRequest, both: RunRequest, other: Instrument
) -> None:
    values: dict[str, Any] = {"strategy": "momentum_portfolio", "parameters": {"length": 60}}
    with pytest.raises(RuleError, match="momentum_portfolio trades two instruments or more at once") as refusal:
        services.run_backtest(alice, replace(asked, **values))
    assert "instrument" in refusal.value.fields
    run = finished(alice, replace(both, **values))
    assert set(read_fills(run).leg.tolist()) == {0, 1}
    third = store_simulated_bars(None, "simrb2410.SIM", "5m", first=FIRST, last=LAST, seed=5).instrument
    assert len(set(read_fills(finished(alice, replace(both, legs=(other.code, third.code), **values))).leg)) == 3
    out = StringIO()
    named = [option for code in (asked.instrument, other.code) for option in ("--instrument", code)]
    call_command("check_strategy", "momentum_portfolio", *named, "--interval", "5m", "--set", "length=60", stdout=out)
    assert "the warm-up of 61 bars is long enough" in out.getvalue()
