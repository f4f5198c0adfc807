"""The picture of an account's risk: what the functions measured, as JSON that every reader can take."""

import json
from datetime import date
from math import inf, nan

import pytest

from trading.domain.risk.bursts import Burst, ProgrammeDay
from trading.domain.risk.expiry import Expiring
from trading.domain.risk.figures import DayCounts
from trading.domain.risk.holdings import Holding
from trading.domain.risk.levels import usages
from trading.domain.risk.picture import Measurements, number, picture
from trading.domain.risk.resting import Resting
from trading.domain.risk.rules import Rule
from trading.domain.risk.standing import account_values, count_values
from trading.domain.risk.stress import margin_stress
from trading.domain.risk.tail_risk import TailRisk
from trading.tests.domain.risk.cases import NOW, PRODUCT, RB, limit, view

HC = "hc2501.SHFE"


def seen(**given: object) -> Measurements:
    """An account with two positions, three limits and a day's orders."""
    account = view(**given)
    held = (
        Holding(RB, PRODUCT, 40, 5, 10.0, 3_300.0, long_margin=150_000.0, short_margin=20_000.0),
        Holding(HC, "hc.SHFE", 0, 10, 10.0, 3_400.0, short_margin=30_000.0),
    )
    counts = {RB: DayCounts(700, 400), HC: DayCounts(3, 0)}
    limits = {
        Rule.CANCELS_INSTRUMENT: limit(Rule.CANCELS_INSTRUMENT, 470.0),
        Rule.MARGIN: limit(Rule.MARGIN, 500_000.0),
    }
    return Measurements(
        account,
        usages([*account_values(account), *count_values(counts)], limits),
        held,
        margin_stress(account.balance, held),
        TailRisk(41_000.0, nan, 250, (HC,)),
        working_orders=3,
        orders_today=703,
        counts=counts,
        expiring=[Expiring(RB, date(2025, 1, 15), 9, 40, 5)],
        resting=[(Resting(7, RB, True, 2), NOW)],
        programme=[ProgrammeDay("SHFE", 703, 400, (Burst(NOW, 12),), 2, 14)],
        switches=[4],
        ages={RB: 0.5, HC: 2.0},
    )


def test_every_figure_stands_in_it_and_is_json() -> None:
    told = json.loads(json.dumps(picture(seen()), allow_nan=False))
    assert (told["balance"], told["margin"], told["risk_degree"]) == (1_000_000.0, 250_000.0, 0.25)
    assert told["margin_by_product"] == {PRODUCT: 170_000.0, "hc.SHFE": 30_000.0}
    assert told["net_exposure"] == 35 * 10 * 3_300.0 - 10 * 10 * 3_400.0
    assert told["exposure_by_product"] == {PRODUCT: 1_155_000.0, "hc.SHFE": -340_000.0}
    assert told["concentration"]["products"][0] == {"key": PRODUCT, "margin": 170_000.0, "share": 0.85}
    assert (told["cancels"], told["orders_today"], told["working_orders"]) == ({RB: 400}, 703, 3)
    assert told["cancel_budget"][0] == {"instrument": RB, "used": 400, "limit": 470.0, "left": 70.0}
    first = told["limits"][0]
    assert (first["rule"], first["scope_key"]) == ("max_cancels_instrument", "main")
    assert told["stress"] == {"call": 0.0, "by_instrument": [], "unknown": [RB, HC]}  # nobody told the price limits
    assert (told["var"], told["shortfall"], told["tail_left_out"]) == (41_000.0, None, [HC])
    assert told["expiries"][0]["days"] == 9
    assert told["resting_closed"][0]["opens_at"] == "2024-12-02T00:40:00+00:00"
    assert told["bursts"][0] == {
        "exchange": "SHFE", "orders": 703, "cancels": 400, "bursts": 1, "sliding": 2, "busiest": 14, "reportable": False
    }  # fmt: skip
    assert (told["switches"], told["data_age"]["max"]) == ([4], 2.0)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_not_known_or_endless_is_none(value: float) -> None:
    assert number(value) is None
    told = picture(seen(balance=value, notional=value, day_profit=value))
    assert (told["balance"], told["notional"], told["day_profit"]) == (None, None, None)
    json.dumps(told, allow_nan=False)


def test_without_a_balance_the_risk_degree_is_endless_and_the_limit_tells_so() -> None:
    told = picture(seen(balance=0.0))
    assert told["risk_degree"] is None
