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
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from backtests.domain.costs import CostTable
from backtests.domain.result import FillTable
from backtests.domain.version import ENGINE_VERSION

_FILLS = "\\0fills"
"""Stands for the fills while the rest of the document is written; no name or text of a request holds a NUL."""


def canonical(document: Mapping[str, Any]) -> str:
    """The document as canonical JSON. Raises ``ValueError`` for NaN and infinities, which JSON does not have."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def result_hash(  # noqa: PLR0917 - every caller names what it passes beyond the first five
    parameters: Mapping[str, Any],
    costs: CostTable | Sequence[CostTable],
    data_hash: str,
    fills: FillTable,
    end_equity: float,
    rules: Mapping[str, Any] | None = None,
) -> str:
    """SHA-256 (hex) over the run's parameters, costs, data, engine version, fills and end equity.

    ``rules`` are those that are switched on (``Rules.given()``): their key is there only if one is. ``costs`` of
    several legs are a list, and the fills then carry their leg.
    """
    tables = [costs] if isinstance(costs, CostTable) else list(costs)
    document: dict[str, Any] = {
        "parameters": dict(parameters),
        "costs": tables[0].document() if len(tables) == 1 else [table.document() for table in tables],
        "data": data_hash,
        "engine": ENGINE_VERSION,
        "fills": _FILLS,
        "end_equity": cents(end_equity),
    }
    if rules:
        document["rules"] = dict(rules)
    # The fills are most of the text: written by orjson, whose whole numbers look the same.
    before, after = canonical(document).split(json.dumps(_FILLS))
    digest = hashlib.sha256(before.encode("ascii"))
    digest.update(orjson.dumps(_fill_rows(fills, tables), option=orjson.OPT_SERIALIZE_NUMPY))
    digest.update(after.encode("ascii"))
    return digest.hexdigest()


def cents(amount: float) -> int:
    """Yuan as whole cents, the same for all floats that agree to six decimals."""
    return int((Decimal(repr(round(amount, 6))) * 100).to_integral_value(ROUND_HALF_EVEN))


def _fill_rows(fills: FillTable, tables: Sequence[CostTable]) -> npt.NDArray[np.int64]:
    """Start, direction, offset, price in ticks and volume of each fill, and its leg where there are several."""
    columns: list[npt.NDArray[Any]] = [
        fills.start,
        fills.direction,
        fills.offset,
        _ticks(fills, tables),
        np.rint(fills.volume),
    ]
    if len(tables) > 1:
        columns.append(fills.leg)
    return np.ascontiguousarray(np.column_stack([column.astype(np.int64) for column in columns]))


def _ticks(fills: FillTable, tables: Sequence[CostTable]) -> npt.NDArray[np.float64]:
    """Prices as numbers of ticks, a half to the even one, by the tick of the fill's day."""
    tick = np.empty(len(fills))
    for leg, table in enumerate(tables):
        mine = fills.leg == leg
        tick[mine] = table.ticks_on(fills.trading_day[mine])
    ticks: npt.NDArray[np.float64] = np.rint(fills.price / tick)
    return ticks
