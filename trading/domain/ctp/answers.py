"""A broker's picture out of the rows that it answers with (``ReqQryTradingAccount`` and the two of positions).

Rows are dicts by the names of CTP's fields, their missing doubles None. A row that cannot be read is left out and
named in the picture's ``unknown``: one odd row must not hide all the others.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from trading.domain.ctp.picture import BrokerFunds, BrokerLot, BrokerPicture, BrokerPosition, SideKey
from trading.domain.offsets import Side

Row = Mapping[str, Any]
ContractOf = Callable[[str, str], tuple[str, float] | None]
"""Of a symbol and an exchange (may be empty) our code and its multiplier; None where nobody knows it."""

NO_NUMBER = 1e300
SIDES = {"2": Side.LONG, "3": Side.SHORT}
"""``PosiDirection``; 1 is the net form, which futures brokers do not use."""
DETAIL_SIDES = {"0": Side.LONG, "1": Side.SHORT}
"""``Direction`` of a detail: the side that was opened."""
FROZEN_IN = {Side.LONG: "ShortFrozen", Side.SHORT: "LongFrozen"}
"""A resting close sells a long position: it stands on the other side's field [vnpy#1009]."""
HISTORY = "2"
"""``PositionDate`` of the rows of SHFE and INE that hold lots of days before."""
SPLIT = frozenset({"SHFE", "INE"})


def picture_of(  # noqa: PLR0917 - the three answers and when they were given
    day: date,
    account: Row,
    positions: Iterable[Row],
    details: Iterable[Row],
    contract_of: ContractOf,
    asked_at: int = 0,
    done_at: int = 0,
) -> BrokerPicture:
    """Put the three answers together; ``day`` is the login's trading day, for no date of a row tells it for certain."""
    rows, lots = list(positions), list(details)
    unknown: dict[str, int] = {}
    sides = _sides(rows, contract_of, unknown)
    held = _with_lots(sides, lots, contract_of, unknown)
    return BrokerPicture(
        trading_day=day,
        asked_at=asked_at,
        done_at=done_at,
        funds=funds_of(account),
        positions={key: side for key, side in held.items() if side.volume},
        settlements=_settlements(rows, lots, contract_of),
        close_profit_by_trade=math.fsum(number(row, "CloseProfitByTrade") or 0.0 for row in rows),
        unknown=unknown,
    )


def funds_of(row: Row) -> BrokerFunds:
    """The funds of one answered row."""
    told = {name: number(row, field) for name, field in FUNDS.items()}
    some = {name: number(row, name) or 0.0 for name in OTHERS}
    return BrokerFunds(
        **told,
        credits=some["Mortgage"] - some["PreMortgage"] - some["PreCredit"],
        withheld=some["DeliveryMargin"] + some["Reserve"] - some["Credit"],
    )


FUNDS = {
    "pre_balance": "PreBalance",
    "deposit": "Deposit",
    "withdraw": "Withdraw",
    "cash_in": "CashIn",
    "commission": "Commission",
    "close_profit": "CloseProfit",
    "position_profit": "PositionProfit",
    "balance": "Balance",
    "margin": "CurrMargin",
    "frozen_margin": "FrozenMargin",
    "frozen_commission": "FrozenCommission",
    "frozen_cash": "FrozenCash",
    "available": "Available",
}
OTHERS = ("Mortgage", "PreMortgage", "PreCredit", "Credit", "DeliveryMargin", "Reserve")


def number(row: Row, field: str) -> float | None:
    """A double of a row; None where it is missing, in whatever way CTP says so."""
    value = row.get(field)
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > NO_NUMBER:
        return None
    return float(value)


def price(row: Row, field: str) -> float | None:
    """A price of a row; 0 says too that there is none."""
    return number(row, field) or None


def day_of(text: Any) -> date | None:
    """A date as CTP writes it (``20240102``); None where it is none."""
    digits = str(text or "").strip()
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8])) if len(digits) == 8 else None
    except ValueError:
        return None


