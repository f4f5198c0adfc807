"""A desk of strategies as it stands in the middle of a morning: stages by the verbs, rows as the runner writes them.

Prices, signals, orders, fills and positions of an instance fit each other: every lot held was filled by an order, every
order was decided on by a signal.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts.models import User
from marketdata.instruments import ensure_instrument
from marketdata.models import Bar, Instrument
from strategies import services
from strategies.choices import Health, RollState
from strategies.domain.execution.plan import parse
from strategies.models import (
    Signal,
    StrategyDay,
    StrategyInstance,
    StrategyLog,
    StrategyOrder,
    StrategyPosition,
    StrategyRoll,
    StrategyState,
)
from strategies.running.log import RAISES
from strategies.services import Finding, NewInstance
from strategies.verbs.instances import grant_instance
from trading import services as trading
from trading.account_models import TRADE, AccountState, TradingAccount
from trading.order_models import Fill, Order

RB, HC, IO, LAST, NEXT = "rb2501.SHFE", "hc2501.SHFE", "i2505.DCE", "rb2410.SHFE", "rb2505.SHFE"
DAY = date(2024, 12, 2)
OPEN = datetime(2024, 12, 2, 1, 0, tzinfo=UTC)
"""09:00 in Shanghai."""
STEP = timedelta(minutes=5)
FIRST_PRICES = {RB: 3_312.0, HC: 3_478.0, IO: 801.5}
COMMISSION = Decimal("3.31")


@dataclass
class FilledDesk:
    """Instances by key, and who is who."""

    owner: User
    officer: User
    accounts: dict[str, TradingAccount] = field(default_factory=dict)
    instances: dict[str, StrategyInstance] = field(default_factory=dict)


def filled_desk(owner: User, officer: User) -> FilledDesk:
    """Eight instances: at work on paper, failed, without data, paused, in a roll, backtested, a draft."""
    desk = FilledDesk(owner, officer)
    for code in ("paper-1", "paper-2"):
        desk.accounts[code] = trading.add_account(None, code, capital=Decimal(1_000_000), name=f"Paper book {code[-1]}")
        trading.grant_account(None, code, owner, TRADE)
        AccountState.objects.filter(pk=desk.accounts[code].pk).update(trading_day=DAY)
    _make(desk, "rb-trend", "double_ma", [RB], title="Rebar trend", day_loss_limit=Decimal(8_000))
    _make(desk, "hc-macd", "macd", [HC], title="Hot coil MACD", account="paper-2")
    _make(desk, "rb-hc", "spread", [RB, HC], title="Rebar against coil", execution=_pair())
    _make(desk, "ore-turtle", "turtle", [IO], title="Iron ore turtle", account="paper-2")
    _make(desk, "rb-rsi", "rsi", [RB], title="Rebar RSI", account="paper-2")
    _make(desk, "ore-bands", "bollinger", [IO], title="Ore bands")
    _make(desk, "hc-thrust", "dual_thrust", [HC], title="Coil breakout")
    _make(desk, "rb-grid", "grid", [RB], title="Rebar grid")
    bars(RB)
    rows = desk.instances
    for key in ("rb-trend", "hc-macd", "rb-hc", "ore-turtle", "rb-rsi", "ore-bands"):
        _to_paper(desk, key)
        services.start(owner, rows[key].pk, reason="begin of the day")
        _past_days(rows[key], seed=len(key))
    at_work(rows["rb-trend"], targets=(1, -1, 1), last=7.0)
    at_work(rows["hc-macd"], targets=(-1, 1, -1), last=-5.0)
    at_work(rows["rb-hc"], targets=(1,), last=3.0, second=True)
    at_work(rows["ore-turtle"], targets=(1, 2), last=-1.5)
    at_work(rows["rb-rsi"], targets=(-1,), last=-4.0)
    _roll(rows["rb-trend"])
    services.pause(owner, rows["rb-rsi"].pk, reason="figures of the steel union at ten")
    told(rows["rb-rsi"], Health.PAUSED)
    _fails(rows["ore-turtle"])
    told(rows["ore-bands"], Health.GAP, age=timedelta(seconds=1))
    _evidence_for(desk, "hc-thrust")
    services.promote(owner, rows["hc-thrust"].pk, reason="passed")
    for row in rows.values():
        row.refresh_from_db()
    return desk


def _pair() -> dict[str, Any]:
    return parse({"kind": "chase", "pair": {"seconds": 5, "then": "undo"}}, 2).document()


def _make(desk: FilledDesk, key: str, strategy: str, codes: list[str], **given: Any) -> None:
    for code in codes:
        ensure_instrument(code, DAY)
    asked = {"account": "paper-1", "interval": "5m", **given}
    made = services.create_instance(
        desk.owner, NewInstance(key=key, strategy=strategy, instruments=tuple(codes), **asked)
    )
    desk.instances[key] = made


def _evidence_for(desk: FilledDesk, key: str) -> None:
    """A backtest with its parameters, and the check for later bars."""
    row = desk.instances[key]
    plain: dict[str, Any] = {
        "strategy": row.strategy, "passed": True, "parameters": row.parameters, "interval": "5m"
    }  # fmt: skip
    facts = {"net_return": 0.1234, "max_drawdown": -0.0412, "trades": 118}
    backtest = Finding(kind="backtest", facts=facts, reference="backtest 17", **plain)
    services.write_evidence(desk.owner, backtest)
    services.write_evidence(None, Finding(kind="look_ahead", facts={"cuts": 40}, reference="check_strategy", **plain))


def _to_paper(desk: FilledDesk, key: str) -> None:
    _evidence_for(desk, key)
    for _step in range(2):
        services.promote(desk.owner, desk.instances[key].pk, reason="passed")
    for back in range(1, 4):
        day = DAY - timedelta(days=back)
        found = Finding(
            kind="paper_day",
            strategy=desk.instances[key].strategy,
            passed=True,
            parameters=desk.instances[key].parameters,
            interval="5m",
            instance_id=desk.instances[key].pk,
            trading_day=day,
            facts={"profit": 412.0, "fills": 6},
        )
        services.write_evidence(None, found)
    desk.instances[key].refresh_from_db()


def bars(code: str, count: int = 140) -> None:
    """Stored bars of five minutes up to now in the morning, a random walk about the prices of the instances."""
    made = _walk(code, count)
    instrument = ensure_instrument(code, DAY)
    Bar.objects.bulk_create(Bar(instrument=instrument, interval="5m", **row) for row in made)


def _walk(code: str, count: int) -> list[dict[str, Any]]:
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    price, tick, rows = FIRST_PRICES[code], 1.0, []
    for number in range(count):
        start = OPEN + STEP * (32 - count + number)
        back = round((FIRST_PRICES[code] - price) / 12)  # near the prices of the instances, whatever chance says
        close = price + tick * (back + chance.choice((-4, -2, -1, 0, 1, 2, 4)))
        high, low = max(price, close) + tick * chance.randrange(3), min(price, close) - tick * chance.randrange(3)
        lots = {"volume": chance.randrange(900, 6_000), "turnover": 0.0, "open_interest": 1_500_000.0}
        shape = {"open": price, "high": high, "low": low, "close": close}
        rows.append({"trading_day": DAY, "start": start, **shape, **lots})
        price = close
    return rows


def told(instance: StrategyInstance, health: Health = Health.RUNNING, age: timedelta | None = None) -> None:
    """The runner's last word of an instance: of now and for longer than anybody waits, unless an age is given."""
    at = timezone.now() - age if age is not None else timezone.now() + timedelta(hours=1)
    StrategyInstance.objects.filter(pk=instance.pk).update(health=health, told_at=at)


