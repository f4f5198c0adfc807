"""The continuous series as stored bars: 88 from the decided main contracts, 99 from all contracts of a product.

Built a day at a time after the decision, and again at any time: what is stored with the same values is left alone.
Imported bars are never mixed with built ones unless somebody asks for it, and then only after their last day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User
from accounts.permissions import require
from marketdata import bar_store
from marketdata.daily_facts import RAW_SERIES, MainContractDay
from marketdata.domain.adjust import ADJUSTED_SERIES
from marketdata.domain.bars import BarSeries
from marketdata.domain.instrument import InstrumentKind
from marketdata.domain.intervals import interval_name, parse_interval
from marketdata.instruments import ensure_instrument, session_table, trading_calendar
from marketdata.locks import lock_bars
from marketdata.main_contracts.continuous_bars import INDEX_SERIES, Wanted, made_bars
from marketdata.main_contracts.state import last_finished_day, series_code
from marketdata.models import Bar, BarCoverage, BarImport, Instrument, Product
from quantsite.common.errors import ConflictError, RuleError

BUILT_SERIES = (RAW_SERIES, INDEX_SERIES)
INTERVALS = ("1m", "1d")
"""What is stored each night; other intervals are made of minutes when they are read."""

BUILT = "built from contracts"
"""The source of the one import row that says of a series and interval that bars of it were built."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Built:
    """What became of one series and interval; ``different`` bars are stored otherwise and were left, ``text`` is why
    nothing was built."""

    code: str
    interval: str
    stored: int = 0
    unchanged: int = 0
    replaced: int = 0
    different: int = 0
    text: str = ""


@dataclass(frozen=True)
class BuildOptions:
    """``first`` and ``last``: trading days, by default from the last one stored to the last one that is over.

    ``append``: build after the last day of imported bars. ``replace``: overwrite built bars that come out otherwise.
    """

    first: date | None = None
    last: date | None = None
    append: bool = False
    replace: bool = False


def build_continuous(
    actor: User | None,
    products: Sequence[Product] | None = None,
    intervals: Sequence[str] = INTERVALS,
    options: BuildOptions | None = None,
    *,
    now: datetime | None = None,
) -> list[Built]:
    """Build 88 and 99 of the products (all that have a main contract); one transaction a product.

    Raises ``RefusedError``, and ``RuleError`` for an interval that is none, days that are not over, and a product
    without hours.
    """
    require(actor, "marketdata.add_barimport")
    options = options or BuildOptions()
    names = [interval_name(parse_interval(interval)) for interval in intervals]
    finished = last_finished_day(trading_calendar(), now or timezone.now())
    last = options.last or finished
    if last > finished:
        raise RuleError("day_not_over", _("%(day)s is not over yet.") % {"day": last})
    if products is None:
        decided = MainContractDay.objects.values("product")
        products = list(Product.objects.filter(pk__in=decided).select_related("exchange").order_by("pk"))
    return [built for product in products for built in _build_product(actor, product, names, options, last)]


def forget_from(series: Instrument, day: date) -> int:
    """Remove the built bars of a series from trading day ``day`` on, within the caller's transaction; gives how many.

    Imported bars stay. Raises ``ConflictError`` ``mixed_series`` where built ones follow imported ones: nothing tells
    which is which.
    """
    removed = 0
    for coverage in BarCoverage.objects.filter(instrument=series, last_day__gte=day):
        built, imported = _origins(series, coverage.interval)
        if built and imported:
            text = _(
                "%(code)s %(interval)s has built bars after imported ones: import those days with --replace first."
            )
            raise ConflictError("mixed_series", text % {"code": series.code, "interval": coverage.interval})
        if built:
            locked = lock_bars(series, coverage.interval)
            gone = Bar.objects.series(series, coverage.interval, start=day)
            bar_store.delete(gone, locked)
            bar_store.refresh(locked)
            removed += len(gone)
    return removed


