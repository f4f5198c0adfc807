"""What the fake front answers to queries: rows of the truth, as the structs of the binding carry them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from quantsite.testing.ctp.books import ZERO, Investor
from quantsite.testing.ctp.contracts import SPLIT, Contract
from quantsite.testing.ctp.lots import Lot, floating, margin

Row = dict[str, Any]
PIECE = 250  # characters of a settlement statement in one answer


def yuan(amount: Decimal) -> float:
    """An amount as CTP tells it: a double with the noise of many places cut off."""
    return float(round(amount, 6))


def account_row(investor: Investor, day: str) -> Row:
    """``TradingAccountField``."""
    funds = investor.funds
    amounts = {
        "PreBalance": funds.pre_balance,
        "PreMargin": funds.pre_margin,
        "Deposit": funds.deposit,
        "Withdraw": funds.withdraw,
        "CurrMargin": investor.margins(),
        "Commission": funds.commission,
        "FrozenMargin": investor.frozen_margin(),
        "FrozenCommission": investor.frozen_fee(),
        "CloseProfit": investor.close_profit(),
        "PositionProfit": investor.position_profit(),
        "Balance": investor.balance(),
        "Available": investor.available(),
        "ExchangeMargin": investor.margins(),
        "WithdrawQuota": max(investor.available(), ZERO),
    }
    named = {"BrokerID": investor.broker, "AccountID": investor.user, "TradingDay": day, "CurrencyID": "CNY"}
    return {**named, "SettlementID": 1, "BizType": "1", **{name: yuan(amount) for name, amount in amounts.items()}}


def position_rows(investor: Investor, day: str, symbol: str = "") -> list[Row]:
    """``InvestorPositionField``: per side one row, at SHFE and INE one of today's lots and one of older ones."""
    keys = dict.fromkeys(
        (lot.symbol, lot.side, lot.today if investor.contracts[lot.symbol].exchange in SPLIT else None)
        for lot in investor.lots
        if symbol in ("", lot.symbol)
    )
    return [_position(investor, day, *key) for key in keys]


def _position(investor: Investor, day: str, symbol: str, side: int, today: bool | None) -> Row:
    contract = investor.contracts[symbol]
    lots = [lot for lot in investor.lots if (lot.symbol, lot.side) == (symbol, side) and today in (None, lot.today)]
    fees = [amount for (name, of, when), amount in investor.fees.items() if (name, of) == (symbol, side)
            and today in (None, when)]  # fmt: skip
    frozen = investor.frozen(contract, side, bool(today))
    return {
        "BrokerID": investor.broker,
        "InvestorID": investor.user,
        "InstrumentID": symbol,
        "HedgeFlag": "1",
        "ExchangeID": contract.exchange,
        "TradingDay": day,
        "PosiDirection": "2" if side > 0 else "3",
        "PositionDate": "2" if today is False else "1",
        "SettlementID": 1,
        "ShortFrozen" if side > 0 else "LongFrozen": frozen,
        **_volumes(lots),
        **_amounts(lots, contract, investor.margin_price),
        "Commission": yuan(sum(fees, ZERO)),
    }


def _volumes(lots: list[Lot]) -> Row:
    return {
        "Position": sum(lot.volume for lot in lots),
        "TodayPosition": sum(lot.volume for lot in lots if lot.today),
        "YdPosition": sum(lot.at_start for lot in lots),  # of the day's start: closing does not shrink it
        "OpenVolume": sum(lot.volume + lot.closed for lot in lots if lot.today),
        "CloseVolume": sum(lot.closed for lot in lots),
    }


def _amounts(lots: list[Lot], contract: Contract, price_type: str) -> Row:
    scale = contract.multiplier
    by_money, by_volume = contract.rate(lots[0].side)
    amounts = {
        "PositionCost": sum((lot.base * lot.volume * scale for lot in lots), ZERO),
        "OpenCost": sum((lot.price * lot.volume * scale for lot in lots), ZERO),
        "OpenAmount": sum((lot.price * (lot.volume + lot.closed) * scale for lot in lots if lot.today), ZERO),
        "CloseAmount": sum((lot.close_amount for lot in lots), ZERO),
        "UseMargin": sum((margin(lot, contract, price_type) for lot in lots), ZERO),
        "ExchangeMargin": sum((margin(lot, contract, price_type) for lot in lots), ZERO),
        "CloseProfit": sum((lot.profit_by_date for lot in lots), ZERO),
        "CloseProfitByDate": sum((lot.profit_by_date for lot in lots), ZERO),
        "CloseProfitByTrade": sum((lot.profit_by_trade for lot in lots), ZERO),
        "PositionProfit": sum((floating(lot, contract) for lot in lots), ZERO),
        "PreSettlementPrice": contract.pre_settlement,
        "SettlementPrice": contract.mark,
    }
    return {
        **{name: yuan(amount) for name, amount in amounts.items()},
        "MarginRateByMoney": by_money,
        "MarginRateByVolume": by_volume,
    }


