"""The prices that a trading day is settled at, and where each comes from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from marketdata.daily_facts import DailySettlement

GIVEN, PUBLISHED, LAST = "given", "published", "last"


@dataclass(frozen=True)
class DayPrice:
    """The settlement price of one instrument; ``source`` is ``given``, ``published``, ``last`` or '' where unknown."""

    instrument: str
    price: float | None
    source: str = ""


def day_prices(
    codes: Iterable[str],
    day: date | None,
    given: Mapping[str, float],
    *,
    told: Mapping[str, float] | None = None,
    last: Mapping[str, float] | None = None,
) -> list[DayPrice]:
    """One price for each instrument: the given one, else the stored or streamed settlement price, else the last price.

    ``told`` are settlement prices that a stream brought, ``last`` what may stand in for one that was never published.
    """
    wanted = sorted(codes)
    stored = dict(
        DailySettlement.objects.filter(instrument__code__in=wanted, trading_day=day).values_list(
            "instrument__code", "settlement_price"
        )
        if day
        else ()
    )
    ways = ((GIVEN, given), (PUBLISHED, stored), (PUBLISHED, told or {}), (LAST, last or {}))
    return [_first(code, ways) for code in wanted]


def _first(code: str, ways: Iterable[tuple[str, Mapping[str, float]]]) -> DayPrice:
    for source, prices in ways:
        price = prices.get(code)
        if price is not None and price > 0:  # NaN is not
            return DayPrice(code, float(price), source)
    return DayPrice(code, None)
