"""The prices that a trading day is settled at, and where each comes from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from marketdata.daily_facts import DailySettlement

GIVEN, BROKER, PUBLISHED, LAST = "given", "broker", "published", "last"


@dataclass(frozen=True)
class DayPrice:
    """The settlement price of one instrument; ``source`` is ``given``, ``broker``, ``published``, ``last`` or ''."""

    instrument: str
    price: float | None
    source: str = ""


def day_prices(
    codes: Iterable[str],
    day: date | None,
    given: Mapping[str, float],
    *,
    broker: Mapping[str, float] | None = None,
    told: Mapping[str, float] | None = None,
    last: Mapping[str, float] | None = None,
) -> list[DayPrice]:
    """One price for each instrument: the given one, else the stored or streamed settlement price, else the last price.

    ``broker`` are those that a broker has settled its books at, which go before what is published; ``told`` are
    settlement prices that a stream brought, ``last`` what may stand in for one that was never published.
    """
    wanted = sorted(codes)
    stored = dict(
        DailySettlement.objects.filter(instrument__code__in=wanted, trading_day=day).values_list(
            "instrument__code", "settlement_price"
        )
        if day
        else ()
    )
    ways = ((GIVEN, given), (BROKER, broker or {}), (PUBLISHED, stored), (PUBLISHED, told or {}), (LAST, last or {}))
    return [_first(code, ways) for code in wanted]


def _first(code: str, ways: Iterable[tuple[str, Mapping[str, float]]]) -> DayPrice:
    for source, prices in ways:
        price = prices.get(code)
        if price is not None and price > 0:  # NaN is not
            return DayPrice(code, float(price), source)
    return DayPrice(code, None)