def detail_rows(investor: Investor, day: str, symbol: str = "") -> list[Row]:
    """``InvestorPositionDetailField``: one row a lot, closed ones of the day too."""
    return [_detail(investor, lot, day) for lot in investor.lots if symbol in ("", lot.symbol)]


def _detail(investor: Investor, lot: Lot, day: str) -> Row:
    contract = investor.contracts[lot.symbol]
    by_trade = (contract.mark - lot.price) * lot.side * lot.volume * contract.multiplier
    amounts = {
        "OpenPrice": lot.price,
        "CloseProfitByDate": lot.profit_by_date,
        "CloseAmount": lot.close_amount,
        "CloseProfitByTrade": lot.profit_by_trade,
        "PositionProfitByDate": floating(lot, contract),
        "PositionProfitByTrade": by_trade,
        "Margin": margin(lot, contract, investor.margin_price),
        "ExchMargin": margin(lot, contract, investor.margin_price),
        "LastSettlementPrice": contract.pre_settlement,
        "SettlementPrice": contract.mark,
    }
    by_money, by_volume = contract.rate(lot.side)
    return {
        "BrokerID": investor.broker,
        "InvestorID": investor.user,
        "InstrumentID": lot.symbol,
        "HedgeFlag": "1",
        "ExchangeID": contract.exchange,
        "TradingDay": day,
        "Direction": "0" if lot.side > 0 else "1",
        "OpenDate": lot.opened,
        "TradeID": lot.trade,
        "Volume": lot.volume,
        "CloseVolume": lot.closed,
        "MarginRateByMoney": by_money,
        "MarginRateByVolume": by_volume,
        "TradeType": "0",
        "SettlementID": 1,
        **{name: yuan(amount) for name, amount in amounts.items()},
    }


def statement_rows(investor: Investor, day: str) -> list[Row]:
    """``SettlementInfoField``: the statement in pieces."""
    text = investor.statement
    pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    named = {"TradingDay": day, "BrokerID": investor.broker, "InvestorID": investor.user, "AccountID": investor.user}
    return [
        {**named, "SettlementID": 1, "SequenceNo": number, "Content": piece} for number, piece in enumerate(pieces, 1)
    ]


Answering = Callable[[Investor, str, Row], list[Row]]


def _contracts(investor: Investor, fields: Row) -> list[Contract]:
    asked, exchange = fields.get("InstrumentID", ""), fields.get("ExchangeID", "")
    return [one for one in investor.contracts.values() if asked in ("", one.symbol) and exchange in ("", one.exchange)]


def _margins(investor: Investor, day: str, fields: Row) -> list[Row]:
    """One instrument a call, as a real front: with no name nothing is answered."""
    known = investor.contracts.get(fields["InstrumentID"])
    return [known.margin_row(investor.broker, investor.user)] if known else []


def _fees(investor: Investor, day: str, fields: Row) -> list[Row]:
    known = investor.contracts.get(fields["InstrumentID"])
    return [known.fee_row(investor.broker, investor.user, known.symbol)] if known else []


def _parameters(of: Investor, day: str, fields: Row) -> list[Row]:
    named = {"BrokerID": of.broker, "InvestorID": of.user, "CurrencyID": "CNY"}
    return [{**named, "MarginPriceType": of.margin_price, "Algorithm": "1", "AvailIncludeCloseProfit": "0"}]


def _confirmed(investor: Investor, day: str, fields: Row) -> list[Row]:
    named = {"BrokerID": investor.broker, "InvestorID": investor.user}
    return [{**named, "ConfirmDate": day, "ConfirmTime": "09:00:00"}] if investor.confirmed == day else []


ANSWERS: dict[str, Answering] = {
    "ReqQryInstrument": lambda of, day, asked: [one.row() for one in _contracts(of, asked)],
    "ReqQryDepthMarketData": lambda of, day, asked: [one.snapshot() for one in _contracts(of, asked)],
    "ReqQryInstrumentMarginRate": _margins,
    "ReqQryInstrumentCommissionRate": _fees,
    "ReqQryBrokerTradingParams": _parameters,
    "ReqQryInvestorPosition": lambda of, day, asked: position_rows(of, day, asked["InstrumentID"]),
    "ReqQryInvestorPositionDetail": lambda of, day, asked: detail_rows(of, day, asked["InstrumentID"]),
    "ReqQryTradingAccount": lambda of, day, asked: [account_row(of, day)],
    "ReqQryOrder": lambda of, day, asked: [dict(order.fields) for order in of.orders],
    "ReqQryTrade": lambda of, day, asked: [dict(trade) for trade in of.trades],
    "ReqQrySettlementInfo": lambda of, day, asked: statement_rows(of, day),
    "ReqQrySettlementInfoConfirm": _confirmed,
    "ReqQryInvestor": lambda of, day, asked: [{"BrokerID": of.broker, "InvestorID": of.user, "IsActive": 1}],
}
