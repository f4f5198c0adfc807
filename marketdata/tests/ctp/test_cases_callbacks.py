"""Cases of callbacks and of the library's life: numbers 33 to 38 of CTP's list, against the scripted front."""

import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marketdata.ctp import fields as field_module
from marketdata.ctp.heard import QUOTE, Heard, HeardQueue
from marketdata.ctp.link import Link
from marketdata.domain.ctp.session import SessionState
from marketdata.tests.ctp.played import FRONTS, Reader, Trader
from quantsite.testing.ctp.books import Investor
from quantsite.testing.ctp.front import Front
from quantsite.testing.patience import SOON
from quantsite.web.metrics import REGISTRY

Traders = Callable[..., Trader]


def faults(api: str = "td") -> float:
    return REGISTRY.get_sample_value("quantsite_ctp_callback_faults_total", {"api": api}) or 0.0


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), SystemExit(3)])
def test_case_33_34_what_a_callback_raises_is_counted_and_told_and_the_next_is_heard(
    front: Front, trader: Traders, error: BaseException
) -> None:
    owner = trader().get_ready()
    before, wake = faults(), owner.link.wake

    def failing() -> None:
        owner.link.wake = wake
        raise error

    owner.link.wake = failing
    front.tell("OnRtnInstrumentStatus", [{"InstrumentID": "rb", "InstrumentStatus": "2"}])
    owner.until(lambda: owner.named("fault"))
    front.tell("OnRtnInstrumentStatus", [{"InstrumentID": "hc", "InstrumentStatus": "2"}])
    owner.until(lambda: len(owner.named("OnRtnInstrumentStatus")) == 2)
    assert faults() == before + 1
    owner.pass_by(2)
    told = owner.watch.troubles["CALLBACK_FAILED"]
    assert told["callback"] == "OnRtnInstrumentStatus"
    assert type(error).__name__ in told["error"]
    assert front.offences == []


def test_case_33_a_struct_that_cannot_be_copied_loses_no_other_event(
    front: Front, trader: Traders, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = trader().get_ready()
    honest = field_module.copied

    def clumsy(struct: Any) -> dict[str, Any] | None:
        told = honest(struct)
        if told and told.get("InstrumentID") == "bad":
            raise AttributeError("a field of a newer front")
        return told

    monkeypatch.setattr("marketdata.ctp.link.copied", clumsy)
    for symbol in ("rb", "bad", "hc"):
        front.tell("OnRtnInstrumentStatus", [{"InstrumentID": symbol, "InstrumentStatus": "2"}])
    owner.until(lambda: len(owner.named("OnRtnInstrumentStatus")) == 2)
    assert [heard.fields["error"] for heard in owner.named("fault")] == [  # type: ignore[index]
        "AttributeError: a field of a newer front"
    ]


def test_case_33_after_an_orders_event_that_was_lost_everything_is_compared_again(
    front: Front, trader: Traders
) -> None:
    owner = trader().get_ready()
    owner.waits = True
    wake = owner.link.wake

    def failing() -> None:
        owner.link.wake = wake
        raise ValueError("broken")

    owner.link.wake = failing
    front.tell("OnRtnOrder", [{"InstrumentID": "rb2701"}])
    owner.until(lambda: owner.session.state is SessionState.SYNCHRONISING)
    assert owner.session.insert(owner.order()) == -1
    owner.pass_by(2)
    assert set(owner.watch.troubles) == {"CALLBACK_FAILED"}
    owner.session.synchronised()
    owner.pass_by(2)
    assert (owner.session.state, owner.watch.troubles) == (SessionState.READY, {})


def test_case_33_the_owner_may_fail_in_an_answer_and_the_session_goes_on(front: Front, trader: Traders) -> None:
    owner = trader().get_ready()

    def fail(_answer: object) -> None:
        raise LookupError("the owner's own mistake")

    owner.session.ask("ReqQryTrade", "QryTradeField", {"BrokerID": "9999", "InvestorID": "100001"}, fail)
    following = owner.ask()
    with pytest.raises(LookupError):
        owner.until(lambda: following)
    owner.until(lambda: following)
    assert following[0].rows


def quote(symbol: str, volume: int) -> Heard:
    return Heard(QUOTE, {"InstrumentID": symbol, "Volume": volume}, None, 0, last=True, at=volume)


def test_case_35_a_slow_reader_gets_the_newest_quote_of_each_and_every_order_event() -> None:
    queue = HeardQueue(bound=10)
    order = Heard("OnRtnOrder", {}, None, 0, last=True, at=0)
    for number in range(100_000):
        queue.put(quote(f"rb{number % 3}", number))
        if number % 1_000 == 0:
            queue.put(order)
    assert queue.qsize() <= 10 + 100 + 3
    taken = queue.taken()
    assert [heard.name for heard in taken].count("OnRtnOrder") == 100
    quotes = [heard.fields["Volume"] for heard in taken if heard.name == QUOTE]  # type: ignore[index]
    assert quotes[-3:] == [99_997, 99_998, 99_999]
    assert quotes == sorted(quotes)
    assert queue.conflated == 100_000 - len(quotes)
    queue.put(quote("rb0", 100_000))
    assert [heard.at for heard in queue.taken()] == [100_000]


def test_case_35_quotes_of_a_burst_reach_a_reader_that_was_asleep(
    front: Front, me: Investor, reader: Callable[..., Reader]
) -> None:
    owner = reader()
    owner.session.want(["rb2701"])
    owner.until(lambda: any(name == "SubscribeMarketData" for name, _fields in front.heard))
    for step in range(500):
        front.price("rb2701", 3500 + step % 50)
    front.price("rb2701", 3555)
    owner.until(lambda: [h for h in owner.named(QUOTE) if h.fields and h.fields["LastPrice"] == 3555])


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    "state", ["connecting", "authenticated", "logged_in", "synchronising", "ready", "lost", "refused"]
)
def test_case_36_a_session_ends_at_once_in_every_state(front: Front, trader: Traders, state: str) -> None:
    if state == "connecting":
        front.listen(False)
    elif state == "refused":
        front.on("ReqUserLogin", "refuse", code=3)
    elif state == "authenticated":
        front.on("ReqUserLogin", "silent")
    elif state == "logged_in":
        front.on("ReqQrySettlementInfo", "silent")
    owner = trader(waits=True)
    if state in {"ready", "lost"}:
        owner.until(lambda: owner.session.state is SessionState.SYNCHRONISING)
        owner.session.synchronised()
    if state == "lost":
        front.listen(False)
        front.lose()
    owner.until(lambda: owner.session.state == state)
    owner.session.close()
    assert (owner.session.state, owner.link.started) == (SessionState.CLOSED, False)
    owner.session.close()
    owner.turn(60)
    assert owner.states()[-1] == "closed"
    assert not owner.link.started
    assert front.peers == {}
    assert front.offences == []


