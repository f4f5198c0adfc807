"""A day of a strategy instance as rows, written as a runner and a gateway write them: out of a hosted run."""

from decimal import Decimal

from backtests.domain.engine import RunSetup
from backtests.domain.hosted import HostedResult, run_hosted
from backtests.domain.hosted_exchange import Sent
from backtests.domain.legs import Leg
from backtests.drift.replay import FREE, PLENTY
from backtests.run_costs import cost_table
from backtests.tick_days import MINUTE, bars_built, hosted_days, hosted_legs
from marketdata.domain.calendar import from_day_number
from marketdata.models import Instrument
from quantsite.common.times import ns_to_utc
from strategies import registry
from strategies.domain.hosting.terms import TICKS
from strategies.models import Signal, StrategyDay, StrategyInstance, StrategyOrder
from trading.choices import DirectionName, OffsetName, StatusName
from trading.domain.offsets import Direction
from trading.order_models import Fill, Order


def live_day(instance: StrategyInstance) -> HostedResult:
    """Run the instance's recorded day under the live host, and store what a live day would have stored of it."""
    instruments = [row.instrument for row in instance.legs.select_related("instrument__product")]
    interval = MINUTE if instance.interval == TICKS else instance.interval
    legs = [Leg(each.code, bars_built(each, interval, None, None)[0], cost_table(each, FREE)) for each in instruments]
    setup = RunSetup(PLENTY, float(instance.unit))
    strategy = registry.create(instance.strategy, instance.parameters)
    days = list(hosted_days(instruments, None, None))
    result = run_hosted(days, hosted_legs(instruments, legs), strategy, setup, interval=instance.interval)
    day = StrategyDay.objects.create(
        instance=instance,
        trading_day=from_day_number(days[0].trading_day),
        source_hash=registry.source_hash(instance.strategy),
        ended=True,
    )
    _store_signals(instance, instruments, result)
    fills: dict[int, list[tuple[int, float, int]]] = {}
    for number, traded in result.fills:
        fills.setdefault(number, []).append((traded.at, traded.price, traded.volume))
    for sent in result.sent:
        _store_order(day, instruments[sent.place.leg], sent, fills.get(sent.place.number, []))
    return result


def _store_signals(instance: StrategyInstance, instruments: list[Instrument], result: HostedResult) -> None:
    Signal.objects.bulk_create(
        Signal(
            instance=instance, number=number, leg=each.leg, instrument=instruments[each.leg],
            bar_start=None if instance.interval == TICKS else ns_to_utc(each.bar_start), decided_at=ns_to_utc(each.at),
            target=each.target, reason=each.reason, values=dict(each.values), price=Decimal(str(each.price)),
        )
        for number, each in enumerate(result.decided, start=1)
    )  # fmt: skip


def _store_order(day: StrategyDay, instrument: Instrument, sent: Sent, fills: list[tuple[int, float, int]]) -> None:
    instance, place = day.instance, sent.place
    direction = DirectionName.BUY if place.direction == Direction.BUY else DirectionName.SELL
    price = None if place.price != place.price else Decimal(str(place.price))
    common = {"instrument": instrument, "direction": direction, "type": place.type, "price": price}
    order = Order.objects.create(
        **common, account=instance.account, client_order_id=f"s{instance.pk}-{place.number}", offset=OffsetName.AUTO,
        volume=place.lots, strategy_key=instance.key, trading_day=day.trading_day, reason_code=sent.refused,
        status=StatusName.REJECTED if sent.refused else StatusName.FILLED, traded=sum(lots for *_, lots in fills),
    )  # fmt: skip
    StrategyOrder.objects.create(
        **common, instance=instance, number=place.number, order=order, leg=place.leg, cause=place.cause,
        own=place.own, lots=place.lots, decision_price=Decimal(str(place.decision_price)),
        decided_at=ns_to_utc(place.decided_at), trading_day=day.trading_day, refused_code=sent.refused,
    )  # fmt: skip
    Fill.objects.bulk_create(
        Fill(
            account=instance.account, order=order, instrument=instrument, trading_day=day.trading_day,
            trade_id=f"{place.number}-{part}", direction=direction, offset=OffsetName.OPEN,
            price=Decimal(str(at_price)),
            volume=lots, commission=Decimal(0), traded_at=ns_to_utc(at), strategy_key=instance.key, seq=place.number,
        )
        for part, (at, at_price, lots) in enumerate(fills)
    )  # fmt: skip
