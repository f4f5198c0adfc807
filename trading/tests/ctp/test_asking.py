"""Questions to the broker beside orders: disturbed pictures count for nothing, what is not answered is asked again."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest

from marketdata.domain.ctp.queries import Answer
from trading.gateways.ctp.asking import PICTURE, BrokerAsking

DAY = date(2024, 1, 2)
RB = "rb2405.SHFE"
MARGINS = {"LongMarginRatioByMoney": 0.1, "LongMarginRatioByVolume": 0.0, "ShortMarginRatioByMoney": 0.1,
           "ShortMarginRatioByVolume": 0.0, "IsRelative": 0, "HedgeFlag": "1", "InstrumentID": "rb2405"}  # fmt: skip
FEES = {f"{when}RatioBy{what}": 1.0 for when in ("Open", "Close", "CloseToday") for what in ("Money", "Volume")}


def test_a_disturbed_picture_stays_so_while_the_next_is_asked_for() -> None:
    asked: list[Any] = []

    def ask(method: str, _struct: str, _fields: Mapping[str, Any], done: Callable[[Any], None]) -> None:
        if method in dict(PICTURE):
            asked.append(done)

    asking = BrokerAsking(ask, {}, lambda _symbol, _exchange: None)
    asking.begin(DAY)
    asking.ask_picture()
    asking.note_event()
    for number in range(3):
        asked[number](Answer([{"Balance": 1.0}], None, timed_out=False, asked_at=1, done_at=2))
    assert asking.picture() is None
    asking.ask_picture()
    assert asking.picture() is None
    for number in range(3, 6):
        asked[number](Answer([{"Balance": 1.0}], None, timed_out=False, asked_at=3, done_at=4))
    picture = asking.picture()
    assert picture is not None
    assert picture.asked_at == 3


@pytest.mark.parametrize("silent", ["ReqQryInstrumentMarginRate", "ReqQryInstrumentCommissionRate"])
def test_rates_of_which_one_half_was_not_answered_are_asked_for_again(silent: str) -> None:
    waiting: list[tuple[str, Callable[[Any], None]]] = []

    def ask(method: str, struct: str, fields: Mapping[str, Any], done: Callable[[Any], None]) -> None:
        waiting.append((method, done))

    def answer(quiet: str) -> None:
        for method, done in waiting:
            rows = [MARGINS] if "Margin" in method else [FEES]
            done(Answer([], None, True, 1, 2) if method == quiet else Answer(rows, None, False, 1, 2))
        waiting.clear()

    asking = BrokerAsking(ask, {}, lambda _symbol, _exchange: (RB, 10.0))
    asking.begin(DAY)
    asking.ask_rates([RB])
    answer(silent)
    assert asking.take_rates() == []
    asking.ask_rates([RB])
    answer("")
    [told] = asking.take_rates()
    assert (told.fees is None, told.margins is None) == (False, False)
    asking.ask_rates([RB])
    assert waiting == []
