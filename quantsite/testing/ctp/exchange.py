"""Orders at the fake front: its checks, the exchange's answers, matching, cancels."""

import itertools
from decimal import Decimal
from typing import Any

from quantsite.testing.ctp.books import Investor, Order
from quantsite.testing.ctp.contracts import SPLIT, Contract, money
from quantsite.testing.ctp.faults import Fault
from quantsite.testing.ctp.lines import Asked, Lines, Peer
from quantsite.testing.ctp.structs import STRUCTS
from quantsite.testing.ctp.texts import refusal

Row = dict[str, Any]
FAK = "1"
WITHOUT_LIMIT = {"1": frozenset({"DCE", "CZCE"}), "3": frozenset({"CFFEX"})}  # any price, best price: who takes it
ACTION_FIELDS = frozenset(STRUCTS["CThostFtdcOrderActionField"].NAMES)
REPEATED = ("BrokerID", "InvestorID", "UserID", "OrderRef", "OrderPriceType", "Direction", "CombOffsetFlag",
            "CombHedgeFlag", "LimitPrice", "VolumeTotalOriginal", "TimeCondition", "GTDDate", "VolumeCondition",
            "MinVolume", "ContingentCondition", "StopPrice", "ForceCloseReason", "IsAutoSuspend", "BusinessUnit",
            "RequestID", "UserForceClose", "IsSwapOrder", "ExchangeID", "InvestUnitID", "AccountID", "CurrencyID",
            "InstrumentID", "OrderMemo")  # fmt: skip


