"""Rows of a CTP instrument file into the tables of instruments and margin rates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from marketdata.domain.codes import SIMULATED_EXCHANGE
from marketdata.domain.instrument import rates_on
from marketdata.importers.instrument_file import InstrumentFile, InstrumentRow
from marketdata.instruments import find_product
from marketdata.models import Instrument, MarginRate, Product
from quantsite.common.errors import MissingError


@dataclass
class InstrumentCounts:
    """What an import of instruments did; ``left_out`` counts rows of classes that are not supported."""

    rows_read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    margin_rates: int = 0
    left_out: dict[str, int] = field(default_factory=dict)


def store_instruments(file: InstrumentFile, valid_from: date, *, margins: bool = True) -> InstrumentCounts:
    """Create or update every instrument of the file; rows of unknown products become refusals of ``file``.

    ``margins``: the exchange's rates that it tells become rates from ``valid_from`` on.
    """
    counts = InstrumentCounts(rows_read=len(file.rows) + len(file.refusals) + sum(file.left_out.values()))
    counts.left_out = dict(file.left_out)
    products = {(product.exchange_id, product.code): product for product in Product.objects.all()}
    stored = {row.code: row for row in Instrument.objects.filter(code__in=[row.code.code for row in file.rows])}
    new: list[Instrument] = []
    stale: list[Instrument] = []
    for row in file.rows:
        product = products.get((row.code.exchange, row.code.product))
        if product is None:
            _refuse_product(file, row)
            continue
        values, instrument = _values(row, product), stored.get(row.code.code)
        if instrument is None:
            new.append(Instrument(code=row.code.code, **values))
        elif _update(instrument, values):
            stale.append(instrument)
    Instrument.objects.bulk_create(new, batch_size=500)
    if stale:
        Instrument.objects.bulk_update(stale, list(_values(file.rows[0], stale[0].product)), batch_size=200)
    counts.created, counts.updated = len(new), len(stale)
    counts.unchanged = len(file.rows) - len(new) - len(stale)
    if margins:
        counts.margin_rates = _store_margins(file, {row.code: row for row in [*stored.values(), *new]}, valid_from)
    return counts


def _refuse_product(file: InstrumentFile, row: InstrumentRow) -> None:
    try:
        find_product(row.code)
    except MissingError as error:
        file.refusals.add(row.line, error.text)


def _values(row: InstrumentRow, product: Product) -> dict[str, Any]:
    return {
        "product": product,
        "symbol": row.code.symbol,
        "name": row.name,
        "kind": row.code.kind.value,
        "delivery_year": row.year,
        "delivery_month": row.month,
        "multiplier": Decimal(repr(row.multiplier)),
        "price_tick": Decimal(repr(row.price_tick)),
        "listed": row.listed,
        "expires": row.expires,
        "expiry_by_rule": False,
        "max_margin_side": row.max_margin_side,
        "simulated": product.exchange_id == SIMULATED_EXCHANGE,
        **row.volumes,
    }


def _update(instrument: Instrument, values: Mapping[str, Any]) -> bool:
    """Take over what the file says and the row does not; gives whether anything changed."""
    known = {name: value for name, value in values.items() if value is not None}
    changed = [name for name, value in known.items() if getattr(instrument, name) != value]
    for name in changed:
        setattr(instrument, name, known[name])
    return bool(changed)


def _store_margins(file: InstrumentFile, instruments: Mapping[str, Instrument], valid_from: date) -> int:
    """Write the rates that differ from those in force on ``valid_from``; gives how many."""
    own: dict[int, list[MarginRate]] = {}
    for rate in MarginRate.objects.filter(instrument__in=list(instruments.values())):
        own.setdefault(rate.instrument_id or 0, []).append(rate)
    new, stale = [], []
    for row in file.rows:
        instrument = instruments.get(row.code.code)
        if instrument is None or row.long_margin is None or row.short_margin is None:
            continue
        wanted = MarginRate(
            instrument=instrument,
            valid_from=valid_from,
            long_by_money=Decimal(repr(row.long_margin)),
            short_by_money=Decimal(repr(row.short_margin)),
        )
        known = own.get(instrument.pk, [])
        same_day = next((rate for rate in known if rate.valid_from == valid_from), None)
        if known and not _changes(known, wanted):
            continue
        if same_day is None:
            new.append(wanted)
        else:
            same_day.long_by_money, same_day.short_by_money = wanted.long_by_money, wanted.short_by_money
            same_day.long_by_volume = same_day.short_by_volume = Decimal(0)
            stale.append(same_day)
    MarginRate.objects.bulk_create(new, batch_size=500)
    if stale:
        columns = ["long_by_money", "short_by_money", "long_by_volume", "short_by_volume"]
        MarginRate.objects.bulk_update(stale, columns, batch_size=200)
    return len(new) + len(stale)


def _changes(known: list[MarginRate], wanted: MarginRate) -> bool:
    """Whether ``wanted`` says something else than the rates in force on its day."""
    value, before_first = rates_on([rate.to_domain() for rate in known], wanted.valid_from)
    return before_first or value != wanted.to_domain().value