def at_work(instance: StrategyInstance, targets: tuple[int, ...], last: float, *, second: bool = False) -> None:
    """A morning: signals, an order for each with its fills, and the position that is left, marked ``last`` further."""
    chance = random.Random(instance.pk)  # noqa: S311 - repeatable, not secret
    legs = [leg.instrument for leg in instance.legs.select_related("instrument").order_by("number")]
    prices = [FIRST_PRICES[leg.code] for leg in legs]
    held = [0 for _leg in legs]
    number = 0
    for step, target in enumerate(targets):
        at = OPEN + STEP * (3 + 9 * step)
        for place, leg in enumerate(legs):
            wanted = target if place == 0 else -target
            prices[place] += chance.choice((-6, -3, 2, 4, 7)) * float(leg.price_tick)
            number += 1
            _signal(instance, number, place, leg, wanted, held[place], prices[place], at)
            _order(instance, number, place, leg, wanted - held[place], prices[place], at, chance)
            held[place] = wanted
    for place, leg in enumerate(legs):
        _position(instance, place, leg, last if place == 0 or not second else -1.0)
    _stored(instance)
    told(instance)


def _signal(
    instance: StrategyInstance,
    number: int,
    leg: int,
    of: Instrument,
    target: int,
    held: int,
    price: float,
    at: datetime,
) -> None:
    fast, slow = price + 3.4 * target, price - 2.1 * target
    Signal.objects.create(
        instance=instance,
        number=number,
        leg=leg,
        instrument=of,
        bar_start=at - STEP,
        decided_at=at,
        target=float(target),
        position=held,
        price=Decimal(str(price)),
        created_at=timezone.now() - timedelta(seconds=40 * (4 - number)),
        reason="cross above" if target > 0 else "cross below",
        values={"fast": round(fast, 2), "slow": round(slow, 2), "close": price},
        parameters_version=instance.parameters_version,
    )


