"""The verbs about main contracts: decide a trading day's once, after the close of the day before, and decide anew.

Permission first, then one transaction a day that ends with its audit entry. A decided day is never decided again:
there is one row for each product and day, and nothing here changes one. ``redecide`` removes rows and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User
from accounts.permissions import require
from marketdata.daily_facts import ContractRoll, MainContractDay
from marketdata.domain.calendar import TradingCalendar
from marketdata.domain.instrument import InstrumentKind
from marketdata.domain.main_contract import ContractDay, Decision, Obstacle, decide, rule_of, sentence_of
from marketdata.instruments import ensure_instrument, session_table, trading_calendar
from marketdata.locks import lock_products
from marketdata.main_contracts.continuous import forget_from
from marketdata.main_contracts.contract_days import DayFigures, contract_day, figures_of, reach_close
from marketdata.main_contracts.present import present_contract, standing
from marketdata.main_contracts.rows import day_row, roll_row
from marketdata.main_contracts.state import FOLLOWED_SPAN, last_finished_day, series_code
from marketdata.models import Instrument, Product
from quantsite.common.errors import ConflictError, RuleError

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came of one product: its row where it was decided now, else why not. ``missing``: data should be there."""

    product: Product
    row: MainContractDay | None = None
    text: str = ""
    missing: bool = False


@dataclass
class DayReport:
    """What came of one day: ``day`` was looked at, ``trading_day`` is the next one, for which it was decided."""

    day: date
    trading_day: date
    outcomes: list[Outcome] = field(default_factory=list)
    already: int = 0

    @property
    def decided(self) -> list[MainContractDay]:
        """The new rows."""
        return [outcome.row for outcome in self.outcomes if outcome.row is not None]


def decide_days(
    actor: User | None,
    first: date,
    last: date,
    products: Sequence[Product] | None = None,
    *,
    now: datetime | None = None,
) -> list[DayReport]:
    """Decide from the data of each trading day from ``first`` to ``last`` which contracts are main on the next one.

    All products with a bar of the day, and those that have a main contract, unless ``products`` names some. Days must
    be over at ``now``. Raises ``RefusedError``, and ``RuleError`` ``day_not_over``, ``outside_calendar``.
    """
    require(actor, "marketdata.add_maincontractday")
    calendar = trading_calendar()
    finished = last_finished_day(calendar, now or timezone.now())
    if last > finished:
        text = _("%(day)s is not over: what its data say is decided after its close, the last one is %(last)s.")
        raise RuleError("day_not_over", text % {"day": last, "last": finished})
    return [_decide_day(actor, day, products, calendar) for day in calendar.between(first, last)]


def redecide(actor: User | None, product: Product, first: date, *, now: datetime | None = None) -> list[DayReport]:
    """Take back what was decided of ``product`` from the data of ``first`` on, and decide it from today's data.

    Its rolls and the bars built of them go too (the next build makes them anew). For administrators; the audit entry
    has every row that went. Raises as :func:`decide_days`, and ``ConflictError`` ``mixed_series`` where the bars
    built would have to be told from imported ones.
    """
    require(actor, "marketdata.delete_maincontractday")
    calendar = trading_calendar()
    begin = calendar.on_or_before(first)
    from_day = calendar.next_after(begin)
    last = last_finished_day(calendar, now or timezone.now())
    with transaction.atomic():
        lock_products([product.pk])
        rows = MainContractDay.objects.filter(product=product, trading_day__gte=from_day).order_by("trading_day")
        before = {str(row.trading_day): row.instrument.code for row in rows.select_related("instrument")}
        rows.delete()
        series = Instrument.objects.filter(code=series_code(product)).first()
        if series is not None:
            ContractRoll.objects.filter(instrument=series, trading_day__gte=from_day).exclude(rule="").delete()
            forget_from(series, from_day)
        reports = [_decide_day(actor, day, [product], calendar) for day in calendar.between(begin, last)]
        after = {str(row.trading_day): row.instrument.code for report in reports for row in report.decided}
        record(actor, "main_contracts.redecide", product, before=before, after=after)
    return reports


def fill_opens(first: date, last: date) -> int:
    """Add to our own rolls of these trading days the first prices of both contracts on their day; gives how many.

    They are known only when that day has begun: until then 889 is joined by the closes of the day before.
    """
    rows = ContractRoll.objects.within(first, last).exclude(rule="")
    filled = 0
    for row in rows.filter(Q(old_open=None) | Q(new_open=None)):
        pair = {one.code: one for one in Instrument.objects.filter(code__in=[row.from_contract, row.to_contract])}
        opens = {one.code: figures_of([one], row.trading_day).get(one.pk) for one in pair.values()}
        old, new = opens.get(row.from_contract), opens.get(row.to_contract)
        if old is not None and new is not None:
            row.old_open, row.new_open = old.open, new.open
            row.save(update_fields=["old_open", "new_open"])
            filled += 1
    return filled


