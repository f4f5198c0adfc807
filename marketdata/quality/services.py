"""The verbs about the quality of data: judge the days of one instrument, and every night those that have changed.

Permission first, then one transaction an instrument that ends with its audit entry. What a day is judged by is kept
as a digest, so that a day is judged again when its bars, ticks, limits or notes have changed, and only then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import User
from accounts.permissions import require
from marketdata.domain.intervals import interval_name, parse_interval
from marketdata.domain.quality import check_days
from marketdata.domain.quality_activity import USUAL_DAYS
from marketdata.domain.quality_score import is_poor
from marketdata.domain.sessions import SessionTable
from marketdata.instruments import find_instrument, session_table
from marketdata.live_models import DayQuality
from marketdata.models import BarCoverage, BarImport, Instrument
from marketdata.quality.alarms import watch_main_contracts
from marketdata.quality.data import Period, digest_of, load_period, notes_of
from marketdata.quality.rows import RULES, finest_coverage, row_of, store
from quantsite.common.errors import MissingError, RuleError
from quantsite.common.times import SHANGHAI

DAY_IS_OVER = time(15, 30)
"""On the Shanghai clock: the last sessions end at 15:15."""

EVER = (date(1990, 1, 1), date(2200, 1, 1))

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was judged of one instrument; ``rows`` are the days written, ascending."""

    instrument: Instrument
    interval: str
    rows: Sequence[DayQuality]

    @property
    def poor(self) -> int:
        """How many of the days are poor."""
        return sum(is_poor(row.score) for row in self.rows)


def check_quality(
    actor: User | None,
    instrument: str,
    first: date | None = None,
    last: date | None = None,
    interval: str | None = None,
) -> Outcome:
    """Judge the trading days from ``first`` to ``last`` of which bars are stored, and store what was found.

    Without ``interval`` the bars of the shortest one are judged. Judging again writes the same rows. Raises
    ``RefusedError``, ``MissingError`` ``unknown_instrument``, ``no_bars`` and ``no_hours``, and ``RuleError``
    ``invalid_period`` and ``invalid_interval``.
    """
    require(actor, "marketdata.add_dayquality")
    begin, end = first or EVER[0], last or EVER[1]
    if begin > end:
        raise RuleError(
            "invalid_period", _("The first day %(first)s comes after %(last)s.") % {"first": begin, "last": end}
        )
    coverage = _coverage(find_instrument(instrument), interval)
    period = load_period(coverage, session_table(coverage.instrument.product), begin, end)
    with transaction.atomic():
        rows = _judge(period, period.wanted)
        about = {"interval": coverage.interval, "days": len(rows), "poor": sum(is_poor(row.score) for row in rows)}
        span = {"first": str(rows[0].trading_day), "last": str(rows[-1].trading_day)} if rows else {}
        record(actor, "quality.check", coverage.instrument, after={**about, **span})
    watch_main_contracts(timezone.localdate())
    return Outcome(coverage.instrument, coverage.interval, rows)


def check_changed(now: datetime | None = None) -> list[Outcome]:
    """Judge, as the system, every finished day that was not judged yet or has changed; gives what was written.

    Of an instrument that was judged before, the last two weeks are looked at, and all of it after an import.
    """
    done = last_finished(now or timezone.now())
    tables: dict[int, SessionTable] = {}
    outcomes = []
    for coverage in _finest_coverages():
        try:
            outcome = _check_one(coverage, tables, done)
        except RuleError as error:  # one product without hours must not keep the others from being judged
            log.warning("quality not checked", instrument=coverage.instrument.code, reason=error.text)
            continue
        if outcome.rows:
            outcomes.append(outcome)
    watch_main_contracts(timezone.localdate(now))
    days = sum(len(outcome.rows) for outcome in outcomes)
    log.info("quality checked", instruments=len(outcomes), days=days, poor=sum(outcome.poor for outcome in outcomes))
    return outcomes


