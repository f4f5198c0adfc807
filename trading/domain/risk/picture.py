"""What is known of an account's risk as one JSON picture, for pages, programs and sockets alike.

Money in yuan, shares as fractions, ages in seconds, moments in ISO 8601. What is not known, or infinite, is None.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from quantsite.common.times import ns_to_utc
from trading.domain.balance import risk_degree
from trading.domain.risk.bursts import ProgrammeDay
from trading.domain.risk.concentration import Part, by_month, by_product
from trading.domain.risk.expiry import Expiring
from trading.domain.risk.figures import AccountView, DayCounts
from trading.domain.risk.holdings import Holding
from trading.domain.risk.levels import Usage
from trading.domain.risk.resting import Resting
from trading.domain.risk.rules import Rule
from trading.domain.risk.stress import Stress
from trading.domain.risk.tail_risk import TailRisk

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything that was measured of one account at one moment. ``ages``: of the prices, by instrument.

    ``counts`` and ``programme`` are those of the control group; ``usages`` begin with the worst.
    """

    view: AccountView
    usages: Sequence[Usage]
    holdings: Sequence[Holding]
    stress: Stress
    tail: TailRisk
    working_orders: int = 0
    orders_today: int = 0
    counts: Mapping[str, DayCounts] = field(default_factory=dict)
    expiring: Sequence[Expiring] = ()
    resting: Sequence[tuple[Resting, int]] = ()
    programme: Sequence[ProgrammeDay] = ()
    switches: Sequence[int] = ()
    ages: Mapping[str, float] = field(default_factory=dict)


def picture(seen: Measurements) -> Json:
    """The figures of ``AccountRisk`` but for who computed them and when, which the caller adds."""
    return {
        **_funds(seen.view),
        **_held(seen.holdings),
        **_activity(seen),
        "limits": [usage.as_figures() for usage in seen.usages],
        "stress": _stress(seen.stress),
        "var": number(seen.tail.value_at_risk),
        "shortfall": number(seen.tail.shortfall),
        "tail_days": seen.tail.days,
        "tail_left_out": list(seen.tail.left_out),
        "expiries": [_expiry(row) for row in seen.expiring],
        "switches": list(seen.switches),
        "data_age": {
            "max": number(max(seen.ages.values(), default=0.0)),
            "by_instrument": {code: number(age) for code, age in seen.ages.items()},
        },
    }


def number(value: float) -> float | None:
    """A number that JSON can carry."""
    return value if isfinite(value) else None


def _funds(view: AccountView) -> Json:
    margin = view.margin + view.frozen_margin
    return {
        "balance": number(view.balance),
        "available": number(view.available),
        "day_profit": number(view.day_profit),
        "margin": number(margin),
        "risk_degree": number(risk_degree(margin, view.balance)),
        "notional": number(view.notional),
        "drawdown": number(view.drawdown),
    }


def _held(holdings: Sequence[Holding]) -> Json:
    products = by_product(holdings)
    return {
        "margin_by_product": {part.key: part.margin for part in products},
        "net_exposure": number(sum(row.exposure for row in holdings)),
        "exposure_by_product": {
            code: number(sum(row.exposure for row in holdings if row.product == code))
            for code in sorted({row.product for row in holdings})
        },
        "concentration": {"products": _parts(products), "months": _parts(by_month(holdings))},
    }


def _parts(parts: Iterable[Part]) -> list[Json]:
    return [{"key": part.key, "margin": part.margin, "share": part.share} for part in parts]


def _activity(seen: Measurements) -> Json:
    """Orders and cancels; the least cancels left come first."""
    cancels = [row for row in seen.usages if row.limit.rule == Rule.CANCELS_INSTRUMENT]
    budget = [
        {"instrument": row.subject, "used": row.value, "limit": bound, "left": max(bound - row.value, 0)}
        for row in cancels
        if (bound := row.limit.maximum) is not None
    ]
    return {
        "working_orders": seen.working_orders,
        "orders_today": seen.orders_today,
        "cancels": {code: count.cancels for code, count in seen.counts.items() if count.cancels},
        "cancel_budget": sorted(budget, key=lambda row: (row["left"], row["instrument"])),
        "resting_closed": [_resting(order, opens) for order, opens in seen.resting],
        "bursts": [_programme(day) for day in seen.programme],
    }


def _stress(stress: Stress) -> Json:
    hits = [
        {
            "instrument": hit.holding.instrument,
            "price": number(hit.price),
            "profit": number(hit.profit),
            "margin": number(hit.margin),
            "strain": number(hit.strain),
        }
        for hit in stress.hits
    ]
    return {"call": number(stress.call), "by_instrument": hits, "unknown": list(stress.unknown)}


def _expiry(row: Expiring) -> Json:
    return {
        "instrument": row.instrument,
        "expires": row.expires.isoformat(),
        "days": row.days,
        "long": row.long,
        "short": row.short,
    }


def _resting(order: Resting, opens: int) -> Json:
    return {
        "order": order.order_id,
        "instrument": order.instrument,
        "opening": order.opening,
        "left": order.left,
        "opens_at": ns_to_utc(opens).isoformat(),
    }


def _programme(day: ProgrammeDay) -> Json:
    return {
        "exchange": day.exchange,
        "orders": day.orders,
        "cancels": day.cancels,
        "bursts": len(day.bursts),
        "sliding": day.sliding,
        "busiest": day.busiest,
        "reportable": day.reportable,
    }
