"""Whatever limits and stops say, and whatever fails: what the exchange would take of cancels and closings goes through.

Books, limits, stops and failures are drawn; each account's loop is the real one on the real streams.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest
from django.utils import timezone

from trading import services
from trading.choices import FINAL_STATUSES
from trading.domain.risk.rules import Rule
from trading.domain.risk.switches import Strength
from trading.ledger.risk_view import RiskView
from trading.ledger_models import Position
from trading.limit_models import KillSwitch, RiskLimit
from trading.loop import risk_check, risk_desk
from trading.metrics import CHECKS_FAILED, RISK_UNREAD
from trading.order_models import Order
from trading.tests.loop_bench import Bench, bench
from trading.tests.risk_table import changed, stop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

ROUNDS = 6
SCOPES = (
    *(("platform", ""), ("desk", "house"), ("product", "rb.SHFE"), ("account", "T1")),
    *(("account_product", "T1/rb.SHFE"), ("user", ""), ("strategy", "s1")),
)
MAXIMA = (None, 0.0, 1.0, -5.0, 0.01, 1e9)
PARAMS: tuple[dict[str, Any], ...] = (
    *({}, {"allowed": []}, {"allowed": ["hc.SHFE", "sell"]}, {"volume": "many"}, {"seconds": -1}),
    *({"allowed": None}, {"seconds": []}),
)


@pytest.fixture
def table() -> Iterator[Bench]:
    """An account, a market at 4000, and a loop."""
    with bench() as made:
        yield made


def fill_book(table: Bench, drawn: random.Random) -> None:
    """Lots of both sides, and orders of every kind that rest."""
    for side, price in (("buy", 4001.0), ("sell", 3999.0)):
        table.placed(side, "open", price, drawn.randrange(4, 9))
    for _number in range(drawn.randrange(2, 6)):
        opens = drawn.random() < 0.5
        side, price = drawn.choice([("buy", 3980.0), ("sell", 4020.0)])
        price += drawn.randrange(5)
        table.placed(side, "open" if opens else "close_today", price, 1)


def draw_limits(drawn: random.Random) -> None:
    """Limits of any rule at any scope, sound and unsound ones, and stops of every strength."""
    for rule in drawn.sample(list(Rule), drawn.randrange(3, len(Rule))):
        kind, key = drawn.choice(SCOPES)
        values = {"maximum": drawn.choice(MAXIMA), "params": drawn.choice(PARAMS)}
        RiskLimit.objects.update_or_create(rule=rule.value, scope_kind=kind, scope_key=key, defaults=values)
    if drawn.random() < 0.7:
        stop(drawn.choice(list(Strength)), *drawn.choice(SCOPES))
    changed()


def closable(table: Bench, side: str) -> int:
    """Lots of a side that no other order holds."""
    found = Position.objects.filter(account=table.account, side=side).first()
    return 0 if found is None else found.volume - found.frozen


def prove(table: Bench, drawn: random.Random) -> None:
    """Every cancel and every closing that the exchange would take goes through."""
    for order in list(Order.objects.working().filter(account=table.account)):
        if drawn.random() < 0.6:
            services.cancel_order(None, order.pk)
            table.turn()
            order.refresh_from_db()
            assert order.status in FINAL_STATUSES, order
            assert order.status != "rejected", order.reason_text
    for side, direction, far, near in (("long", "sell", 4015.0, 3995.0), ("short", "buy", 3985.0, 4005.0)):
        free = closable(table, side)
        for price in (far, near):
            lots = min(free, drawn.randrange(1, 3))
            if not lots:
                continue
            order = table.placed(direction, "close_today", price, lots, type=drawn.choice(["limit", "fak"]))
            table.turn()
            order.refresh_from_db()
            assert order.status not in {"rejected", "pending"}, f"{order} {order.reason_code} {order.reason_text}"
            free = closable(table, side)


@contextmanager
def nothing_fails(_table: Bench) -> Iterator[None]:
    """Limits and stops as drawn, no more."""
    yield


@contextmanager
def nobody_can_read(_table: Bench) -> Iterator[None]:
    """Limits and stops cannot be read, and have not been for long."""
    before = RISK_UNREAD._value.get()

    def unreadable(*_given: Any) -> None:
        raise ValueError("a column that nobody knows")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(risk_desk.RiskDesk, "_read", unreadable)
        patch.setattr(risk_desk, "FRESH_SECONDS", -1.0)
        changed()
        yield
    assert RISK_UNREAD._value.get() > before


@contextmanager
def every_check_raises(_table: Bench) -> Iterator[None]:
    """Whatever is asked of risk ends in an exception."""
    before = CHECKS_FAILED._value.get()

    def breaks(*_given: Any, **_more: Any) -> None:
        raise ZeroDivisionError

    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((risk_check, "judged_by"), (risk_check, "price_limit_reason"), (risk_desk, "effective")):
            patch.setattr(module, name, breaks)
        patch.setattr(RiskView, "before", breaks)
        _table.loop.commands.desk._standings.clear()
        yield
        _table.loop.commands.desk._standings.clear()
    assert CHECKS_FAILED._value.get() > before


@contextmanager
def figures_are_no_numbers(_table: Bench) -> Iterator[None]:
    """The account's figures have become NaN and infinite."""
    whole = RiskView.before

    def unsound(view: Any, *given: Any) -> Any:
        found = whole(view, *given)
        return replace(found, balance=nan, available=-inf, margin=nan, day_profit=nan, drawdown=inf, notional=nan)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RiskView, "before", unsound)
        yield


@pytest.mark.parametrize("trouble", [nothing_fails, nobody_can_read, every_check_raises, figures_are_no_numbers])
def test_cancels_and_closings_go_through_whatever_holds(table: Bench, trouble: Callable[[Bench], Any]) -> None:
    drawn = random.Random(trouble.__name__)  # noqa: S311 - repeatable, not secret
    for _number in range(ROUNDS):
        RiskLimit.objects.all().delete()
        KillSwitch.objects.active().update(released_at=timezone.now())
        changed()
        table.now_everything()
        fill_book(table, drawn)
        draw_limits(drawn)
        table.turn()
        with trouble(table):
            table.now_everything()
            prove(table, drawn)
            if trouble is not nothing_fails:
                opening = table.placed("buy", "open", 3985.0, 1)
                assert opening.status == "rejected", "what nobody can judge must not open"
