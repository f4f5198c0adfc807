"""The scripted front: one broker with its exchanges, behind the fake binding.

Its own truth (instruments, orders, trades, positions, funds by CTP's formulas) changes only by what arrives
and by what a test says. In a test process, with the fixture ``ctp_front`` of ``quantsite.testing.ctp.fixtures``::

    def test_a_refusal(ctp_front):
        front = ctp_front()                               # sets sys.modules["openctp_ctp"] for the test
        front.contract("rb2701", "SHFE", pre_settlement=3500)
        me = front.open_account("9999", "100001", "secret", balance=1_000_000)
        front.on("ReqOrderInsert", "refuse", code=31)     # the next order is refused by the front
        ...                                               # the code under test imports openctp_ctp and trades
        front.price("rb2701", 3490)                       # a new price: resting orders trade, md hears a tick
        front.lose()                                      # the connection goes; the library comes back by itself
        front.truth(me)                                   # orders, trades, positions, funds as the broker has them

Points and kinds of faults are listed in ``faults``; more direct: ``accept``, ``fill``, ``reject``, ``cancel`` an
order of ``me.orders``; ``foreign`` for another terminal's order; ``replay``; ``push`` an order again;
``settle`` and ``next_day``; ``listen(False)``, ``lose_unconnected``, ``silent``; ``tell`` anything at all.
``wait(condition)`` waits for what another thread does. ``heard`` lists every request that arrived.

A real process gets the same front over a socket: see ``wire``.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from quantsite.testing.ctp.answers import ANSWERS, Row, account_row, detail_rows, position_rows
from quantsite.testing.ctp.apis import Line
from quantsite.testing.ctp.books import Funds, Investor, Order
from quantsite.testing.ctp.contracts import Contract, money
from quantsite.testing.ctp.exchange import Exchange
from quantsite.testing.ctp.lines import Asked, Peer
from quantsite.testing.ctp.market import Market
from quantsite.testing.ctp.texts import refusal

RESTART = 0
QUERY_PATIENCE = 0.2  # seconds after which a query that gets no last answer no longer blocks the next


class Front(Market, Exchange):
    """See the module."""

    authentication = True
    offences: list[str]  # set by the fixture

    def __init__(self, day: str = "20261123") -> None:
        super().__init__()
        self.day = day
        self.max_ref: str | None = None  # what the login says; None: the largest OrderRef of the account
        self.investors: dict[tuple[str, str], Investor] = {}

    # --- what a test sets and asks

    def contract(self, symbol: str, exchange: str, **terms: Any) -> Contract:
        """A listed instrument."""
        made = Contract(symbol, exchange, **terms)
        self.contracts[symbol] = made
        return made

    def open_account(self, broker: str, user: str, password: str, balance: float = 1_000_000, **terms: Any) -> Investor:
        """An investor with a balance from the day before."""
        made = Investor(broker, user, password, self.contracts, funds=Funds(money(balance)), **terms)
        made.statement = self._statement(made)
        self.investors[broker, user] = made
        return made

    def on(
        self, point: str, kind: str, *, times: int | None = 1, where: Mapping[str, Any] | None = None, **terms: Any
    ) -> None:
        """Plan a fault: see ``faults``."""
        with self.lock:
            self.plan.add(point, kind, times, where, terms)

    def truth(self, investor: Investor) -> dict[str, Any]:
        """Orders, trades, positions, lots and funds as queries would tell them now."""
        with self.lock:
            return {
                "day": self.day,
                "orders": [dict(order.fields) for order in investor.orders],
                "trades": [dict(trade) for trade in investor.trades],
                "positions": position_rows(investor, self.day),
                "details": detail_rows(investor, self.day),
                "account": account_row(investor, self.day),
            }

    def transfer(self, investor: Investor, amount: float) -> None:
        """Money in, or out where it is negative."""
        with self.lock:
            paid = money(amount)
            if paid > 0:
                investor.funds.deposit += paid
            else:
                investor.funds.withdraw -= paid

    def tell(self, callback: str, values: list[Any], kind: str = "td") -> None:
        """Say anything to every connected API of a kind."""
        with self.lock:
            for peer in self.peers.values():
                if peer.connected and peer.line.kind == kind:
                    self.say(peer, callback, values)

    def wait(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        """Wait until ``condition`` gives something true and give it; raises ``TimeoutError``."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > end:
                raise TimeoutError(f"nothing came in {seconds:g} s; heard so far: {[name for name, _ in self.heard]}")
            time.sleep(0.002)
        return found

    def settle(self, prices: Mapping[str, float] | None = None) -> None:
        """The day's end: settlement prices (the last ones where none is given), orders expire, the books roll over."""
        with self.lock:
            for symbol, price in (prices or {}).items():
                self.contracts[symbol].settlement = money(price)
            for investor in self.investors.values():
                investor.settle()
                investor.statement = self._statement(investor)
            for contract in self.contracts.values():
                contract.pre_settlement, contract.settlement = contract.mark, None

    def next_day(self, day: str, natural: str = "") -> None:
        """A new trading day: connections are cut, numbers of trades and orders begin anew."""
        with self.lock:
            self.day, self.natural = day, natural
            self.restart_numbers()
            for contract in self.contracts.values():
                contract.last = contract.bid = contract.ask = None
            self.lose()

    def _statement(self, investor: Investor) -> str:
        lines = [f"交易结算单 Settlement Statement {self.day}", f"客户号 Client ID: {investor.user}"]
        lines += [f"期末结存 Balance c/f: {investor.funds.pre_balance:.2f}"]
        lots = [f"{lot.symbol} {lot.side * lot.volume} {lot.base}" for lot in investor.lots]
        return "\n".join([*lines, *lots, "本结算单请仔细核对"])

    # --- what arrives

    def request(self, line: Line, method: str, fields: Any, request: int) -> int:
        """One request of an API; the return code of the call."""
        with self.lock:
            peer = self.peers.get(id(line))
            self.heard.append((method, fields))
            fault = self.plan.take(method, fields if isinstance(fields, dict) else {})
            if fault and fault.kind == "rc":
                return int(fault.terms["value"])
            if peer is None or not peer.connected:
                return 0  # the library takes it and nothing comes of it
            if method.startswith("ReqQry") and (code := self._throttle(peer)):
                return code
            self._arrived(Asked(peer, method, fields, request, fault))
            return 0

    def _throttle(self, peer: Peer) -> int:
        now = time.monotonic()
        peer.asked = [at for at in peer.asked if at > now - 1]
        if peer.querying > now:
            return -2
        if len(peer.asked) >= self.query_rate:
            return -3
        peer.asked.append(now)
        return 0

    def _arrived(self, asked: Asked) -> None:
        if asked.kind == "lost":
            self._lose(asked.peer)
        elif asked.kind == "refuse" and asked.method not in ("ReqOrderInsert", "ReqOrderAction"):
            self._refuse(asked)
        elif asked.kind == "lost_after":
            ghost = replace(asked.peer, line=_Nowhere(asked.peer.line))
            asked.peer.investor = None  # deaf from here on
            self._obey(replace(asked, peer=ghost, fault=None))
            self._lose(asked.peer)
        else:
            self._obey(asked)

    def _obey(self, asked: Asked) -> None:
        handlers: dict[str, Callable[[Asked], None]] = {
            "ReqAuthenticate": self._authenticate,
            "ReqUserLogin": self._log_in,
            "ReqUserLogout": self._log_out,
            "ReqSettlementInfoConfirm": self._confirm,
            "ReqOrderInsert": self.order_inserted,
            "ReqOrderAction": self.order_acted,
            "SubscribeMarketData": self.subscribed,
            "UnSubscribeMarketData": self.unsubscribed,
        }
        handlers.get(asked.method, self._query)(asked)

    def _refuse(self, asked: Asked) -> None:
        error = refusal(asked.code, asked.text)
        if asked.fault and asked.fault.terms.get("by") == "OnRspError":
            self.say(asked.peer, "OnRspError", (error, asked.number, True))
        else:
            self.answer(asked, [None], error)

    def answer(self, asked: Asked, rows: list[Any], error: Row | None = None) -> None:
        """Answer a request with rows, the last marked; ``error`` goes with each."""
        kind, callback = asked.kind, asked.method.replace("Req", "OnRsp", 1)
        if asked.method.startswith("ReqQry") and kind in ("silent", "no_last", "slow"):
            asked.peer.querying = time.monotonic() + (asked.seconds or QUERY_PATIENCE)
        for number, row in enumerate(rows or [None], 1):
            last = number >= len(rows) and kind != "no_last"
            if kind != "silent":
                self.say(asked.peer, callback, (row, error, asked.number, last), asked.seconds)

    def _query(self, asked: Asked) -> None:
        investor = asked.peer.investor
        if investor is None:
            self.answer(asked, [None], refusal(6))
        elif asked.method not in ANSWERS:
            raise NotImplementedError(f"the fake front does not answer {asked.method}")
        else:
            self.answer(asked, ANSWERS[asked.method](investor, self.day, asked.fields))

    def _known(self, asked: Asked) -> Investor | None:
        return self.investors.get((asked.fields["BrokerID"], asked.fields["UserID"]))

    def _authenticate(self, asked: Asked) -> None:
        known, fields = self._known(asked), asked.fields
        given = (fields["AppID"], fields["AuthCode"])
        asked.peer.authenticated = known is not None and given == (known.app_id, known.auth_code)
        row = {name: fields[name] for name in ("BrokerID", "UserID", "UserProductInfo", "AppID")}
        self.answer(asked, [row], None if asked.peer.authenticated else refusal(63))

    def _log_in(self, asked: Asked) -> None:
        peer, known = asked.peer, self._known(asked)
        if peer.line.kind == "md":
            peer.session = self._session()
            self.answer(asked, [self._login_row(asked, "")])
        elif self.authentication and not peer.authenticated:
            self.answer(asked, [None], refusal(64))
        elif known is None or known.password != asked.fields["Password"]:
            self.answer(asked, [None], refusal(3))
        else:
            self._welcome(asked, known)

    def _welcome(self, asked: Asked, known: Investor) -> None:
        peer = asked.peer
        peer.investor, peer.session = known, self._session()
        refs = [int(order.fields["OrderRef"]) for order in known.orders]
        row = self._login_row(asked, str(max(refs, default=1)) if self.max_ref is None else self.max_ref)
        if asked.fault and asked.kind == "blank":
            row |= asked.fault.terms.get("fields", {"MaxOrderRef": ""})
        self.answer(asked, [row])
        if peer.line.topics.get("Private") == RESTART:
            self.replay(known, peer)

    def _session(self) -> int:
        """A new SessionID: large, and every second one negative."""
        number = next(self._sessions)
        return (1_000_000_000 + number * 7919) * (-1 if number % 2 else 1)

    def _login_row(self, asked: Asked, max_ref: str) -> Row:
        clock = dict.fromkeys(("SHFETime", "DCETime", "CZCETime", "FFEXTime", "INETime", "GFEXTime"), self.time)
        named = {name: asked.fields[name] for name in ("BrokerID", "UserID")}
        ids = {"FrontID": self.front_id, "SessionID": asked.peer.session, "MaxOrderRef": max_ref}
        return {"TradingDay": self.day, "LoginTime": self.time, "SystemName": "TradingHosting", **named, **ids, **clock}

    def _log_out(self, asked: Asked) -> None:
        asked.peer.investor = None
        self.answer(asked, [asked.fields])

    def _confirm(self, asked: Asked) -> None:
        investor = asked.peer.investor
        if investor is None:
            self.answer(asked, [None], refusal(6))
            return
        investor.confirmed = self.day
        row = {name: asked.fields[name] for name in ("BrokerID", "InvestorID")}
        self.answer(asked, [{**row, "ConfirmDate": self.day, "ConfirmTime": self.time}])

    def find(self, investor: Investor, **fields: Any) -> Order:
        """The account's newest order with these fields; raises ``LookupError``."""
        for order in reversed(investor.orders):
            if all(order.fields[name] == value for name, value in fields.items()):
                return order
        raise LookupError(f"no order with {fields}")


class _Nowhere:
    """The line of a connection that is already gone: what is told is lost."""

    def __init__(self, line: Line) -> None:
        self.kind, self.fronts, self.topics = line.kind, line.fronts, line.topics

    def deliver(self, callback: str, values: Any) -> None:
        """Lost."""