class Exchange(Lines):
    """Base of :class:`Front`: everything about orders."""

    day = ""
    natural = ""  # the calendar date, at night another than the trading day
    time = "10:00:00"
    matching = True  # resting and new orders trade by themselves at the contract's prices

    def __init__(self) -> None:
        super().__init__()
        self.contracts: dict[str, Contract] = {}
        self.restart_numbers()

    def restart_numbers(self) -> None:
        """Order and trade numbers of the day."""
        self._systems, self._trades, self._locals = itertools.count(1), itertools.count(1), itertools.count(1)

    # --- what arrives

    def order_inserted(self, asked: Asked) -> None:
        """``ReqOrderInsert``."""
        peer, fields = asked.peer, asked.fields
        code = asked.code or self._objection(peer, fields)
        if code or peer.investor is None:
            self._refuse_order(asked, code)
            return
        investor = peer.investor
        peer.last_ref = int(fields["OrderRef"])
        order = self._taken(investor, fields, peer.session)
        self.timer.later(asked.seconds, lambda: self._reaches(investor, order, asked))

    def _objection(self, peer: Peer, fields: Row) -> int:
        """The ErrorID of the front's own checks, 0 where it takes the order."""
        investor, contract = peer.investor, self.contracts.get(fields["InstrumentID"])
        if investor is None:
            return 6
        if investor.confirmed != self.day:
            return 42
        if contract is None:
            return 16
        if fields["ExchangeID"] not in ("", contract.exchange):
            return 150
        ref = fields["OrderRef"].strip()
        if not ref.isdigit() or int(ref) <= peer.last_ref:
            return 22
        return self._books_objection(investor, contract, fields)

    def _books_objection(self, investor: Investor, contract: Contract, fields: Row) -> int:
        order = Order({**fields, "VolumeTotal": fields["VolumeTotalOriginal"], "OrderStatus": "a"})
        if fields["VolumeTotalOriginal"] < 1:
            return 15
        if order.offset != "0":
            free = investor.closable(contract, -order.side, order.offset)
            short = {"3": 50}.get(order.offset, 51) if contract.exchange in SPLIT else 30
            return short if order.left > free else 0
        fields = self._priced(contract, fields)
        order = Order({**order.fields, "LimitPrice": fields["LimitPrice"]})
        needed = investor.freeze_margin(order) + investor.freeze_fee(order)
        return 31 if needed > investor.available() else 0

    def _priced(self, contract: Contract, fields: Row) -> Row:
        """A market order is checked and frozen at the day's limit price."""
        if fields["OrderPriceType"] not in WITHOUT_LIMIT:
            return fields
        low, high = contract.limits()
        return {**fields, "LimitPrice": high if fields["Direction"] == "0" else low}

    def _refuse_order(self, asked: Asked, code: int) -> None:
        """The front's refusal: to the session that asked, and to all sessions of the account."""
        error = refusal(code, asked.text)
        self.say(asked.peer, "OnRspOrderInsert", (asked.fields, error, asked.number, True))
        if asked.peer.investor is not None:
            self.publish(asked.peer.investor, "OnErrRtnOrderInsert", [asked.fields, error])

    def _taken(self, investor: Investor, fields: Row, session: int) -> Order:
        """An order that the front has accepted: status 'a', no OrderSysID yet."""
        order = Order({name: fields.get(name, "") for name in REPEATED if name in fields})
        order.fields |= {"FrontID": self.front_id, "SessionID": session, "OrderStatus": "a", "OrderSubmitStatus": "0"}
        order.fields |= {"VolumeTraded": 0, "VolumeTotal": fields["VolumeTotalOriginal"], "OrderSysID": ""}
        order.fields |= {
            "TradingDay": self.day,
            "InsertDate": self._date(fields["ExchangeID"]),
            "InsertTime": self.time,
        }
        order.fields |= {"OrderLocalID": f"{next(self._locals):>12}", "TraderID": "TRADER1", "SettlementID": 1}
        order.fields |= {
            "StatusMsg": "报单已提交",
            "OrderType": "0",
            "OrderSource": "0",
            "BrokerOrderSeq": len(investor.orders) + 1,
        }
        investor.orders.append(order)
        self.push(investor, order)
        return order

    def _date(self, exchange: str) -> str:
        """The date in orders and trades: DCE and CZCE say the trading day at night, the others the calendar's."""
        return self.day if exchange in ("DCE", "CZCE") or not self.natural else self.natural

    def _reaches(self, investor: Investor, order: Order, asked: Asked) -> None:
        """The order comes to the exchange."""
        with self.lock:
            if asked.kind == "hold":
                order.held = True
            elif asked.kind == "reject":
                self.reject(investor, order, asked.text or "已撤单报单被拒绝")
            elif order.alive:
                self.accept(investor, order, match=asked.kind != "fills")
                if asked.fault and asked.kind == "fills":
                    self._scripted(investor, order, asked.fault)

    def _scripted(self, investor: Investor, order: Order, fault: Fault) -> None:
        for volume in fault.terms["volumes"]:
            self.fill(investor, order, volume, fault.terms.get("price"))
        kept = fault.terms.get("rest") != "cancel" and order.fields["TimeCondition"] != FAK
        if order.alive and not kept:
            self.cancel(investor, order)

    # --- what the exchange (or a test) does

    def push(self, investor: Investor, order: Order, **fields: Any) -> None:
        """Tell the order as it stands (again), with other ``fields`` for this once."""
        with self.lock:
            self.publish(investor, "OnRtnOrder", [{**order.fields, **fields}])

    def accept(self, investor: Investor, order: Order, *, match: bool = True) -> None:
        """The exchange queues the order and gives it a number; what can trade trades."""
        with self.lock:
            objection = self._exchange_objection(order)
            if objection:
                self.reject(investor, order, objection)
                return
            order.held = False
            order.fields |= {"OrderSysID": f"{next(self._systems):>12}", "OrderStatus": "3", "OrderSubmitStatus": "3"}
            order.fields |= {"StatusMsg": "未成交"}
            self.push(investor, order)
            if match and self.matching:
                self._match(investor, order)
            if match and order.alive and order.fields["TimeCondition"] == FAK:
                self.cancel(investor, order)

    def _exchange_objection(self, order: Order) -> str:
        contract = self.contracts[order.fields["InstrumentID"]]
        low, high = contract.limits()
        price = order.fields["LimitPrice"]
        if (kind := order.fields["OrderPriceType"]) in WITHOUT_LIMIT:
            return "" if contract.exchange in WITHOUT_LIMIT[kind] else "已撤单报单被拒绝:不支持市价单"
        if not low <= price <= high:
            return "已撤单报单被拒绝:价格超出涨跌停板"
        if order.left > contract.max_volume:
            return "已撤单报单被拒绝:报单手数超限"
        return "已撤单报单被拒绝:价格非最小单位倍数" if money(price) % money(contract.tick) else ""

    def reject(self, investor: Investor, order: Order, text: str = "已撤单报单被拒绝") -> None:
        """The exchange does not take the order."""
        with self.lock:
            order.fields |= {"OrderStatus": "5", "OrderSubmitStatus": "4", "StatusMsg": text}
            self.push(investor, order)

    def cancel(self, investor: Investor, order: Order) -> None:
        """The rest of the order is taken off."""
        with self.lock:
            order.fields |= {
                "OrderStatus": "5",
                "OrderSubmitStatus": "3",
                "StatusMsg": "已撤单",
                "CancelTime": self.time,
            }
            self.push(investor, order)

    def fill(self, investor: Investor, order: Order, volume: int, price: float | None = None, trade: str = "") -> None:
        """One trade of the order, at its limit price where none is given: the trade is told first, then the order."""
        with self.lock:
            at = self._limit(order) if price is None else money(price)
            number = trade or f"{next(self._trades):>12}"
            row = self._trade(investor, order, volume, at, number)
            left = order.left - volume
            order.fields |= {"VolumeTraded": order.fields["VolumeTraded"] + volume, "VolumeTotal": left}
            order.fields |= {"OrderStatus": "1" if left else "0", "OrderSubmitStatus": "3"}
            order.fields |= {"StatusMsg": "部分成交" if left else "全部成交", "UpdateTime": self.time}
            investor.fill(order, volume, at, number, self.day)
            investor.trades.append(row)
            self.publish(investor, "OnRtnTrade", [row])
            self.push(investor, order)

    def _limit(self, order: Order) -> Decimal:
        if order.fields["OrderPriceType"] in WITHOUT_LIMIT:
            return self.contracts[order.fields["InstrumentID"]].mark
        return order.price

    def _trade(self, investor: Investor, order: Order, volume: int, price: Decimal, number: str) -> Row:
        fields = order.fields
        same = ("BrokerID", "InvestorID", "UserID", "OrderRef", "ExchangeID", "Direction", "OrderSysID", "TraderID",
                "OrderLocalID", "InstrumentID", "BrokerOrderSeq")  # fmt: skip
        return {
            **{name: fields[name] for name in same},
            "TradeID": number,
            "OffsetFlag": order.offset,
            "HedgeFlag": "1",
            "Price": float(price),
            "Volume": volume,
            "TradeDate": self._date(fields["ExchangeID"]),
            "TradeTime": self.time,
            "TradingDay": self.day,
            "SettlementID": 1,
            "TradeType": "0",
            "PriceSource": "0",
            "TradeSource": "0",
            "SequenceNo": len(investor.trades) + 1,
        }

    def _match(self, investor: Investor, order: Order) -> None:
        contract = self.contracts[order.fields["InstrumentID"]]
        facing = contract.ask if order.side > 0 else contract.bid
        if facing is None or order.fields["OrderStatus"] not in "13":
            return
        if order.fields["OrderPriceType"] in WITHOUT_LIMIT or (order.price - facing) * order.side >= 0:
            self.fill(investor, order, order.left, float(facing))

    def crossed(self, symbol: str) -> None:
        """Let resting orders of an instrument trade at their limits, after its price moved."""
        for investor in self.accounts() if self.matching else []:
            for order in list(investor.alive(symbol)):
                contract = self.contracts[symbol]
                facing = contract.ask if order.side > 0 else contract.bid
                queued = order.fields["OrderStatus"] in "13"
                if facing is not None and queued and (order.price - facing) * order.side >= 0:
                    self.fill(investor, order, order.left)

    def accounts(self) -> list[Investor]:
        """All investors."""
        raise NotImplementedError

    def foreign(
        self, investor: Investor, symbol: str, direction: str, offset: str, *, price: float, volume: int
    ) -> Order:
        """An order of another terminal of the account: its own front and session, accepted and matched like any."""
        with self.lock:
            contract = self.contracts[symbol]
            fields = {
                "BrokerID": investor.broker,
                "InvestorID": investor.user,
                "UserID": investor.user,
                "InstrumentID": symbol,
                "ExchangeID": contract.exchange,
                "OrderRef": str(len(investor.orders) + 1),
                "Direction": direction,
                "CombOffsetFlag": offset,
                "CombHedgeFlag": "1",
                "OrderPriceType": "2",
                "LimitPrice": price,
                "VolumeTotalOriginal": volume,
                "TimeCondition": "3",
                "VolumeCondition": "1",
                "ContingentCondition": "1",
                "ForceCloseReason": "0",
                "RequestID": 0,
            }
            order = self._taken(investor, fields, session=77)
            self.accept(investor, order)
            return order

    # --- cancels that arrive

    def order_acted(self, asked: Asked) -> None:
        """``ReqOrderAction``."""
        investor = asked.peer.investor
        order = self._meant(investor, asked.fields) if investor else None
        code = asked.code or (25 if order is None else 0 if order.alive else 26)
        if code or order is None or investor is None:
            self._refuse_action(asked, code)
        elif asked.kind == "reject":
            self.push(investor, order, OrderSubmitStatus="5", StatusMsg=asked.text or "撤单被拒绝")
        elif asked.kind not in ("hold", "silent"):
            self.push(investor, order, OrderSubmitStatus="1")
            self.timer.later(asked.seconds, lambda: self._cancelled(investor, order))

    def _cancelled(self, investor: Investor, order: Order) -> None:
        with self.lock:
            if order.alive:
                self.cancel(investor, order)

    def _meant(self, investor: Investor, fields: Row) -> Order | None:
        """By ExchangeID and OrderSysID, or by FrontID, SessionID and OrderRef."""
        system = fields["OrderSysID"].strip()
        key = (fields["FrontID"], fields["SessionID"], fields["OrderRef"])
        for order in reversed(investor.orders):
            known = order.fields["OrderSysID"].strip()
            if system and system == known and fields["ExchangeID"] == order.fields["ExchangeID"]:
                return order
            if not system and key == order.key:
                return order
        return None

    def _refuse_action(self, asked: Asked, code: int) -> None:
        error = refusal(code)
        self.say(asked.peer, "OnRspOrderAction", (asked.fields, error, asked.number, True))
        if asked.peer.investor is not None:
            told = {name: value for name, value in asked.fields.items() if name in ACTION_FIELDS}
            self.publish(asked.peer.investor, "OnErrRtnOrderAction", [told, error])
