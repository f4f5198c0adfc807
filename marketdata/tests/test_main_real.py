"""Our rule of the main contract beside what was recorded; docs/live/main-contracts.md tells these figures."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.main_contracts import Structure, index_splices, last_days, listed_rolls, picks, splices, structure

pytestmark = pytest.mark.real_data


def test_the_recorded_list_keeps_to_the_same_form(shared_data: Path) -> None:
    told = structure(listed_rolls(shared_data))
    assert told == Structure(rolls=2_126, products=64, back=0, closed=0, twice=0, broken=0)


def test_eight_of_2126_rolls_come_later_than_ours_would_be_forced(shared_data: Path) -> None:
    told = last_days(listed_rolls(shared_data))
    assert (told.later, sum(told.left.values()), min(told.left)) == (8, 2_126, 4)
    assert told.by_rule["last_day_before_month"] == (8, 108), "crude oil and the like"
    assert sum(told.delivery.values()) == 179
    assert told.delivery == {1: 76, 2: 97, 3: 5, 6: 1}, "the list's own rule: out when the delivery month begins"


def test_the_rule_keeps_every_listed_contract_on_the_recorded_day(shared_data: Path) -> None:
    found = list(picks(shared_data))
    assert len(found) == 58
    assert [pick.product for pick in found if pick.ours != pick.listed] == []
    assert {pick.ground for pick in found} == {"kept"}
    apart = {pick.product: (pick.listed, pick.first) for pick in found if pick.first != pick.listed}
    assert apart == {
        "JR.CZCE": ("JR011.CZCE", "JR007.CZCE"),
        "RS.CZCE": ("RS009.CZCE", "RS008.CZCE"),
        "SF.CZCE": ("SF009.CZCE", "SF008.CZCE"),
    }
    repeated = {pick.product: pick.again == pick.listed for pick in found if pick.again}
    assert [name for name, same in repeated.items() if not same] == ["RS.CZCE"], "2 lots to 2 lots"
    assert len(repeated) == 8


def test_the_rule_had_fired_at_the_rolls_of_recorded_bars(shared_data: Path) -> None:
    steel = list(splices(shared_data))
    assert len(steel) == 14
    assert [str(one.day) for one in steel if one.ratio <= 1.1] == ["2016-11-29"]
    assert next(one.ratio for one in steel if str(one.day) == "2016-11-29") == pytest.approx(1.0969, abs=1e-4)
    assert min(one.ratio for one in steel) > 1.09
    index = list(index_splices(shared_data))
    assert (len(index), sum(one.ratio > 1.1 for one in index)) == (48, 48)
    assert Counter(-one.shift for one in index) == {0: 17, 1: 14, 2: 13, 3: 4}
