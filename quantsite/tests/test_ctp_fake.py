"""The fake of the CTP binding behaves as the binding was seen to behave, and its front keeps its own books."""

import importlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from quantsite.testing.ctp.books import Investor
from quantsite.testing.ctp.front import Front
from quantsite.testing.ctp.market import recorded
from quantsite.testing.ctp.peers import peer, vacant
from quantsite.testing.ctp.structs import read
from quantsite.testing.ctp.wire import served

Made = Callable[..., Front]


class Terminal:
    """A small trader client: remembers what it hears, copied in the callback."""

    def __init__(self, front: Front, folder: Path) -> None:
        self.td: Any = importlib.import_module("openctp_ctp").tdapi
        self.front, self.number = front, 0
        self.heard: list[tuple[str, list[Any]]] = []
        outer, base = self, self.td.CThostFtdcTraderSpi

        class Ear(base):  # type: ignore[misc, valid-type]
            def __getattribute__(self, name: str) -> Any:
                if not name.startswith("On"):
                    return super().__getattribute__(name)
                return lambda *told: outer.heard.append(
                    (name, [read(one) if hasattr(one, "NAMES") else one for one in told])
                )

        self.spi = Ear()
        folder.mkdir(exist_ok=True)
        self.api = self.td.CThostFtdcTraderApi.CreateFtdcTraderApi(f"{folder}/")
        self.api.RegisterSpi(self.spi)
        self.api.SubscribePrivateTopic(self.td.THOST_TERT_RESTART)
        self.api.RegisterFront("tcp://127.0.0.1:17001")
        self.api.Init()
        self.came("OnFrontConnected")

    def came(self, name: str, count: int = 1) -> list[Any]:
        """What the ``count``th callback of this name was told."""

        def found() -> list[list[Any]]:
            return [told for said, told in list(self.heard) if said == name]

        self.front.wait(lambda: len(found()) >= count)
        return found()[count - 1]

    def ask(self, method: str, struct: str, **fields: Any) -> int:
        made = getattr(self.td, f"CThostFtdc{struct}")()
        for name, value in fields.items():
            setattr(made, name, value)
        self.number += 1
        return int(getattr(self.api, method)(made, self.number))

    def log_in(self, me: Investor) -> dict[str, Any]:
        who = {"BrokerID": me.broker, "UserID": me.user}
        self.ask("ReqAuthenticate", "ReqAuthenticateField", **who, AppID=me.app_id, AuthCode=me.auth_code)
        self.ask("ReqUserLogin", "ReqUserLoginField", **who, Password=me.password)
        self.ask("ReqSettlementInfoConfirm", "SettlementInfoConfirmField", BrokerID=me.broker, InvestorID=me.user)
        self.came("OnRspSettlementInfoConfirm")
        return dict(self.came("OnRspUserLogin")[0])

    def order(self, ref: int, direction: str = "0", offset: str = "0", price: float = 3500, volume: int = 1) -> int:
        fields = {"BrokerID": "9999", "InvestorID": "1", "UserID": "1", "InstrumentID": "rb2701", "ExchangeID": "SHFE",
                  "OrderRef": str(ref), "Direction": direction, "CombOffsetFlag": offset, "CombHedgeFlag": "1",
                  "OrderPriceType": "2", "LimitPrice": price, "VolumeTotalOriginal": volume, "TimeCondition": "3",
                  "VolumeCondition": "1", "ContingentCondition": "1", "ForceCloseReason": "0"}  # fmt: skip
        return self.ask("ReqOrderInsert", "InputOrderField", **fields)


@pytest.fixture
def desk(ctp_front: Made, tmp_path: Path) -> Any:
    front = ctp_front()
    front.contract("rb2701", "SHFE", pre_settlement=3500, open_fee=(0.0, 2.0), today_fee=(0.0, 3.0))
    me = front.open_account("9999", "1", "secret", balance=100_000)
    terminal = Terminal(front, tmp_path / "flow")
    yield front, me, terminal
    terminal.api.RegisterSpi(None)
    terminal.api.Release()


def states(terminal: Terminal) -> list[tuple[str, str]]:
    return [
        (told[0]["OrderStatus"], told[0]["OrderSubmitStatus"]) for name, told in terminal.heard if name == "OnRtnOrder"
    ]


