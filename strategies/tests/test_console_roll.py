"""A contract is rolled from the console: who is offered it, what the question says, and how the page tells of it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import AuditEntry, User
from marketdata.instruments import ensure_instrument
from strategies import services
from strategies.choices import RollState
from strategies.console import rolling
from strategies.event_models import StrategyOrder
from strategies.models import StrategyInstance, StrategyRoll
from strategies.tests.filled import DAY, HC, NEXT, OPEN, RB, FilledDesk, filled_desk
from strategies.tests.test_console import at, do, page, text
from trading.order_models import Fill, Order

pytestmark = pytest.mark.django_db

LATER = "hc2505.SHFE"


@pytest.fixture
def desk(bob: User, rita: User) -> FilledDesk:
    made = filled_desk(bob, rita)
    ensure_instrument(LATER, DAY)
    return made


def offered(client_of: User, instance: StrategyInstance) -> bool:
    url = f"{reverse('admin:strategies_strategyinstance_do', args=['roll'])}?id={instance.pk}"
    return url in text(at(client_of), page("change", instance))


def test_it_is_offered_to_whoever_may_start_it_while_it_runs(desk: FilledDesk, bob: User, rita: User) -> None:
    coil = desk.instances["hc-macd"]
    assert offered(bob, coil)
    assert not offered(rita, coil)  # she holds up what she may not start
    assert not offered(bob, desk.instances["rb-trend"])  # a roll is under way
    services.stop(bob, coil.pk, then="leave", reason="enough")
    assert not offered(bob, coil)


def test_the_question_names_the_contracts_and_does_it_with_a_reason(desk: FilledDesk, bob: User) -> None:
    coil, client = desk.instances["hc-macd"], at(bob)
    asked = text(client, do("roll"), id=coil.pk)
    assert f'<option value="0:{LATER}" selected>{HC} → {LATER}</option>' in asked
    assert "closed there and opened in the new one" in asked
    client.post(do("roll"), {"id": coil.pk, "target": f"0:{LATER}", "reason": " "})
    assert not coil.rolls.exists()
    client.post(do("roll"), {"id": coil.pk, "target": f"0:{LATER}", "reason": "the old one dries up"})
    row = coil.rolls.get()
    assert (row.state, row.from_instrument.code, row.to_instrument.code) == (RollState.PLANNED, HC, LATER)
    assert (row.document["ground"], row.document["by"]) == ("hand", "bob")
    entry = AuditEntry.objects.get(verb="strategy.roll_asked")
    assert (entry.actor_name, (entry.after or {})["reason"]) == ("bob", "the old one dries up")
    shown = text(client, page("change", coil))
    assert "the old one dries up" in shown
    assert f"{HC} → {LATER}" in shown


@pytest.mark.parametrize("target", ["", "0:", "9:hc2505.SHFE", "x:hc2505.SHFE", f"0:{RB}", f"0:{HC}", "0:hc2599.SHFE"])
def test_a_contract_that_it_cannot_go_to_is_refused(desk: FilledDesk, bob: User, target: str) -> None:
    coil, client = desk.instances["hc-macd"], at(bob)
    client.post(do("roll"), {"id": coil.pk, "target": target, "reason": "try"})
    assert not coil.rolls.exists()


def test_others_are_refused_and_that_is_on_record(desk: FilledDesk, rita: User) -> None:
    coil = desk.instances["hc-macd"]
    at(rita).post(do("roll"), {"id": coil.pk, "target": f"0:{LATER}", "reason": "try"})
    assert not coil.rolls.exists()
    assert AuditEntry.objects.filter(actor_name="rita", verb="refused").exists()


def filled_leg(row: StrategyRoll, number: int, code: str, side: str, lots: int, paid: str) -> None:
    """An order of the roll, with one fill."""
    instance, instrument, at_ = row.instance, ensure_instrument(code, DAY), OPEN + timedelta(hours=3)
    plain = {"account": instance.account, "instrument": instrument, "direction": side, "trading_day": DAY}
    order = Order.objects.create(
        client_order_id=f"r{number}", offset="auto", type="market", volume=lots, traded=lots, status="filled",
        average_price=Decimal(paid), **plain,
    )  # fmt: skip
    Fill.objects.create(
        order=order, trade_id=f"r-{number}", offset="open", price=Decimal(paid), volume=lots, traded_at=at_,
        commission=Decimal(4), seq=90_000 + number, part=0, **plain,
    )  # fmt: skip
    StrategyOrder.objects.create(
        instance=instance, number=9_000 + number, leg=0, instrument=instrument, direction=side, type="market",
        lots=lots, cause="roll", decided_at=at_, order=order,
    )  # fmt: skip


def test_the_page_shows_both_legs_the_timer_and_the_cost_of_a_roll_under_way(desk: FilledDesk, bob: User) -> None:
    trend = desk.instances["rb-trend"]
    row = trend.rolls.get(state=RollState.ROLLING)
    row.lots, row.state, row.exposure_seconds = 5, RollState.EXPOSED, 12.5
    row.document = {"old": 2, "new": 1, "uncovered": 2, "spread": [3_300.0, 3_340.0]}
    row.save()
    filled_leg(row, 1, RB, "sell", 3, "3310")
    filled_leg(row, 2, NEXT, "buy", 1, "3355")
    [shown, before] = rolling.rolls(trend)
    assert [(leg["code"], leg["done"], leg["price"], leg["held"]) for leg in shown["legs"]] == [
        (RB, 3, "3,310", "+2"),
        (NEXT, 1, "3,355", "+1"),
    ]
    # five yuan a ton beyond the spread of forty, ten tons, one lot on both sides; four yuan for each fill
    assert shown["cost"] == {"spread": "-50", "commission": "-8", "sum": "-58"}
    assert (before["cost"], [leg["done"] for leg in before["legs"]]) == (None, [1, 1])
    told = text(at(bob), page("change", trend))
    for words in ("3 of 5 filled", "1 of 5 filled", "one leg open for 12.5 s", "2 lots uncovered", "cost -58 yuan"):
        assert words in told
    assert told.count("data-open-roll") == 1