def last_finished(now: datetime) -> date:
    """The last calendar day whose sessions are over at ``now``."""
    local = now.astimezone(SHANGHAI)
    return local.date() if local.time() >= DAY_IS_OVER else local.date() - timedelta(days=1)


def _check_one(coverage: BarCoverage, tables: dict[int, SessionTable], done: date) -> Outcome:
    instrument, last = coverage.instrument, min(coverage.last_day or done, done)
    known = DayQuality.objects.filter(instrument=instrument, interval=coverage.interval)
    newest = known.order_by("-trading_day").first()
    if newest is not None and _is_current(newest, coverage, last):
        return Outcome(instrument, coverage.interval, [])
    product = instrument.product
    if product.pk not in tables:
        tables[product.pk] = session_table(product)
    period = load_period(coverage, tables[product.pk], _first_to_look_at(coverage, newest), last)
    digests = dict(known.values_list("trading_day", "details__data"))
    with transaction.atomic():
        return Outcome(instrument, coverage.interval, _judge(period, period.wanted, digests))


def _is_current(newest: DayQuality, coverage: BarCoverage, last: date) -> bool:
    """Whether nothing can have changed since the newest day was judged."""
    told = (newest.trading_day, newest.details.get("revision"), newest.details.get("rules"))
    return told == (last, coverage.revision, RULES)


def _first_to_look_at(coverage: BarCoverage, newest: DayQuality | None) -> date:
    """Two weeks before the newest judged day; the beginning where bars were imported since, or the rules changed."""
    if newest is None or newest.details.get("rules") != RULES:
        return EVER[0]
    imports = BarImport.objects.filter(instrument=coverage.instrument, interval=coverage.interval)
    if imports.filter(created_at__gt=newest.computed_at).exists():
        return EVER[0]
    return newest.trading_day - timedelta(days=2 * USUAL_DAYS)


def _judge(period: Period, places: Sequence[int], known: dict[date, str] | None = None) -> list[DayQuality]:
    """Judge and store; of days that are ``known`` only those whose digest is another, and the last one.

    The last row carries the revision of the bars that all of them were judged by.
    """
    if not places:
        return []
    dates = period.dates(places)
    notes = notes_of(period, dates.values())
    digests = {place: digest_of(period.bars[place], notes, day) for place, day in dates.items()}
    if known is not None:
        last = max(places)
        places = [place for place in places if place == last or known.get(dates[place]) != digests[place]]
    facts = {place: notes.facts(period.instrument, dates[place]) for place in places}
    reports = check_days(period.bars, facts, places)
    rows = [
        row_of(period.coverage, dates[place], report, digests[place])
        for place, report in zip(places, reports, strict=True)
    ]
    store(rows)
    return rows


def _coverage(instrument: Instrument, interval: str | None) -> BarCoverage:
    """The stored bars of that interval, or of the shortest. Raises ``MissingError`` ``no_bars``."""
    rows = BarCoverage.objects.filter(instrument=instrument, bars__gt=0)
    if interval:
        rows = rows.filter(interval=interval_name(parse_interval(interval)))
    found = finest_coverage(rows.select_related("instrument__product__exchange"))
    if found is None:
        text = _("%(code)s has no bars of %(interval)s.") if interval else _("%(code)s has no bars.")
        raise MissingError("no_bars", text % {"code": instrument.code, "interval": interval})
    return found


def _finest_coverages() -> list[BarCoverage]:
    """Of every instrument with bars the coverage of the shortest interval."""
    rows = BarCoverage.objects.filter(bars__gt=0).select_related("instrument__product__exchange")
    by_instrument: dict[int, list[BarCoverage]] = {}
    for row in rows.order_by("instrument__code"):
        by_instrument.setdefault(row.instrument_id, []).append(row)
    return [found for group in by_instrument.values() if (found := finest_coverage(group))]