def test_an_order_is_accepted_queued_and_filled(desk: Any) -> None:
    front, me, terminal = desk
    assert terminal.log_in(me)["TradingDay"] == "20261123"
    front.price("rb2701", 3490)
    assert terminal.order(5, price=3495, volume=3) == 0
    trade = terminal.came("OnRtnTrade")[0]
    assert (trade["Price"], trade["Volume"], trade["OrderRef"]) == (3490.0, 3, "5")
    terminal.came("OnRtnOrder", 3)
    assert states(terminal) == [("a", "0"), ("3", "3"), ("0", "3")]
    truth = front.truth(me)
    assert [(row["Position"], row["PositionDate"]) for row in truth["positions"]] == [(3, "1")]
    account = truth["account"]
    assert (account["Balance"], account["CurrMargin"]) == (99_994.0, 10_470.0)
    assert account["Available"] == 99_994.0 - 10_470.0


def test_a_refusal_of_the_front_comes_twice_and_leaves_no_order(desk: Any) -> None:
    front, me, terminal = desk
    terminal.log_in(me)
    terminal.order(5, volume=100)
    assert terminal.came("OnRspOrderInsert")[1]["ErrorID"] == 31
    assert terminal.came("OnErrRtnOrderInsert")[1]["ErrorID"] == 31
    assert front.truth(me)["orders"] == []
    assert front.truth(me)["account"]["Available"] == 100_000.0


def test_a_loss_after_the_order_arrived_is_told_by_the_replay(desk: Any) -> None:
    front, me, terminal = desk
    terminal.log_in(me)
    front.on("ReqOrderInsert", "lost_after")
    assert terminal.order(5, price=3500) == 0
    assert terminal.came("OnFrontDisconnected") == [0x1001]
    assert states(terminal) == []
    terminal.came("OnFrontConnected", 2)
    terminal.log_in(me)
    terminal.came("OnRtnOrder", 2)
    assert states(terminal) == [("a", "0"), ("3", "3")]


def test_positions_roll_over_and_profit_counts_from_the_settlement(desk: Any) -> None:
    front, me, terminal = desk
    terminal.log_in(me)
    front.price("rb2701", 3500)
    terminal.order(5, volume=2)
    terminal.came("OnRtnTrade")
    front.settle({"rb2701": 3520})
    front.next_day("20261124")
    account = front.truth(me)["account"]
    assert (account["PreBalance"], account["PositionProfit"]) == (100_000.0 - 4 + 400, 0.0)
    [row] = front.truth(me)["positions"]
    assert (row["PositionDate"], row["Position"], row["YdPosition"], row["PreSettlementPrice"]) == ("2", 2, 2, 3520.0)
    assert me.funds.pre_margin == Decimal("7040")


def test_faults_at_pushes(desk: Any) -> None:
    front, me, terminal = desk
    terminal.log_in(me)
    front.on("OnRtnOrder", "late", where={"OrderStatus": "3"})
    front.on("OnRtnTrade", "twice")
    front.on("OnRtnOrder", "alter", where={"OrderStatus": "0"}, fields={"OrderStatus": "z"})
    front.price("rb2701", 3500)
    terminal.order(5)
    terminal.came("OnRtnOrder", 3)
    names = [name.removeprefix("OnRtn") for name, _ in terminal.heard if name.startswith("OnRtn")]
    assert names == ["Order", "Trade", "Trade", "Order", "Order"]
    assert [state for state, _ in states(terminal)] == ["a", "3", "z"]
    assert front.plan.left() == {}


def test_a_struct_is_empty_after_its_callback_and_an_exception_is_swallowed(ctp_front: Made, tmp_path: Path) -> None:
    front = ctp_front()
    td = importlib.import_module("openctp_ctp").tdapi
    kept: list[Any] = []

    class Ear(td.CThostFtdcTraderSpi):  # type: ignore[misc, name-defined]
        def OnFrontConnected(self) -> None:
            kept.append(threading.current_thread())
            raise KeyboardInterrupt

        def OnRspError(self, error: Any, request: int, last: bool) -> None:
            kept.append((error, error.ErrorMsg))

    spi = Ear()
    api = td.CThostFtdcTraderApi.CreateFtdcTraderApi(f"{tmp_path}/")
    api.RegisterSpi(spi)
    api.RegisterFront("tcp://127.0.0.1:1")
    api.Init()
    front.wait(lambda: kept)
    front.tell("OnRspError", [{"ErrorID": 90, "ErrorMsg": "查询未就绪"}, 7, True])
    front.wait(lambda: len(kept) == 2)
    error, text = kept[1]
    front.wait(lambda: error.ErrorMsg == "")
    assert text == "查询未就绪"
    assert type(kept[0]).__name__ == "_DummyThread"
    api.Release()
    api.Release()
    assert front.offences == ["Release a second time after Release"]
    front.offences.clear()