def _decide_day(
    actor: User | None, day: date, products: Sequence[Product] | None, calendar: TradingCalendar
) -> DayReport:
    report = DayReport(day, calendar.next_after(day))
    with transaction.atomic():
        contracts = _contracts(day, products)
        wanted = list(products) if products is not None else _followed(contracts, day)
        lock_products([product.pk for product in wanted])
        done = set(
            MainContractDay.objects.filter(product__in=wanted, trading_day__gte=report.trading_day).values_list(
                "product", flat=True
            )
        )
        report.already = sum(product.pk in done for product in wanted)
        figures = figures_of([row for rows in contracts.values() for row in rows], day)
        for product in wanted:
            if product.pk in done:
                continue
            mine = {one: figures[one.pk] for one in contracts.get(product.pk, []) if one.pk in figures}
            report.outcomes.append(_decide_product(product, report, calendar, mine))
        if report.decided:
            main = {str(row.product): row.instrument.code for row in report.decided}
            record(actor, "main_contracts.decide", str(report.trading_day), after={"from": str(day), "main": main})
    _tell(report)
    return report


def _tell(report: DayReport) -> None:
    undecided = [str(outcome.product) for outcome in report.outcomes if outcome.row is None]
    rolled = [str(row) for row in report.decided if row.rolled]
    about = {"decided": len(report.decided), "rolled": rolled, "undecided": undecided, "already": report.already}
    log.info("main contracts", day=str(report.day), trading_day=str(report.trading_day), **about)


def _contracts(day: date, products: Sequence[Product] | None) -> dict[int, list[Instrument]]:
    """The contracts that still trade on ``day``, by the product's key."""
    rows = Instrument.objects.filter(kind=InstrumentKind.FUTURE.value).exclude(expires__lt=day)
    if products is not None:
        rows = rows.filter(product__in=products)
    found: dict[int, list[Instrument]] = {}
    for row in rows.filter(coverage__first_day__lte=day, coverage__last_day__gte=day).distinct():
        found.setdefault(row.product_id, []).append(row)
    return found


def _followed(contracts: dict[int, list[Instrument]], day: date) -> list[Product]:
    """Products with bars around the day, and those that had a main contract shortly before it."""
    recently = (day - FOLLOWED_SPAN, day)
    decided = MainContractDay.objects.filter(trading_day__range=recently).values("product")
    rows = Product.objects.filter(Q(pk__in=contracts) | Q(pk__in=decided)).exclude(last_day__lt=day)
    return list(rows.select_related("exchange").order_by("pk"))


def _decide_product(
    product: Product, report: DayReport, calendar: TradingCalendar, figures: dict[Instrument, DayFigures]
) -> Outcome:
    """One product's decision, stored; an obstacle is told and nothing is stored."""
    rule = rule_of(product.exchange_id)
    if not figures:
        known = MainContractDay.objects.filter(product=product).exists()
        return Outcome(product, text=sentence_of(Obstacle.NO_DATA, rule), missing=known)
    try:
        series = ensure_instrument(series_code(product), report.day)
        _no_imported_rolls(series, report.trading_day)
        if not reach_close(figures.values(), session_table(product), report.day):
            return Outcome(product, text=sentence_of(Obstacle.UNFINISHED, rule), missing=True)
    except RuleError as error:
        return Outcome(product, text=error.text)
    rows = [contract_day(one, told) for one, told in figures.items()]
    main = present_contract(product, series, report.day, calendar)
    present = standing(main, rows, report.day, calendar) if main else None
    if isinstance(present, ContractDay):
        rows += [present] if present.volume == 0 else []
    found = decide(rows, present, report.trading_day, calendar, rule)
    if isinstance(found, Obstacle):
        return Outcome(product, text=sentence_of(found, rule), missing=main is not None)
    instruments = {one.code: one for one in [*figures, *([main] if main else [])]}
    return Outcome(product, _store(product, series, report, found, instruments))


def _store(
    product: Product, series: Instrument, report: DayReport, found: Decision, instruments: dict[str, Instrument]
) -> MainContractDay:
    rule = rule_of(product.exchange_id)
    row = day_row(product, instruments[found.main.code], found, rule, day=report.day, trading_day=report.trading_day)
    row.save(force_insert=True)
    if found.rolled:
        roll_row(series, found, row, report.day).save(force_insert=True)
    return row


def _no_imported_rolls(series: Instrument, trading_day: date) -> None:
    later = ContractRoll.objects.filter(instrument=series, trading_day__gte=trading_day, rule="").first()
    if later is not None:
        text = _("The rolls of %(series)s come from an import (%(source)s) up to %(day)s at least.")
        about = {"series": series.code, "source": later.source, "day": later.trading_day}
        raise ConflictError("rolls_imported", text % about)


def summary(report: DayReport) -> dict[str, Any]:
    """The report as plain values for logs and the task's answer."""
    return {
        "day": str(report.day),
        "decided": len(report.decided),
        "rolled": sum(row.rolled for row in report.decided),
        "undecided": sum(outcome.row is None for outcome in report.outcomes),
        "already": report.already,
    }