def test_case_36_a_session_ends_in_a_burst_and_with_queries_under_way(front: Front, trader: Traders) -> None:
    owner = trader().get_ready()
    front.on("ReqQryTradingAccount", "silent", times=None)
    owner.ask()
    owner.until(lambda: "ReqQryTradingAccount" in [name for name, _fields in front.heard])
    pouring = threading.Event()

    def pour() -> None:
        while not pouring.is_set():
            front.tell("OnRtnInstrumentStatus", [{"InstrumentID": "rb", "InstrumentStatus": "2"}])

    pourer = threading.Thread(target=pour)
    pourer.start()
    try:
        owner.until(lambda: len(owner.named("OnRtnInstrumentStatus")) > 100)
        closing = threading.Thread(target=owner.session.close)
        closing.start()
        closing.join(SOON)
        assert not closing.is_alive(), "the burst keeps it from ending"
    finally:
        pouring.set()
        pourer.join()
    assert front.peers == {}
    assert front.offences == []


def test_case_36_a_session_that_was_never_started_ends_too(trader: Traders) -> None:
    owner = trader()
    owner.session.close()
    assert owner.session.state is SessionState.CLOSED


def test_case_36_a_link_is_not_closed_in_a_callback(front: Front, trader: Traders) -> None:
    owner = trader().get_ready()
    wake = owner.link.wake

    def careless() -> None:
        owner.link.wake = wake
        owner.link.close()

    owner.link.wake = careless
    front.tell("OnRtnInstrumentStatus", [{"InstrumentID": "rb", "InstrumentStatus": "2"}])
    owner.until(lambda: owner.named("fault"))
    assert owner.link.started
    assert front.offences == []


def test_case_36_requests_after_the_end_reach_nobody(front: Front, trader: Traders) -> None:
    owner = trader().get_ready()
    fields = owner.order()
    owner.session.close()
    assert owner.session.insert(fields) == -1
    assert owner.link.request("ReqOrderInsert", "InputOrderField", fields)[0] == -1
    assert owner.link.front_info() == {}
    assert "ReqOrderInsert" not in [name for name, _fields in front.heard]


def test_case_37_a_link_that_nobody_holds_any_more_is_still_called_back(
    front: Front, me: Investor, tmp_path: Path
) -> None:
    woken = threading.Event()
    link = Link("td", tmp_path, FRONTS, woken.set)
    link.start()
    front.wait(lambda: front.peers)
    kept = weakref.ref(link)
    del link
    gc.collect()
    woken.clear()
    front.lose()
    assert woken.wait(SOON)
    found = kept()
    assert found is not None
    found.close()
    assert front.offences == []


def test_case_37_a_link_may_be_started_anew(front: Front, me: Investor, tmp_path: Path) -> None:
    link = Link("td", tmp_path, FRONTS, lambda: None)
    for _ in range(3):
        link.start()
        link.start()
        front.wait(lambda: len(front.peers) == 1)
        front.wait(lambda: not link.heard.empty())
        assert [heard.name for heard in link.heard.taken()] == ["OnFrontConnected"]
        link.close()
        link.close()
    assert front.peers == {}
    assert front.offences == []


def test_case_38_two_accounts_in_one_process_have_folders_and_threads_of_their_own(
    front: Front, me: Investor, trader: Traders
) -> None:
    other = front.open_account("9999", "100002", "secret", balance=5)
    one, two = trader().get_ready(), trader(me=other).get_ready()
    one_row, two_row = one.ask(), two.ask()
    one.until(lambda: one_row)
    two.until(lambda: two_row)
    assert (one_row[0].rows[0]["AccountID"], two_row[0].rows[0]["AccountID"]) == ("100001", "100002")
    assert one.link.flow != two.link.flow
    assert {path.name for path in one.link.flow.iterdir()} == {path.name for path in two.link.flow.iterdir()}
    one.session.insert(one.order(LimitPrice=3400.0))
    one.until(lambda: one.named("OnRtnOrder"))
    two.pass_by(2)
    assert two.named("OnRtnOrder") == []
