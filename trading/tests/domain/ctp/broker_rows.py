"""What a broker with the same books as ours would answer at given prices, in CTP's own rows."""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from trading.domain.account_book import AccountBook
from trading.domain.offsets import Side

Row = dict[str, Any]
NO_DATE = date(1970, 1, 1)
POSI = {Side.LONG: "2", Side.SHORT: "3"}
DIRECTION = {Side.LONG: "0", Side.SHORT: "1"}
SPLIT = ("SHFE", "INE")


def account_row(book: AccountBook, prices: Mapping[str, float]) -> Row:
    """``CThostFtdcTradingAccountField`` of the books at these prices."""
    at = marked(book, prices)
    own, funds = book.funds, at.funds
    frozen = own.frozen_margin + own.frozen_commission
    return {
        "PreBalance": funds.pre_balance,
        "Deposit": funds.deposit,
        "Withdraw": funds.withdraw,
        "CashIn": 0.0,
        "Commission": funds.commission,
        "CloseProfit": funds.close_profit,
        "PositionProfit": funds.position_profit,
        "Balance": funds.balance,
        "CurrMargin": funds.margin,
        "FrozenMargin": own.frozen_margin,
        "FrozenCommission": own.frozen_commission,
        "FrozenCash": 0.0,
        "Available": funds.available - frozen,
        "Mortgage": 0.0,
        "PreMortgage": 0.0,
    }


def marked(book: AccountBook, prices: Mapping[str, float]) -> AccountBook:
    """The same books without orders, at other prices."""
    at = AccountBook.from_document(book.to_document(), book.broker)
    for code, price in prices.items():
        at.mark(code, price)
    return at


def position_rows(book: AccountBook, prices: Mapping[str, float]) -> list[Row]:
    """``CThostFtdcInvestorPositionField``: SHFE and INE in two rows a side, one of no lots among them."""
    at, rows = marked(book, prices), []
    frozen = {(row.instrument, row.side): (row.frozen_today, row.frozen_yesterday) for row in book.positions()}
    for held in at.positions():
        symbol, _dot, exchange = held.instrument.rpartition(".")
        held_back = frozen[held.instrument, held.side]
        position = at.to_document()["instruments"][held.instrument]["position"]
        lots = position["longs" if held.side is Side.LONG else "shorts"]
        groups = [(True, held_back[0]), (False, held_back[1])] if exchange in SPLIT else [(None, sum(held_back))]
        for today, back in groups:
            chosen = [lot for lot in lots if today is None or lot[6] == today]
            rows.append(_position(symbol, exchange, held.side, chosen, prices[held.instrument], position, today))
            rows[-1]["ShortFrozen" if held.side is Side.LONG else "LongFrozen"] = back
            rows[-1]["UseMargin"] = held.margin * sum(lot[2] for lot in chosen) / held.volume
    return rows


def _position(
    symbol: str, exchange: str, side: Side, lots: list[Any], price: float, position: Any, today: bool | None
) -> Row:
    size = position["multiplier"]
    volume = sum(lot[2] for lot in lots)
    return {
        "InstrumentID": symbol,
        "ExchangeID": exchange,
        "PosiDirection": POSI[side],
        "HedgeFlag": "1",
        "PositionDate": "2" if today is False else "1",
        "Position": int(volume),
        "YdPosition": 99,
        "TodayPosition": int(sum(lot[2] for lot in lots if lot[6])),
        "LongFrozen": 0,
        "ShortFrozen": 0,
        "PositionCost": sum(lot[1] * lot[2] for lot in lots) * size,
        "OpenCost": sum(lot[0] * lot[2] for lot in lots) * size,
        "PositionProfit": sum(int(side) * (price - lot[1]) * lot[2] for lot in lots) * size,
        "PreSettlementPrice": position["pre_settlement"] or 0.0,
        "SettlementPrice": None,
    }


def detail_rows(book: AccountBook) -> list[Row]:
    """``CThostFtdcInvestorPositionDetailField``: one of each lot, and one that is closed already."""
    rows: list[Row] = []
    for code, told in book.to_document()["instruments"].items():
        symbol, _dot, exchange = code.rpartition(".")
        for side, name in ((Side.LONG, "longs"), (Side.SHORT, "shorts")):
            for number, lot in enumerate(told["position"][name]):
                rows.append(
                    {
                        "InstrumentID": symbol,
                        "ExchangeID": exchange,
                        "Direction": DIRECTION[side],
                        "OpenDate": f"{NO_DATE + timedelta(days=lot[5]):%Y%m%d}",
                        "TradeID": f"{number:>12}",
                        "Volume": int(lot[2]),
                        "OpenPrice": lot[0],
                        "LastSettlementPrice": told["position"]["pre_settlement"] or 0.0,
                    }
                )
                rows.append({**rows[-1], "Volume": 0, "OpenPrice": math.nan})
    return rows


def contract_of(symbol: str, exchange: str) -> tuple[str, float] | None:
    """Every contract of the desk's, by its multiplier."""
    size = {"IF2406": 300.0, "IH2406": 300.0}.get(symbol, 10.0)
    return (f"{symbol}.{exchange}", size) if exchange else None
