"""Which flag is sent and which lots it hits, by exchange and date."""

from datetime import date

import pytest

from quantsite.common.errors import RuleError
from trading.domain.offsets import (
    SETTINGS,
    LotChoice,
    Offset,
    OffsetSetting,
    lots_hit,
    recorded_offset,
    setting_on,
    split_auto,
)

DAY = date(2024, 5, 6)


def test_the_flags_are_ctps() -> None:
    assert [(flag.name, flag.value) for flag in Offset] == [
        ("OPEN", 0),
        ("CLOSE", 1),
        ("FORCE_CLOSE", 2),
        ("CLOSE_TODAY", 3),
        ("CLOSE_YESTERDAY", 4),
    ]


@pytest.mark.parametrize("exchange", ["SHFE", "INE"])
def test_a_plain_close_means_yesterday_where_the_exchange_splits(exchange: str) -> None:
    setting = setting_on(exchange, DAY)
    assert lots_hit(Offset.CLOSE, setting) == LotChoice.YESTERDAY_ONLY
    assert split_auto(3, today=2, yesterday=2, setting=setting) == [
        (Offset.CLOSE_YESTERDAY, 2),
        (Offset.CLOSE_TODAY, 1),
    ]
    assert split_auto(2, today=2, yesterday=0, setting=setting) == [(Offset.CLOSE_TODAY, 2)]


@pytest.mark.parametrize("exchange", ["DCE", "CZCE", "CFFEX", "GFEX", "SIM"])
def test_the_other_exchanges_take_one_close_first_in_first_out(exchange: str) -> None:
    setting = setting_on(exchange, DAY)
    assert lots_hit(Offset.CLOSE, setting) == LotChoice.FIFO
    assert split_auto(3, today=2, yesterday=2, setting=setting) == [(Offset.CLOSE, 3)]


def test_the_flag_names_the_lots() -> None:
    setting = setting_on("DCE", DAY)
    assert lots_hit(Offset.CLOSE_TODAY, setting) == LotChoice.TODAY_ONLY
    assert lots_hit(Offset.CLOSE_YESTERDAY, setting) == LotChoice.YESTERDAY_ONLY
    with pytest.raises(RuleError, match="opening"):
        lots_hit(Offset.OPEN, setting)


def test_a_setting_holds_from_its_day_on() -> None:
    later = OffsetSetting("CFFEX", date(2025, 1, 1), split=False, plain_close=LotChoice.TODAY_FIRST)
    rows = (*SETTINGS, later)
    assert setting_on("CFFEX", date(2024, 12, 31), rows).plain_close == LotChoice.FIFO
    assert setting_on("CFFEX", date(2025, 1, 1), rows).plain_close == LotChoice.TODAY_FIRST


def test_more_than_is_held_is_refused_with_the_figures() -> None:
    with pytest.raises(RuleError, match=r"cannot close 5: 3 held \(2 of today, 1 older\)") as refusal:
        split_auto(5, today=2, yesterday=1, setting=setting_on("SHFE", DAY))
    assert refusal.value.code == "close_exceeds_position"


def test_a_record_names_the_fee() -> None:
    assert recorded_offset(today=True) == Offset.CLOSE_TODAY
    assert recorded_offset(today=False) == Offset.CLOSE
