"""Row locks of market data, in one place."""

from collections.abc import Collection, Iterable

from marketdata.models import BarCoverage, Instrument, Product


def lock_bars(instrument: Instrument, interval: str) -> BarCoverage:
    """The coverage row of one series, locked until the transaction ends: who writes bars of it holds this first.

    SQLite has no row locks; there every writing transaction is alone from its first statement (IMMEDIATE).
    """
    BarCoverage.objects.get_or_create(instrument=instrument, interval=interval)
    return BarCoverage.objects.select_for_update().get(instrument=instrument, interval=interval)


def lock_all_bars(series: Collection[tuple[int, str]]) -> dict[tuple[int, str], BarCoverage]:
    """As :func:`lock_bars` for many series, given as (key of the instrument, interval), in the order of their rows."""
    keys, intervals = {key for key, _interval in series}, {interval for _key, interval in series}
    about = BarCoverage.objects.filter(instrument__in=keys, interval__in=intervals)
    known = {(key, interval): pk for pk, key, interval in about.values_list("pk", "instrument_id", "interval")}
    missing = sorted(set(series) - known.keys())
    if missing:
        made = [BarCoverage(instrument_id=key, interval=interval) for key, interval in missing]
        BarCoverage.objects.bulk_create(made, ignore_conflicts=True)
        known = {(key, interval): pk for pk, key, interval in about.values_list("pk", "instrument_id", "interval")}
    rows = BarCoverage.objects.select_for_update().filter(pk__in=[known[one] for one in series]).order_by("pk")
    return {(row.instrument_id, row.interval): row for row in rows}


def lock_instruments(keys: Iterable[int]) -> None:
    """The rows of these instruments, in the order of their keys, locked until the transaction ends.

    Who writes rolls or settlements of them holds this first.
    """
    list(Instrument.objects.select_for_update().filter(pk__in=list(keys)).order_by("pk").values_list("pk"))


def lock_products(keys: Iterable[int]) -> None:
    """The rows of these products, in the order of their keys, locked until the transaction ends.

    Who decides which of their contracts is the main one holds this first.
    """
    list(Product.objects.select_for_update().filter(pk__in=list(keys)).order_by("pk").values_list("pk"))


def lock_ticks(instrument: Instrument) -> None:
    """The instrument's row, locked against others who import, replace or archive ticks of it, until the end.

    It does not hold up who only refers to the row, such as the recorder with new ticks of it.
    """
    list(Instrument.objects.select_for_update(no_key=True).filter(pk=instrument.pk).values_list("pk"))
