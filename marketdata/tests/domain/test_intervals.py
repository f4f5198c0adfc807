import pytest

from marketdata.domain.intervals import COMMON_INTERVALS, interval_name, parse_interval
from quantsite.common.errors import RuleError


@pytest.mark.parametrize(
    ("text", "minutes"), [("1m", 1), ("3m", 3), ("5m", 5), ("90m", 90), ("1h", 60), ("2h", 120), ("1d", None)]
)
def test_intervals(text: str, minutes: int | None) -> None:
    assert parse_interval(text) == minutes
    assert interval_name(minutes) == text


def test_sixty_minutes_have_one_name() -> None:
    assert parse_interval("60m") == 60
    assert interval_name(60) == "1h"


def test_the_common_ones_are_named_as_they_are_stored() -> None:
    assert [interval_name(parse_interval(text)) for text in COMMON_INTERVALS] == list(COMMON_INTERVALS)


@pytest.mark.parametrize("text", ["", "5", "m", "0m", "-5m", "5M", "05m", "1.5h", "2d", "601m", "11h", "5m "])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(RuleError) as refused:
        parse_interval(text)

    assert refused.value.code == "invalid_interval"
