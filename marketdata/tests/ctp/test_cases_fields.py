"""Case 42 of CTP's list: what is written into the library's structs is checked, and what is missing is read as None."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from marketdata.ctp import library
from marketdata.ctp.fields import copied, filled
from quantsite.common.errors import RuleError
from quantsite.testing.ctp.front import Front


@pytest.fixture
def order(ctp_front: Callable[..., Front]) -> Any:
    """An empty struct of an order."""
    ctp_front()
    return library.struct_class("td", "InputOrderField")()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VolumeTotalOriginal", 1.0),
        ("VolumeTotalOriginal", 2**40),
        ("VolumeTotalOriginal", True),
        ("LimitPrice", Decimal("3500")),
        ("LimitPrice", "3500"),
        ("LimitPrice", float("nan")),
        ("LimitPrice", 1.7976931348623157e308),
        ("InstrumentID", "x" * 81),
        ("OrderRef", "1" * 13),
        ("OrderRef", 12),
        ("InstrumentID", "螺纹钢"),
        ("InstrumentID", None),
        ("Direction", "01"),
        ("Direction", 0),
        ("Instrument", "rb2701"),
        ("this", "rb2701"),
    ],
)
def test_case_42_a_wrong_field_is_refused_by_its_name(order: Any, name: str, value: Any) -> None:
    with pytest.raises(RuleError) as refused:
        filled(order, {"BrokerID": "9999", name: value})
    assert refused.value.code == "ctp_field"
    assert name in refused.value.text
    assert repr(value) in refused.value.text
    assert "InputOrderField" in refused.value.text


def test_case_42_right_fields_are_written(order: Any) -> None:
    fields = {
        "InstrumentID": "rb2701",
        "Direction": "1",
        "LimitPrice": 3500,
        "VolumeTotalOriginal": 3,
        "CombOffsetFlag": "3",
    }
    told = copied(filled(order, fields))
    assert told is not None
    assert fields.items() <= told.items()


def test_case_42_a_secret_stands_in_no_message(ctp_front: Callable[..., Front]) -> None:
    ctp_front()
    with pytest.raises(RuleError) as refused:
        filled(library.struct_class("td", "ReqUserLoginField")(), {"Password": "秘密"})
    assert "Password" in refused.value.text
    assert "秘密" not in refused.value.text


def test_case_42_a_request_that_the_library_has_not_is_named(ctp_front: Callable[..., Front]) -> None:
    ctp_front()
    with pytest.raises(RuleError, match="NoSuchField"):
        library.struct_class("td", "NoSuchField")


@pytest.mark.parametrize(
    "value", [1.7976931348623157e308, 1.79769e308, -1.7976931348623157e308, float("inf"), float("nan")]
)
def test_a_missing_double_is_none(order: Any, value: float) -> None:
    order.LimitPrice = value
    told = copied(order)
    assert told is not None
    assert told["LimitPrice"] is None


def test_nothing_is_read_of_no_struct() -> None:
    assert copied(None) is None


class Plain:
    """A struct as somebody else's drop-in may make it."""

    def __init__(self) -> None:
        self.InstrumentID = ""
        self.LastPrice = 0.0
        self.StatusMsg = "已撤单\0\0"


def test_a_drop_in_with_plain_objects_is_read_and_written_too() -> None:
    assert copied(Plain()) == {"InstrumentID": "", "LastPrice": 0.0, "StatusMsg": "已撤单"}
    assert filled(Plain(), {"InstrumentID": "rb2701"}).InstrumentID == "rb2701"
    with pytest.raises(RuleError):
        filled(Plain(), {"InstrumentId": "rb2701"})


class Cut:
    """Text of which a cut has left half a letter."""

    __slots__ = ("VolumeTraded",)

    def __init__(self) -> None:
        self.VolumeTraded = 3

    @property
    def StatusMsg(self) -> str:
        return b"\xb6".decode("gb18030")


def test_half_a_letter_loses_its_text_and_no_other_field() -> None:
    assert copied(Cut()) == {"VolumeTraded": 3, "StatusMsg": ""}
