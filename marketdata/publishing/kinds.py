"""The kinds of feeds that ``run_feed`` knows, each put together from its options and the rows it needs."""

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import cast

import numpy as np
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from marketdata.domain.calendar import TradingCalendar, to_day_number
from marketdata.domain.codes import SIMULATED_EXCHANGE
from marketdata.domain.contract import Contract
from marketdata.domain.normalise import Normaliser
from marketdata.domain.tick_walk import DayTotals
from marketdata.feeds.base import LiveSource, Source
from marketdata.feeds.generator import Beginning, Generator
from marketdata.feeds.replay import Replay, ReplayFile, start_instant
from marketdata.importers.tick_file import TickTable, read_tick_file, read_tick_table
from marketdata.instruments import contract_of, ensure_instrument, find_instrument, trading_calendar
from marketdata.live_models import FeedLogin, FeedState
from marketdata.models import Bar, Instrument, Product
from marketdata.ticks.models import Tick
from quantsite.common.errors import RuleError
from quantsite.common.times import utc_to_ns

REPLAY, GENERATOR, CTP = "replay", "generator", "ctp"
KINDS = (REPLAY, GENERATOR, CTP)
OPENING = "marketdata.feeds.ctp_opening"
SOURCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
"""It names rows, a key in Redis and a folder for what the recorder keeps aside."""
DEMO_INSTRUMENT = "simrb88.SIM"
"""What the generator publishes although nobody has asked for it."""

FIRST_PRICE = 3_600.0


@dataclass(frozen=True)
class FeedOptions:
    """How a feed runs. ``speed`` 0 is as fast as possible; ``start`` is a time for a replay (``start_instant``)."""

    files: tuple[Path, ...] = ()
    speed: float = 1.0
    start: str = ""
    loop: bool = False
    instruments: tuple[str, ...] = ()


def _as_it_is(_row: Instrument) -> None:
    """Nothing more needs to be known of it."""


def _plays_nothing(_contracts: Iterable[Contract]) -> Source:
    raise TypeError("a live feed is not played")


@dataclass
class Prepared:
    """A feed that is ready to play: where its market clock begins, and what it publishes by itself.

    ``make`` gives the source for the contracts of ``instruments``; ``wants`` the instruments that it should publish
    now, None where that never changes; ``introduce`` reads the rows that a new one needs before it is added. Without
    ``auctions`` the clock jumps to where trading begins: nothing comes before. ``live`` gives a source that goes on by
    itself instead of ``make``; ``own_clock``: its market clock is that of its quotes, not the world's.
    """

    calendar: TradingCalendar
    begins: int
    make: Callable[[Iterable[Contract]], Source] = _plays_nothing
    instruments: list[Instrument] = field(default_factory=list)
    wants: Callable[[], Iterable[Instrument]] | None = None
    introduce: Callable[[Instrument], None] = _as_it_is
    auctions: bool = True
    live: Callable[[], LiveSource] | None = None
    own_clock: bool = False


def prepare(source: str, kind: str, epoch: int, options: FeedOptions) -> Prepared:
    """A feed of this kind. Raises ``RuleError`` for options that do not fit, and for files that cannot be read."""
    if kind == REPLAY:
        return _replay(options)
    if kind == CTP:
        return _ctp(source, epoch, options)
    return _generator(source, epoch, options)


def check(source: str, kind: str, options: FeedOptions) -> None:
    """Raise ``RuleError``: ``invalid_source``, ``unknown_kind``, ``no_files``, ``files_given``, ``invalid_speed``."""
    check_source(source)
    if kind not in KINDS:
        text = _("There is no kind of feed %(kind)r: choose one of %(kinds)s.")
        raise RuleError("unknown_kind", text % {"kind": kind, "kinds": ", ".join(KINDS)})
    if kind == REPLAY and not options.files:
        raise RuleError("no_files", _("A replay needs files of ticks."))
    if kind != REPLAY and (options.files or options.start or options.loop):
        raise RuleError("files_given", _("Files, a start and a loop belong to a replay."))
    if kind == CTP and options.speed != 1.0:
        raise RuleError("invalid_speed", _("A live market has its own speed: leave it out."))
    if not 0 <= options.speed <= 100_000:
        raise RuleError("invalid_speed", _("A speed lies between 0 (as fast as possible) and 100,000."))


def check_source(source: str) -> None:
    """Raise ``RuleError`` ``invalid_source`` for what cannot name a source."""
    if not SOURCE_NAME.fullmatch(source):
        text = _("A source is named by up to 32 letters, digits, dots and dashes, not %(source)r.")
        raise RuleError("invalid_source", text % {"source": source})


def _replay(options: FeedOptions) -> Prepared:
    calendar = trading_calendar()
    found: dict[str, Instrument] = {}
    files, first_moments = [], []
    for path in options.files:
        table = read_tick_table(path)
        if len(table.refusals):
            raise table.refusals.error(_("Nothing was replayed."))
        here = _instruments(table)
        found |= {row.code: row for row in here}
        contracts = [contract_of(row) for row in here]
        first_moments.append(_first_moment(table, contracts))
        symbols = frozenset(row.symbol for row in here)
        files.append(ReplayFile(symbols, _day(table, 0), partial(read_tick_file, path)))
    start = start_instant(options.start, calendar, min(file.first_day for file in files)) if options.start else None
    return Prepared(
        calendar,
        begins=min(first_moments) if start is None else start,
        make=lambda contracts: Replay(files, contracts, start),
        instruments=list(found.values()),
    )