def test_queries_are_throttled(desk: Any) -> None:
    front, me, terminal = desk
    terminal.log_in(me)
    front.on("ReqQryTradingAccount", "silent")
    assert terminal.ask("ReqQryTradingAccount", "QryTradingAccountField") == 0
    assert terminal.ask("ReqQryOrder", "QryOrderField") == -2
    front.query_rate = 1
    front.wait(lambda: terminal.ask("ReqQryOrder", "QryOrderField") == -3)
    time.sleep(1)
    assert terminal.ask("ReqQryOrder", "QryOrderField") == 0
    assert terminal.came("OnRspQryOrder") == [None, None, terminal.number, True]


PROCESS = """
import sys, threading, time
from pathlib import Path
from marketdata.ctp.link import Link
from marketdata.ctp.session import SessionSettings, SessionState, TraderSession
from marketdata.domain.ctp.login import LoginTerms

wake = threading.Event()
link = Link("td", Path(sys.argv[1]), ["tcp://127.0.0.1:17001"], wake.set)
terms = LoginTerms("9999", "1", ("tcp://127.0.0.1:17001",), "secret", "client_app_1", "0000000000000000", "desk")
session = TraderSession(link, terms, settings=SessionSettings("test", query_spacing=0.01))
rows = []
while not rows:
    session.work(time.monotonic())
    if session.state is SessionState.SYNCHRONISING and not rows:
        asked = {"BrokerID": "9999"}
        session.ask("ReqQryTradingAccount", "QryTradingAccountField", asked, lambda answer: rows.extend(answer.rows))
        session.synchronised()
    wake.wait(0.05)
    wake.clear()
print("told", session.facts.trading_day, rows[0]["Balance"], flush=True)
sys.stdin.read()
session.close()
"""


def test_a_real_process_meets_the_front_over_a_socket(tmp_path: Path) -> None:
    front = Front()
    front.open_account("9999", "1", "secret", balance=123_456)
    (tmp_path / "flow").mkdir()
    with served(front, tmp_path) as environment:
        started = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(tmp_path / "flow")],
            env={**os.environ, **environment}, text=True, stdin=PIPE, stdout=PIPE,
        )  # fmt: skip
        assert started.stdout is not None
        told = next(line for line in started.stdout if line.startswith("told"))  # the process logs there too
        assert told.split() == ["told", "2026-11-23", "123456.0"]
        front.lose()
        front.wait(lambda: front.connects == 2)
        started.communicate("")
        assert started.returncode == 0
    front.wait(lambda: front.peers == {})
    front.close()


def test_recorded_ticks_reach_who_subscribed_with_the_stale_one_first(ctp_front: Made, tmp_path: Path) -> None:
    front = ctp_front()
    front.contract("ru1901", "SHFE", pre_settlement=12310, tick=5.0)
    md = importlib.import_module("openctp_ctp").mdapi
    heard: list[tuple[str, float, float]] = []

    class Ear(md.CThostFtdcMdSpi):  # type: ignore[misc, name-defined]
        def OnRtnDepthMarketData(self, depth: Any) -> None:
            heard.append((depth.UpdateTime, depth.LastPrice, depth.BidPrice2))

    spi, api = Ear(), md.CThostFtdcMdApi.CreateFtdcMdApi(f"{tmp_path}/")
    api.RegisterSpi(spi)
    api.RegisterFront("tcp://127.0.0.1:1")
    api.Init()
    front.tick("ru1901", UpdateTime="20:30:00", LastPrice=12310.0)
    with pytest.raises(TypeError, match="list must contain strings"):
        api.SubscribeMarketData(["ru1901"], 1)
    assert api.SubscribeMarketData([b"ru1901"], 1) == 0
    front.wait(lambda: heard)
    told = front.play([{"InstrumentID": "ru1901", "UpdateTime": "21:00:00", "BidPrice2": None}], rate=2000, count=5)
    front.wait(lambda: len(heard) == 2)
    api.Release()
    assert told == 1
    assert heard[0][:2] == ("20:30:00", 12310.0)
    assert heard[1][2] == sys.float_info.max