def _build_product(
    actor: User | None, product: Product, intervals: Sequence[str], options: BuildOptions, last: date
) -> list[Built]:
    table = session_table(product)
    with transaction.atomic():
        found = [
            _build(Wanted(product, series, interval, table), options, last)
            for interval in intervals
            for series in BUILT_SERIES
        ]
        changed = [built for built in found if built.stored or built.replaced]
        if changed and actor is not None:
            about = {f"{built.code} {built.interval}": [built.stored, built.replaced] for built in changed}
            record(actor, "continuous.build", product, after=about)
    for built in found:
        if built.stored or built.replaced or built.different:
            log.info("continuous series", **vars(built))
    return found


def _build(wanted: Wanted, options: BuildOptions, last: date) -> Built:
    series = ensure_instrument(wanted.code, last)
    coverage = lock_bars(series, wanted.interval)
    built, imported = _origins(series, wanted.interval)
    if imported and not built and not options.append:
        text = _("imported bars are stored; --append builds after their last day")
        return Built(series.code, wanted.interval, text=text)
    first = _first_day(wanted, coverage, options)
    if imported and coverage.last_day is not None:
        # The last day is a built one only where building has begun.
        first = max(first or coverage.last_day, coverage.last_day + timedelta(days=0 if built else 1))
    if first is None or first > last:
        return Built(series.code, wanted.interval, text=_("nothing to build from"))
    bars = made_bars(wanted, first, last)
    if wanted.series == RAW_SERIES and len(bars):
        for form in ADJUSTED_SERIES:  # nothing is stored of them: they are there to be asked for
            ensure_instrument(series_code(wanted.product, form), last)
    return _sync(bars, coverage, first, last, replace=options.replace and not imported)


def _first_day(wanted: Wanted, coverage: BarCoverage, options: BuildOptions) -> date | None:
    """Where building begins: as asked, else the last stored day once more (it may have been filled up since)."""
    asked = options.first or coverage.last_day
    if wanted.series == RAW_SERIES:
        days = MainContractDay.objects.filter(product=wanted.product).order_by("trading_day")
        possible = days.values_list("trading_day", flat=True).first()
    else:
        future = InstrumentKind.FUTURE.value
        rows = BarCoverage.objects.filter(instrument__product=wanted.product, instrument__kind=future, bars__gt=0)
        possible = rows.order_by("first_day").values_list("first_day", flat=True).first()
    begin = possible and max(asked or possible, possible)
    return begin and wanted.table.calendar.on_or_after(begin)


def _sync(bars: BarSeries, coverage: BarCoverage, first: date, last: date, *, replace: bool) -> Built:
    """Store what is new; with ``replace`` also what differs, and remove what the days do not have any more."""
    series, interval = coverage.instrument, coverage.interval
    found = bar_store.compare(bars, coverage)
    replaced = 0
    if replace:
        stored = Bar.objects.series(series, interval, first, last)
        gone = stored.take(~np.isin(stored.start, bars.start) | np.isin(stored.start, found.stored.start))
        bar_store.delete(gone, coverage)
        bar_store.insert(bars.take(found.different), coverage)
        replaced = len(gone)
    bar_store.insert(bars.take(found.new), coverage)
    if len(found.new) or replaced:
        bar_store.refresh(coverage)
        _note(series, interval, len(bars), len(found.new), replaced)
    left = 0 if replace else len(found.different)
    return Built(series.code, interval, len(found.new), len(found.unchanged), replaced, left)


def _note(series: Instrument, interval: str, rows: int, stored: int, replaced: int) -> None:
    """One row of imports for each series and interval: a row a night and product would bury those of people."""
    counts = {"rows_read": rows, "stored": stored, "replaced": replaced}
    row, created = BarImport.objects.get_or_create(
        instrument=series,
        interval=interval,
        source=BUILT,
        defaults={**counts, "simulated": series.simulated},
    )
    if not created:
        BarImport.objects.filter(pk=row.pk).update(**{name: F(name) + number for name, number in counts.items()})


def _origins(series: Instrument, interval: str) -> tuple[bool, bool]:
    """Whether bars of the series were built, and whether any were imported."""
    rows = BarImport.objects.filter(Q(stored__gt=0) | Q(replaced__gt=0), instrument=series, interval=interval)
    return rows.filter(source=BUILT).exists(), rows.exclude(source=BUILT).exists()