def _key(row: Row, side: Side | None, contract_of: ContractOf, unknown: dict[str, int]) -> tuple[SideKey, float] | None:
    symbol, exchange = str(row.get("InstrumentID") or ""), str(row.get("ExchangeID") or "")
    found = contract_of(symbol, exchange)
    if found is not None and side is not None:
        return (found[0], side), found[1]
    if _volume(row, "Position"):
        name = f"{symbol}.{exchange}".strip(".")
        unknown[name] = unknown.get(name, 0) + _volume(row, "Position")
    return None


def _sides(rows: Iterable[Row], contract_of: ContractOf, unknown: dict[str, int]) -> dict[SideKey, BrokerPosition]:
    sides: dict[SideKey, BrokerPosition] = {}
    for row in rows:
        found = _key(row, SIDES.get(str(row.get("PosiDirection") or "")), contract_of, unknown)
        if found is not None:
            key, multiplier = found
            one = _position(row, key, multiplier)
            sides[key] = _summed(sides[key], one) if key in sides else one
    return sides


def _position(row: Row, key: SideKey, multiplier: float) -> BrokerPosition:
    volume = _volume(row, "Position")
    return BrokerPosition(
        instrument=key[0],
        side=key[1],
        multiplier=multiplier,
        volume=volume,
        today=_today(row, key[0].rpartition(".")[2], volume),
        frozen=_volume(row, FROZEN_IN[key[1]]),
        position_cost=number(row, "PositionCost"),
        open_cost=number(row, "OpenCost"),
        position_profit=number(row, "PositionProfit"),
        margin=number(row, "UseMargin"),
        pre_settlement=price(row, "PreSettlementPrice"),
    )


def _today(row: Row, exchange: str, volume: int) -> int:
    """Lots of this trading day: ``YdPosition`` tells nothing, for it does not shrink as lots are closed."""
    if exchange in SPLIT and str(row.get("PositionDate") or "") == HISTORY:
        return 0
    return min(_volume(row, "TodayPosition"), volume)


def _summed(one: BrokerPosition, other: BrokerPosition) -> BrokerPosition:
    return replace(
        one,
        volume=one.volume + other.volume,
        today=one.today + other.today,
        frozen=one.frozen + other.frozen,
        position_cost=_sum(one.position_cost, other.position_cost),
        open_cost=_sum(one.open_cost, other.open_cost),
        position_profit=_sum(one.position_profit, other.position_profit),
        margin=_sum(one.margin, other.margin),
        pre_settlement=one.pre_settlement or other.pre_settlement,
    )


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _with_lots(
    sides: Mapping[SideKey, BrokerPosition], rows: Iterable[Row], contract_of: ContractOf, unknown: dict[str, int]
) -> dict[SideKey, BrokerPosition]:
    lots: dict[SideKey, list[BrokerLot]] = {}
    for row in rows:
        found = _key(row, DETAIL_SIDES.get(str(row.get("Direction") or "")), contract_of, unknown)
        opened = price(row, "OpenPrice")
        if found is None or opened is None or not _volume(row, "Volume"):
            continue
        lots.setdefault(found[0], []).append(
            BrokerLot(
                side=found[0][1],
                open_price=opened,
                volume=_volume(row, "Volume"),
                opened=day_of(row.get("OpenDate")),
                settled_at=price(row, "LastSettlementPrice"),
                trade_id=str(row.get("TradeID") or "").strip(),
            )
        )
    return {key: replace(side, lots=tuple(lots.get(key, ()))) for key, side in sides.items()}


def _settlements(positions: Iterable[Row], details: Iterable[Row], contract_of: ContractOf) -> dict[str, float]:
    """The last settlement price of everything that either answer names, closed meanwhile or not."""
    found: dict[str, float] = {}
    for rows, field in ((details, "LastSettlementPrice"), (positions, "PreSettlementPrice")):
        for row in rows:
            known = contract_of(str(row.get("InstrumentID") or ""), str(row.get("ExchangeID") or ""))
            told = price(row, field)
            if known is not None and told is not None:
                found[known[0]] = told
    return found


def _volume(row: Row, field: str) -> int:
    return int(number(row, field) or 0)