def _instruments(table: TickTable) -> list[Instrument]:
    """The instruments of a file, made where they are missing. Raises ``RuleError`` ``empty_file``, ``no_exchange``."""
    if not len(table):
        raise RuleError("empty_file", _("%(file)s has no rows.") % {"file": table.name})
    symbols, first = np.unique(table.columns["instrument_id"].astype(str), return_index=True)
    rows = zip(symbols.tolist(), first.tolist(), strict=True)
    return [ensure_instrument(f"{symbol}.{_exchange(table, symbol, row)}", _day(table, row)) for symbol, row in rows]


def _exchange(table: TickTable, symbol: str, row: int) -> str:
    """As the file tells it; where it does not, that of the only product with these letters."""
    told = str(table.columns["exchange_id"][row]) if "exchange_id" in table.columns else ""
    if told:
        return told
    letters = symbol.rstrip("0123456789")
    likely = Product.objects.filter(code=letters).values_list("exchange_id", flat=True)
    if len(likely) != 1:
        text = _("%(file)s does not tell the exchange of %(symbol)s, and its letters do not either.")
        raise RuleError("no_exchange", text % {"file": table.name, "symbol": symbol})
    return str(likely[0])


def _day(table: TickTable, row: int) -> date:
    return datetime.strptime(str(table.columns["trading_day"][row]), "%Y%m%d").date()  # noqa: DTZ007 - a date


def _first_moment(table: TickTable, contracts: Iterable[Contract]) -> int:
    tick = Normaliser(contracts).tick(next(table.raw_ticks()))
    if tick is None:
        raise RuleError("empty_file", _("%(file)s has no rows.") % {"file": table.name})
    return tick.time


def _generator(source: str, epoch: int, options: FeedOptions) -> Prepared:
    calendar = trading_calendar()
    always = [_simulated(find_or_make(code)) for code in options.instruments or (DEMO_INSTRUMENT,)]
    codes = [row.code for row in always]
    before = FeedState.objects.filter(source=source, kind=GENERATOR).values_list("market_time", flat=True).first()
    now = timezone.now()
    # The clock skips closed hours, so it may be ahead of the wall; recorded ticks must not be followed by earlier ones.
    begins = utc_to_ns(max(now, before) if before else now)

    def wants() -> Iterable[Instrument]:
        asked = Q(code__in=codes) | Q(subscription__isnull=False)
        rows = Instrument.objects.filter(asked, simulated=True, product__exchange=SIMULATED_EXCHANGE)
        return rows.select_related("product__exchange").distinct()

    beginnings: dict[str, Beginning] = {}

    def introduce(row: Instrument) -> None:
        beginnings[row.code] = _beginning(row)

    return Prepared(
        calendar,
        begins,
        make=lambda _contracts: Generator(begins, epoch << 32, beginnings.__getitem__),
        wants=wants,
        introduce=introduce,
        auctions=False,
    )


def _ctp(source: str, epoch: int, options: FeedOptions) -> Prepared:
    """Raises ``RuleError`` ``no_feed_login`` where nobody has stored a login, and as the preflight."""
    login = _login(source)
    terms, around_the_clock = login.terms(), login.around_the_clock
    always = [find_or_make(code).code for code in options.instruments]

    def wants() -> Iterable[Instrument]:
        asked = Q(code__in=always) | Q(subscription__isnull=False)
        rows = Instrument.objects.filter(asked, simulated=False)
        if not around_the_clock:  # a test front may play another year
            rows = rows.exclude(expires__lt=timezone.localdate())
        return rows.select_related("product__exchange").distinct()

    def live() -> LiveSource:
        # Only here: whoever runs another kind has nothing to do with the broker's library.
        opened = import_module(OPENING).open_source
        return cast("LiveSource", opened(source, terms, epoch, around_the_clock=around_the_clock))

    return Prepared(
        trading_calendar(),
        begins=utc_to_ns(timezone.now()),
        wants=wants,
        live=live,
        own_clock=around_the_clock,
    )


def try_feed(source: str, stop: threading.Event, seconds: float) -> str:
    """Whether a source's login works, in a sentence. Raises ``RuleError`` as ``_ctp``."""
    return cast("str", import_module(OPENING).try_source(source, _login(source).terms(), stop, seconds))


def _login(source: str) -> FeedLogin:
    login = FeedLogin.objects.filter(source=source).first()
    if login is None:
        told = _("The source %(source)s has no login: store one by manage.py add_feed %(source)s or in the console.")
        raise RuleError("no_feed_login", told % {"source": source})
    return login


def find_or_make(code: str) -> Instrument:
    """The instrument of this code, made where it is not stored. Raises ``RuleError`` for a code that is none."""
    stored = Instrument.objects.filter(code=code).exists()
    return find_instrument(code) if stored else ensure_instrument(code, timezone.localdate())


def _simulated(row: Instrument) -> Instrument:
    if not row.simulated:
        text = _("%(code)s is traded: made-up ticks belong to SIM.")
        raise RuleError("not_simulated", text % {"code": row.code})
    return row


def _beginning(row: Instrument) -> Beginning:
    """Where an instrument goes on: after its newest recorded tick, else at its newest bar."""
    tick = Tick.objects.filter(instrument=row).order_by("-trading_day", "-seq").first()
    if tick is not None and tick.last:
        figures = (tick.volume, tick.turnover or 0.0, tick.open or 0.0, tick.high or 0.0, tick.low or 0.0)
        return Beginning(tick.last, DayTotals(to_day_number(tick.trading_day), *figures))
    bar = Bar.objects.filter(instrument=row).order_by("-trading_day", "-start").first()
    return Beginning(bar.close if bar else FIRST_PRICE)
