"""The broker's truth beside our rows: orders, trades, lots and funds, each difference as a sentence."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from trading.account_models import TradingAccount
from trading.choices import StatusName
from trading.ledger_models import Position
from trading.order_models import Fill, Order

CENT = 0.01
DONE = frozenset("05")


def wrong(account: TradingAccount, truth: dict[str, Any]) -> list[str]:
    """Everything in which our rows of the trading day differ from what the broker has."""
    day = datetime.strptime(truth["day"], "%Y%m%d").date()  # noqa: DTZ007 - a date
    orders = list(Order.objects.filter(account=account, trading_day=day).select_related("instrument"))
    left = Order.objects.filter(account=account, trading_day__lt=day).working()
    return [
        *(f"order {row.pk} of {row.trading_day} is still {row.status}" for row in left),
        *_orders(orders, truth["orders"]),
        *_trades(account, day, truth["trades"]),
        *_positions(account, truth["positions"]),
        *_funds(account, truth["account"]),
    ]


def _key(fields: dict[str, Any]) -> tuple[Any, ...]:
    return fields["FrontID"], fields["SessionID"], fields["OrderRef"]


def _orders(rows: Iterable[Order], told: list[dict[str, Any]]) -> Iterable[str]:
    """Each exchange order belongs to one row, which stands where its exchange orders stand."""
    known = {_key(fields): fields for fields in told}
    seen: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        legs = [tuple(leg["key"]) for leg in row.matching.get("legs", ()) if leg["key"]]
        mine = [known[key] for key in legs if key in known]
        seen.update(key for key in legs if key in known)
        traded = sum(fields["VolumeTraded"] for fields in mine)
        alive = any(fields["OrderStatus"] not in DONE for fields in mine)
        if row.traded != traded:
            yield f"order {row.pk}: {row.traded} lots traded, at the broker {traded}"
        if alive != row.is_working:
            states = [fields["OrderStatus"] for fields in mine]
            yield f"order {row.pk} is {row.status}, at the broker {states}"
        if row.status == StatusName.REJECTED and traded:
            yield f"order {row.pk} is rejected and has traded"
    yield from (f"exchange order {key} stands in {seen[key]} rows" for key in known if seen[key] != 1)


def _trades(account: TradingAccount, day: Any, told: list[dict[str, Any]]) -> Iterable[str]:
    """Every trade is booked once, with its price and volume."""
    ours: Counter[tuple[Any, ...]] = Counter()
    for fill in Fill.objects.filter(account=account, trading_day=day).select_related("instrument"):
        ours[fill.instrument.code, fill.trade_id, fill.direction, float(fill.price)] += fill.volume
    theirs: Counter[tuple[Any, ...]] = Counter()
    for row in told:
        code = f"{row['InstrumentID']}.{row['ExchangeID']}"
        number = f"{row['ExchangeID']}:{row['TradeID'].strip()}"
        theirs[code, number, "buy" if row["Direction"] == "0" else "sell", row["Price"]] += row["Volume"]
    yield from (f"not booked: {trade} {lots}" for trade, lots in (theirs - ours).items())
    yield from (f"booked and not made: {trade} {lots}" for trade, lots in (ours - theirs).items())


def _positions(account: TradingAccount, told: list[dict[str, Any]]) -> Iterable[str]:
    """Lots held, of today, and frozen by closes that rest."""
    ours = {
        (row.instrument.code, row.side): (row.volume, row.today, row.frozen)
        for row in Position.objects.filter(account=account).select_related("instrument")
    }
    theirs: dict[tuple[str, str], tuple[int, int, int]] = {}
    for row in told:
        key = (f"{row['InstrumentID']}.{row['ExchangeID']}", "long" if row["PosiDirection"] == "2" else "short")
        lots, today, frozen = theirs.get(key, (0, 0, 0))
        frozen += row.get("ShortFrozen", 0) + row.get("LongFrozen", 0)
        theirs[key] = (lots + row["Position"], today + row["TodayPosition"], frozen)
    theirs = {key: lots for key, lots in theirs.items() if lots[0]}
    for key in sorted({*ours, *theirs}):
        if ours.get(key) != theirs.get(key):
            yield f"position {key}: {ours.get(key)}, at the broker {theirs.get(key)}"


def _funds(account: TradingAccount, told: dict[str, Any]) -> Iterable[str]:
    """What does not hang on the moment of a price: the platform marks at its own ticks."""
    state = account.state
    state.refresh_from_db()
    ours = {
        "Commission": state.commission, "CloseProfit": state.close_profit, "PreBalance": state.pre_balance,
        "Deposit": state.deposit, "Withdraw": state.withdraw, "FrozenMargin": state.frozen_margin,
        "FrozenCommission": state.frozen_commission, "PositionProfit": state.position_profit,
        "Balance": state.balance, "CurrMargin": state.margin, "Available": state.available,
    }  # fmt: skip
    for name, value in ours.items():
        if abs(float(value) - told[name]) > CENT:
            yield f"{name}: {value}, at the broker {told[name]}"
