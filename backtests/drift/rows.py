"""A comparison as JSON, and a stored one as its readers see it."""

from collections.abc import Sequence
from math import isnan
from typing import Any

from backtests.domain.drift.classes import SENTENCES, Cause, Drift, Explained
from backtests.domain.drift.records import FillFact, OrderFact, SignalFact
from marketdata.models import Instrument
from quantsite.common.texts import say
from quantsite.common.times import iso_utc, ns_to_utc


def document_of(found: Drift, instruments: Sequence[Instrument], most: int) -> dict[str, Any]:
    """The columns of a report; of its rows the first ``most``, those that nothing explains before the others."""
    ranked = sorted(found.rows, key=lambda row: row.cause != Cause.UNEXPLAINED)
    kept = sorted(ranked[:most], key=lambda row: row.difference.at)
    return {
        "alike": {what.value: count for what, count in found.alike.items()},
        "counts": found.counts,
        "costs": {name: round(cost, 6) for name, cost in found.costs.items()},
        "rows": [_row(row, instruments) for row in kept],
        "rows_left_out": len(found.rows) - len(kept),
        "unexplained": found.unexplained,
        "cost": round(found.cost, 6),
        "passed": found.passed,
    }


def told_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Stored rows, each with the sentence of its class in the reader's language."""
    return [{**row, "sentence": say(SENTENCES[Cause(row["cause"])])} for row in rows]


def _row(row: Explained, instruments: Sequence[Instrument]) -> dict[str, Any]:
    found = row.difference
    return {
        "what": found.what.value,
        "how": found.how.value,
        "cause": row.cause.value,
        "follows": row.follows,
        "leg": found.leg,
        "instrument": instruments[found.leg].code,
        "at": iso_utc(ns_to_utc(found.at)),
        "fields": list(found.fields),
        "live": _side(found.live),
        "run": _side(found.replayed),
        "lots": found.lots,
        "cost": round(found.cost, 6),
    }


def _side(fact: SignalFact | OrderFact | FillFact | None) -> dict[str, Any] | None:
    if fact is None:
        return None
    if isinstance(fact, SignalFact):
        return {
            "bar": iso_utc(ns_to_utc(fact.bar_start)),
            "at": iso_utc(ns_to_utc(fact.decided_at)),
            "target": fact.target,
            "reason": fact.reason,
            "values": dict(fact.values),
            "late": fact.late,
        }
    if isinstance(fact, OrderFact):
        return {
            "number": fact.number,
            "at": iso_utc(ns_to_utc(fact.decided_at)),
            "direction": fact.direction.name.lower(),
            "type": fact.type,
            "lots": fact.lots,
            "price": None if isnan(fact.price) else fact.price,
            "cause": fact.cause,
            "refused": fact.refused,
        }
    return {"number": fact.number, "at": iso_utc(ns_to_utc(fact.at)), "price": fact.price, "lots": fact.lots}
