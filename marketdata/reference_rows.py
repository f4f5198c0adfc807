"""The project's reference files into rows: run by a migration, and again by a later one when the files change."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.apps.registry import Apps

from marketdata.domain import reference
from marketdata.domain.calendar import SATURDAY
from marketdata.domain.hours import format_spans
from quantsite.common.times import SHANGHAI

REFERENCE = "reference"

Values = Mapping[str, Any]


def load_reference(apps: Apps) -> dict[str, int]:
    """Bring the tables of facts up to the reference files; gives rows added and changed, by model.

    Rows that people wrote (origin ``desk``) stay as they are, and no row is removed. Running it again changes nothing.
    """
    changed = {
        "Exchange": _upsert(apps, "Exchange", ("code",), map(_exchange, reference.load_exchanges())),
        "Product": _upsert(apps, "Product", ("exchange_id", "code"), map(_product, reference.load_products())),
    }
    products = {(row.exchange_id, row.code): row.pk for row in apps.get_model("marketdata", "Product").objects.all()}
    scope = _Scope(products)
    changed["ProductSession"] = _upsert(apps, "ProductSession", ("product_id", "valid_from"), scope.sessions())
    changed["SessionSuspension"] = _upsert(
        apps, "SessionSuspension", ("exchange_id", "product_id", "first"), scope.suspensions()
    )
    changed["SpecialOpeningDay"] = _upsert(
        apps, "SpecialOpeningDay", ("exchange_id", "product_id", "trading_day"), scope.openings()
    )
    changed["TradingDay"] = _upsert(apps, "TradingDay", ("day",), _weekdays())
    changed["MarginRate"] = _upsert(
        apps, "MarginRate", ("product_id", "valid_from"), scope.rates(reference.load_margins())
    )
    changed["FeeRate"] = _upsert(apps, "FeeRate", ("product_id", "valid_from"), scope.rates(reference.load_fees()))
    return changed


def _exchange(facts: reference.ExchangeFacts) -> Values:
    return asdict(facts)


def _product(facts: reference.ProductFacts) -> Values:
    values = asdict(facts)
    return values | {
        "exchange_id": values.pop("exchange"),
        "multiplier": _decimal(facts.multiplier),
        "price_tick": _decimal(facts.price_tick),
    }


def _weekdays() -> Iterable[Values]:
    calendar = reference.load_calendar()
    for number in range((calendar.last - calendar.first).days + 1):
        day = calendar.first + timedelta(days=number)
        if day.weekday() < SATURDAY:
            yield {"day": day, "is_open": calendar.is_trading_day(day)}


class _Scope:
    """Rows that speak of products, with the keys of their rows."""

    def __init__(self, products: Mapping[tuple[str, str], int]) -> None:
        self.products = products

    def sessions(self) -> Iterable[Values]:
        for row in reference.load_sessions():
            yield {
                "product_id": self.products[row.exchange, row.product],
                "valid_from": row.valid_from,
                "group": row.group,
                "night": format_spans(row.hours.night),
                "day": format_spans(row.hours.day),
                "auctions": format_spans(row.hours.auctions),
            }

    def suspensions(self) -> Iterable[Values]:
        for row in reference.load_suspensions():
            yield self._about(row.exchange, row.product) | asdict(row.suspension)

    def openings(self) -> Iterable[Values]:
        for row in reference.load_special_openings():
            yield self._about(row.exchange, row.product) | {
                "trading_day": row.opening.trading_day,
                "opens": row.opening.opens.replace(tzinfo=SHANGHAI),
                "reason": row.opening.reason,
            }

    def rates(self, rows: Iterable[reference.ProductMargin | reference.ProductFees]) -> Iterable[Values]:
        for row in rows:
            owner = {"product_id": self.products[row.exchange, row.product], "valid_from": row.rates.valid_from}
            yield owner | {name: _decimal(value) for name, value in asdict(row.rates.value).items()}

    def _about(self, exchange: str, product: str) -> dict[str, Any]:
        if product != reference.EVERY:
            return {"exchange_id": exchange, "product_id": self.products[exchange, product]}
        return {"exchange_id": None if exchange == reference.EVERY else exchange, "product_id": None}


def _decimal(number: float) -> Decimal:
    return Decimal(repr(float(number)))


def _upsert(apps: Apps, model_name: str, key: tuple[str, ...], rows: Iterable[Values]) -> int:
    """Create what is missing, correct what came from the files before; gives how many rows that were."""
    model = apps.get_model("marketdata", model_name)
    # Rates of single instruments are the desk's and share the table with those of products.
    stored = {tuple(getattr(row, name) for name in key): row for row in model.objects.all()}
    missing, stale = [], []
    for values in rows:
        row = stored.get(tuple(values[name] for name in key))
        if row is None:
            missing.append(model(**values, origin=REFERENCE))
        elif row.origin == REFERENCE and any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            stale.append(row)
    model.objects.bulk_create(missing, batch_size=2_000)
    columns = [field.name for field in model._meta.concrete_fields if not field.primary_key]
    if stale:
        model.objects.bulk_update(stale, columns, batch_size=500)
    return len(missing) + len(stale)