def _order(
    instance: StrategyInstance,
    number: int,
    leg: int,
    of: Instrument,
    lots: int,
    price: float,
    at: datetime,
    chance: random.Random,
) -> None:
    """The order that closes the gap, filled a tick or two worse than decided."""
    side = "buy" if lots > 0 else "sell"
    worse = chance.choice((0, 1, 1, 2)) * float(of.price_tick) * (1 if lots > 0 else -1)
    paid = Decimal(str(price + worse))
    order = Order.objects.create(
        account=instance.account,
        client_order_id=f"s{instance.pk}-{number}",
        instrument=of,
        direction=side,
        offset="auto",
        type="market",
        volume=abs(lots),
        traded=abs(lots),
        average_price=paid,
        status="filled",
        trading_day=DAY,
        strategy_key=instance.key,
        submitted_at=at,
        finished_at=at,
    )
    Fill.objects.create(
        account=instance.account,
        order=order,
        instrument=of,
        trading_day=DAY,
        trade_id=f"t-{order.pk}",
        direction=side,
        offset="open",
        price=paid,
        volume=abs(lots),
        commission=COMMISSION * abs(lots),
        strategy_key=instance.key,
        traded_at=at + timedelta(milliseconds=250),
        seq=order.pk,
    )
    arrived = timezone.now()
    StrategyOrder.objects.create(
        instance=instance,
        number=number,
        order=order,
        leg=leg,
        instrument=of,
        cause="target",
        direction=side,
        type="market",
        lots=abs(lots),
        decision_price=Decimal(str(price)),
        decided_at=at,
        event_at=arrived,
        sent_at=arrived + timedelta(microseconds=chance.randrange(1_400, 6_800)),
        trading_day=DAY,
    )


def _position(instance: StrategyInstance, leg: int, of: Instrument, further: float) -> None:
    """What its fills left: realised profit by average cost, marked so many price units from the last fill."""
    lots, average, realised, commission, turnover, price = 0, 0.0, 0.0, Decimal(0), 0.0, 0.0
    size = float(of.multiplier)
    fills = Fill.objects.filter(order__strategy_order__instance=instance, instrument=of).order_by("pk")
    for fill in fills:
        price, change = float(fill.price), fill.volume if fill.direction == "buy" else -fill.volume
        closing = -change if lots * change < 0 and abs(change) <= abs(lots) else -lots if lots * change < 0 else 0
        closed = min(abs(lots), abs(change)) if closing or lots * change < 0 else 0
        realised += closed * (price - average) * size * (1 if lots > 0 else -1)
        left = lots + change
        if lots * change >= 0:
            average = (average * abs(lots) + price * abs(change)) / abs(left)
        elif lots * left < 0:
            average = price
        lots, commission, turnover = left, commission + fill.commission, turnover + price * fill.volume * size
    marked = price + further
    profit = realised - float(commission) + (marked - average) * lots * size
    base = sum(float(day.profit) for day in StrategyDay.objects.filter(instance=instance)) if leg == 0 else 0.0
    StrategyPosition.objects.create(
        instance=instance,
        instrument=of,
        leg=leg,
        lots=lots,
        average=Decimal(f"{average:.6f}"),
        realised=Decimal(f"{realised + base:.6f}"),
        commission=commission,
        turnover=Decimal(f"{turnover:.6f}"),
        marked=Decimal(f"{marked:.6f}"),
        profit=Decimal(f"{profit + base:.6f}"),
        day_base=Decimal(f"{base:.6f}"),
        trading_day=DAY,
    )
    counts = {"orders": fills.count(), "fills": fills.count(), "signals": fills.count(), "ticks": 14_210, "bars": 31}
    day, _new = StrategyDay.objects.get_or_create(
        instance=instance, trading_day=DAY, defaults={"stage": instance.stage}
    )
    for name, count in counts.items():
        setattr(day, name, getattr(day, name) + count)
    day.profit = Decimal(f"{float(day.profit) + profit:.6f}")
    day.worst_latency_ms = 6.7
    day.commission += commission
    day.save()


