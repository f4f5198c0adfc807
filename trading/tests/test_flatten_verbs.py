"""Plans to close positions by their verbs: who makes and stops them, and what they are going to close."""

from datetime import timedelta

import pytest

from accounts.models import AuditEntry, User
from marketdata.instruments import ensure_instrument
from marketdata.models import Bar, BarCoverage
from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError
from trading import services
from trading.account_models import TradingAccount
from trading.ledger_models import Position
from trading.risk_models import FlattenPlan, RiskEvent
from trading.tests.desk import DAY, NOON, make_desk
from trading.verbs.switches import set_switch

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def hold(account: TradingAccount, code: str, side: str, volume: int, margin: int) -> None:
    row = ensure_instrument(code, DAY)
    values = {"today": 0, "open_price": 100, "base_price": 100, "margin": margin}
    Position.objects.create(account=account, instrument=row, side=side, volume=volume, **values)


def lots(steps: list[dict[str, object]]) -> list[tuple[object, object, object]]:
    return [(step["instrument"], step["side"], step["volume"]) for step in steps]


def test_the_product_with_the_most_margin_goes_first(rita: User) -> None:
    account = make_desk("A1").account
    hold(account, "cu2501.SHFE", "short", 50, 90_000)
    hold(account, "rb2505.SHFE", "short", 7, 5_000)
    steps = services.preview_plan(rita, "A1")
    assert lots(steps) == [("cu2501.SHFE", "short", 50), ("rb2505.SHFE", "short", 7), ("rb2501.SHFE", "long", 1)]
    assert [step["slice"] for step in steps] == [1, 1, 1]  # nobody knows these markets
    assert lots(services.preview_plan(rita, "A1", product="rb.SHFE", side="long")) == [("rb2501.SHFE", "long", 1)]
    assert not FlattenPlan.objects.exists()


def test_slices_keep_to_a_tenth_of_what_the_market_trades(rita: User) -> None:
    account = make_desk("A1").account
    hold(account, "rb2505.SHFE", "short", 50, 5_000)
    row = ensure_instrument("rb2505.SHFE", DAY)
    prices = dict.fromkeys(("open", "high", "low", "close"), 3_300.0)
    for minute, volume in enumerate((1_000, 1_400)):
        start = NOON.replace(minute=minute, microsecond=0)
        Bar.objects.create(instrument=row, interval="1m", trading_day=DAY, start=start, volume=volume, **prices)
    Bar.objects.create(
        instrument=row, interval="1m", trading_day=DAY - timedelta(1), start=NOON - timedelta(1), volume=9, **prices
    )
    BarCoverage.objects.create(instrument=row, interval="1m", last_day=DAY)
    steps = {step["instrument"]: step for step in services.preview_plan(rita, "A1")}
    assert (steps["rb2505.SHFE"]["slice"], steps["rb2505.SHFE"]["minutes"]) == (10, pytest.approx(50 / 120))
    assert (steps["rb2501.SHFE"]["slice"], steps["rb2501.SHFE"]["minutes"]) == (1, None)


def test_a_strategy_closes_what_it_has_open(rita: User) -> None:
    """The rows of the desk: four fills of one lot each, sell open and buy open in turn, the first one a strategy's."""
    desk = make_desk("A1", orders=4)
    hold(desk.account, "rb2501.SHFE", "short", 5, 5_000)
    assert lots(services.preview_plan(rita, "A1", strategy_key="double_ma")) == [("rb2501.SHFE", "short", 1)]
    assert services.preview_plan(rita, "A1", strategy_key="unheard of") == []


def test_a_plan_is_told_and_is_not_made_twice(rita: User) -> None:
    make_desk("A1")
    plan = services.make_plan(rita, "A1", reason="margin call")
    assert RiskEvent.objects.get().kind == "flatten"
    assert AuditEntry.objects.latest("seq").verb == "plan.make"
    with pytest.raises(ConflictError, match="waits or runs"):
        services.make_plan(rita, "A1", reason="margin call")
    set_switch(rita, "account", "A1", 3, "all out")
    assert FlattenPlan.objects.get() == plan


def test_what_cannot_be_closed_is_no_plan(rita: User) -> None:
    services.add_account(None, "empty")
    with pytest.raises(ConflictError, match="nothing to close"):
        services.make_plan(rita, "empty", reason="x")
    make_desk("A1")
    with pytest.raises(RuleError, match="no product 'rb'"):
        services.make_plan(rita, "A1", product="rb", reason="x")
    with pytest.raises(RuleError, match="long or short"):
        services.make_plan(rita, "A1", side="up", reason="x")
    with pytest.raises(RuleError, match="Say why"):
        services.make_plan(rita, "A1", reason="")
    assert not FlattenPlan.objects.exists()


def test_a_trader_stops_an_own_plan_and_no_other(rita: User, bob: User, alice: User) -> None:
    make_desk("A1", bob)
    services.grant_account(None, "A1", alice, "view_tradingaccount")
    with pytest.raises(RefusedError):
        services.make_plan(alice, "A1", reason="x")
    own = services.make_plan(bob, "A1", reason="home")
    with pytest.raises(MissingError):
        services.stop_plan(alice, own.pk, "no")
    assert services.stop_plan(bob, own.pk, "stay").status == "stopped"
    with pytest.raises(ConflictError, match="nothing left to stop"):
        services.stop_plan(bob, own.pk, "stay")
    ritas = services.make_plan(rita, "A1", reason="limits")
    with pytest.raises(RefusedError):
        services.stop_plan(bob, ritas.pk, "stay")
    with pytest.raises(RuleError, match="Say why"):
        services.stop_plan(rita, ritas.pk, "")
    stopped = services.stop_plan(rita, ritas.pk, "mended")
    assert (stopped.stopped_by, stopped.status) == (rita, "stopped")


def test_who_lost_the_account_stops_nothing_there(bob: User) -> None:
    make_desk("A1", bob)
    plan = services.make_plan(bob, "A1", reason="home")
    services.revoke_account(None, "A1", bob, "trade_tradingaccount")
    with pytest.raises(MissingError):
        services.stop_plan(User.objects.get(pk=bob.pk), plan.pk, "stay")