@pytest.mark.real_data
def test_recordings_are_read_as_depth_messages(shared_data: Path) -> None:
    first = next(recorded(shared_data / "ticks" / "SHFE.ru1901_tick_20181009.csv.gz"))
    assert (first["InstrumentID"], first["LastPrice"], first["UpdateMillisec"]) == ("ru1901", 12320.0, 500)
    assert (first["BidPrice2"], first["SettlementPrice"]) == (None, None)


def test_refused_by_the_exchange_or_held_back_and_cancelled(desk: Any) -> None:
    front, me, terminal = desk
    terminal.log_in(me)
    front.on("ReqOrderInsert", "reject", where={"OrderRef": "5"}, text="非交易时间")
    front.on("ReqOrderInsert", "hold", where={"OrderRef": "6"})
    terminal.order(5)
    terminal.order(6)
    terminal.came("OnRtnOrder", 3)
    assert states(terminal) == [("a", "0"), ("5", "4"), ("a", "0")]
    login = terminal.came("OnRspUserLogin")[0]
    keys = {"FrontID": login["FrontID"], "SessionID": login["SessionID"], "OrderRef": "6", "ActionFlag": "0"}
    front.on("ReqOrderAction", "reject")
    terminal.ask("ReqOrderAction", "InputOrderActionField", **keys)
    terminal.ask("ReqOrderAction", "InputOrderActionField", **keys)
    terminal.ask("ReqOrderAction", "InputOrderActionField", **keys)
    assert terminal.came("OnErrRtnOrderAction")[1]["ErrorID"] == 26
    assert states(terminal)[3:] == [("a", "5"), ("a", "1"), ("5", "3")]


def test_yesterdays_and_todays_lots_are_apart_at_shfe_only(desk: Any) -> None:
    front, me, terminal = desk
    front.contract("m2701", "DCE", pre_settlement=3000)
    terminal.log_in(me)
    front.price("rb2701", 3500)
    front.price("m2701", 3000)
    terminal.order(5)
    front.foreign(me, "m2701", "0", "0", price=3000, volume=1)
    assert terminal.came("OnRtnTrade", 2)[0]["OrderRef"] == "2"
    terminal.order(6, direction="1", offset="1")
    assert terminal.came("OnRspOrderInsert")[1]["ErrorID"] == 51
    terminal.order(7, direction="1", offset="3")
    front.foreign(me, "m2701", "1", "1", price=3000, volume=1)
    terminal.came("OnRtnTrade", 4)
    assert [row["Position"] for row in front.truth(me)["positions"]] == [0, 0]
    assert front.truth(me)["account"]["CurrMargin"] == 0.0


def test_a_killed_price_freezes_what_it_must_and_gives_it_back(desk: Any) -> None:
    front, me, terminal = desk
    terminal.log_in(me)
    front.on("ReqOrderInsert", "fills", volumes=[1, 1], rest="cancel")
    terminal.order(5, price=3500, volume=4)
    assert terminal.order(6, price=3400, volume=1) == 0
    terminal.came("OnRtnOrder", 7)
    order = front.find(me, OrderRef="5")
    assert (order.fields["OrderStatus"], order.fields["VolumeTraded"], order.fields["VolumeTotal"]) == ("5", 2, 2)
    account = front.truth(me)["account"]
    assert (account["CurrMargin"], account["FrozenMargin"], account["FrozenCommission"]) == (7000.0, 3400.0, 2.0)
    assert account["Available"] == 100_000 - 4 - 7000 - 3402


@pytest.mark.parametrize(("manner", "heard"), [("silent", b""), ("rubbish", bytes(range(5)))])
def test_peers_on_the_loopback(manner: Any, heard: bytes) -> None:
    with peer(manner) as other:
        host, port = other.address.removeprefix("tcp://").split(":")
        with socket.create_connection((host, int(port)), 5) as to:
            to.settimeout(0.2)
            with suppress(TimeoutError):
                assert to.recv(5) == heard
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(vacant().rpartition(":")[2])), 5)
