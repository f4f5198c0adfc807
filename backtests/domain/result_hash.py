"""The fingerprint of a result: two runs that agree in it did the same on the same data.

It is the SHA-256 (hex) of one JSON document in canonical form: keys sorted, no spaces, ASCII, numbers as
Python's ``repr`` gives them (the shortest text that reads back to the same float64). Its keys::

    {"costs": {...}, "data": "<data hash>", "end_equity": 99850000, "engine": "1",
     "fills": [[<bar start, ns UTC>, <+1 buy, -1 sell>, <offset>, <price in ticks>, <volume>], ...],
     "parameters": {...}}

``costs`` is :meth:`CostTable.document`; offsets are the numbers of ``trading.domain.offsets.Offset``;
``end_equity`` counts cents: of the equity to six decimals, half a cent to the even one. Fees make exact half
cents common, and which side of one a float lands on depends on the order of the sums. No time, user, path or
database is in it.
"""

import hashlib
import json
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from backtests.domain.costs import CostTable
from backtests.domain.result import FillTable
from backtests.domain.version import ENGINE_VERSION
from quantsite.common.numbers import to_ticks


def canonical(document: Mapping[str, Any]) -> str:
    """The document as canonical JSON. Raises ``ValueError`` for NaN and infinities, which JSON does not have."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def result_hash(
    parameters: Mapping[str, Any], costs: CostTable, data_hash: str, fills: FillTable, end_equity: float
) -> str:
    """SHA-256 (hex) over the run's parameters, costs, data, engine version, fills and end equity."""
    document = {
        "parameters": dict(parameters),
        "costs": costs.document(),
        "data": data_hash,
        "engine": ENGINE_VERSION,
        "fills": _fill_rows(fills, costs.price_tick),
        "end_equity": cents(end_equity),
    }
    return hashlib.sha256(canonical(document).encode("ascii")).hexdigest()


def cents(amount: float) -> int:
    """Yuan as whole cents, the same for all floats that agree to six decimals."""
    return int((Decimal(repr(round(amount, 6))) * 100).to_integral_value(ROUND_HALF_EVEN))


def _fill_rows(fills: FillTable, price_tick: float) -> list[list[int]]:
    return [
        [start, direction, offset, to_ticks(price, price_tick), round(volume)]
        for start, direction, offset, price, volume in zip(
            fills.start.tolist(),
            fills.direction.tolist(),
            fills.offset.tolist(),
            fills.price.tolist(),
            fills.volume.tolist(),
            strict=True,
        )
    ]
