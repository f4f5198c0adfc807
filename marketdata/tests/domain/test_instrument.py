from datetime import date

import pytest

from marketdata.domain.instrument import Dated, FeeRates, rates_on
from quantsite.common.errors import MissingError

CHEAP = FeeRates(open_by_money=0.0001)
DEAR = FeeRates(open_by_money=0.0002)
ROWS = [Dated(date(2020, 5, 6), DEAR), Dated(date(2018, 1, 2), CHEAP)]


@pytest.mark.parametrize(
    ("day", "rates", "before_first"),
    [
        (date(2018, 1, 1), CHEAP, True),
        (date(2018, 1, 2), CHEAP, False),
        (date(2020, 5, 5), CHEAP, False),
        (date(2020, 5, 6), DEAR, False),
        (date(2030, 1, 1), DEAR, False),
    ],
)
def test_the_row_that_holds_on_a_day(day: date, rates: FeeRates, before_first: bool) -> None:
    assert rates_on(ROWS, day) == (rates, before_first)


def test_no_row_is_an_error() -> None:
    with pytest.raises(MissingError) as missing:
        rates_on([], date(2020, 1, 2))

    assert missing.value.code == "no_rates"