def _stored(instance: StrategyInstance) -> None:
    state = {"at": OPEN + STEP * 31, "trading_day": DAY, "parameters_version": instance.parameters_version}
    StrategyState.objects.create(instance=instance, **state)


def _past_days(instance: StrategyInstance, seed: int) -> None:
    """Four weeks that are over."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    day, made = DAY, 0
    while made < 20:
        day -= timedelta(days=1)
        if day.weekday() >= 5:
            continue
        made += 1
        StrategyDay.objects.create(
            instance=instance,
            trading_day=day,
            stage=instance.stage,
            source_hash=instance.source_hash,
            profit=Decimal(chance.randrange(-1_900, 2_600)),
            commission=Decimal(chance.randrange(20, 90)),
            slippage=Decimal(chance.randrange(20, 240)),
            fills=chance.randrange(2, 12),
            orders=chance.randrange(2, 12),
            signals=chance.randrange(2, 9),
            bars=69,
            ticks=chance.randrange(30_000, 44_000),
            gaps=1 if made == 6 else 0,
            worst_latency_ms=round(chance.uniform(3.0, 9.0), 2),
            ended=True,
        )


def _roll(instance: StrategyInstance) -> None:
    """One contract change that is over, and one that has begun and filled nothing yet."""
    contracts = {code: ensure_instrument(code, DAY) for code in (LAST, RB, NEXT)}
    StrategyRoll.objects.create(
        instance=instance,
        from_instrument=contracts[LAST],
        to_instrument=contracts[RB],
        lots=1,
        state=RollState.DONE,
        exposure_seconds=3.4,
        closed_price=Decimal(3_318),
        opened_price=Decimal(3_341),
        trading_day=DAY - timedelta(days=60),
        started_at=OPEN - timedelta(days=60),
        ended_at=OPEN - timedelta(days=60) + timedelta(seconds=9),
    )
    StrategyRoll.objects.create(
        instance=instance,
        from_instrument=contracts[RB],
        to_instrument=contracts[NEXT],
        lots=1,
        state=RollState.ROLLING,
        trading_day=DAY,
        started_at=OPEN + STEP * 31,
    )


def _fails(instance: StrategyInstance) -> None:
    values: dict[str, Any] = {"key": instance.key, "times": 3, "error": "ZeroDivisionError: float division by zero"}
    lines = ("Traceback (most recent call last):", '  File "turtle.py", line 118, in on_bars', values["error"])
    trace = "\n".join(lines)
    StrategyLog.objects.create(
        instance=instance, level="error", kind="failed", text=RAISES, values=values, details={"traceback": trace}
    )
    services.fail(instance.pk, "raised", RAISES, values)
    StrategyDay.objects.filter(instance=instance, trading_day=DAY).update(errors=1)


def approval_asked(desk: FilledDesk, live: TradingAccount, key: str = "rb-trend") -> None:
    """Two more days on paper, and the owner asks for the second person's word."""
    row = desk.instances[key]
    for back in (4, 5):
        day = DAY - timedelta(days=back)
        found = Finding(
            kind="paper_day",
            strategy=row.strategy,
            passed=True,
            parameters=row.parameters,
            interval="5m",
            instance_id=row.pk,
            trading_day=day,
        )
        services.write_evidence(None, found)
    services.ask_approval(desk.owner, row.pk, live.code, "five days on paper, as tested")


__all__ = ["FilledDesk", "approval_asked", "at_work", "filled_desk", "grant_instance", "told"]
