"""Parameters from text, JSON and forms; errors that name the value, the limit and the fix."""

import dataclasses
from dataclasses import dataclass

import pytest

from quantsite.common.errors import RuleError
from strategies.domain.parameters import StrategyParameters, parameter


@dataclass(frozen=True)
class Sample(StrategyParameters):
    """One of each kind."""

    length: int = parameter(20, minimum=2, maximum=100, step=2, description="Bars")
    width: float = parameter(2.0, minimum=0.5)
    mode: str = parameter("breakout", choices=("breakout", "reversion"))
    both_sides: bool = parameter(True)

    def check(self) -> dict[str, str]:
        """A narrow band needs a long average."""
        return {"width": "width below 1 needs a length above 10."} if self.width < 1 and self.length <= 10 else {}


def refusal(**values: object) -> RuleError:
    with pytest.raises(RuleError) as caught:
        Sample.from_mapping(values)
    return caught.value


def test_text_numbers_and_switches_become_typed() -> None:
    given = Sample.from_mapping({"length": " 10 ", "width": "1.5", "mode": "reversion", "both_sides": "off"})
    assert given == Sample(10, 1.5, "reversion", False)
    assert given.as_dict() == {"length": 10, "width": 1.5, "mode": "reversion", "both_sides": False}
    assert type(given.length) is int


def test_what_is_left_out_takes_its_default() -> None:
    assert Sample.from_mapping({}) == Sample(20, 2.0, "breakout", True)


def test_json_numbers_of_the_other_kind_are_taken_where_nothing_is_lost() -> None:
    given = Sample.from_mapping({"length": 10.0, "width": 3})
    assert (type(given.length), type(given.width)) == (int, float)


@pytest.mark.parametrize("value", ["10.5", 10.5, "ten", "", True, None, [10], "1e1"])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    error = refusal(length=value)
    assert error.code == "invalid_parameters"
    assert error.fields == {"length": f"length must be a whole number, not {value!r}."}


@pytest.mark.parametrize("value", ["nan", "inf", float("inf"), "wide", True, None])
def test_what_is_no_number_is_refused(value: object) -> None:
    assert refusal(width=value).fields == {"width": f"width must be a number, not {value!r}."}


@pytest.mark.parametrize("value", ["maybe", 2, None])
def test_what_is_no_switch_is_refused(value: object) -> None:
    assert refusal(both_sides=value).fields == {"both_sides": f"both_sides must be true or false, not {value!r}."}


def test_a_number_is_no_text() -> None:
    assert refusal(mode=1).fields == {"mode": "mode must be text, not 1."}


def test_limits_are_named() -> None:
    assert refusal(length=1).text == "length must be at least 2, not 1."
    assert refusal(length=101).text == "length must be at most 100, not 101."
    assert Sample.from_mapping({"length": 2}).length == 2
    assert Sample.from_mapping({"length": 100}).length == 100


def test_an_unknown_choice_proposes_a_near_one() -> None:
    assert refusal(mode="revert").text == (
        "mode must be one of breakout, reversion, not 'revert'. Did you mean 'reversion'?"
    )


def test_an_unknown_name_proposes_a_near_one_and_lists_all() -> None:
    assert refusal(lenght=10).fields == {
        "lenght": "There is no parameter 'lenght'. Did you mean 'length'? Known: length, width, mode, both_sides."
    }
    assert "Did you mean" not in refusal(zzz=1).text


def test_all_faults_come_at_once() -> None:
    assert set(refusal(lenght=10, width="wide").fields) == {"lenght", "width"}
    assert set(refusal(length=1, width=0.1).fields) == {"length", "width"}


def test_rules_between_parameters_hold_however_they_are_made() -> None:
    assert refusal(length=10, width=0.7).fields == {"width": "width below 1 needs a length above 10."}
    with pytest.raises(RuleError, match="at most 100"):
        Sample(length=1000)


def test_parameters_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sample().length = 5  # type: ignore[misc]


def test_a_form_can_be_built_from_the_description() -> None:
    described = {info.name: info for info in Sample.describe()}
    assert [(info.name, info.kind, info.default) for info in described.values()] == [
        ("length", "int", 20),
        ("width", "float", 2.0),
        ("mode", "str", "breakout"),
        ("both_sides", "bool", True),
    ]
    limits = described["length"].limits
    assert (limits.minimum, limits.maximum, limits.step, limits.description) == (2, 100, 2, "Bars")
    assert described["mode"].limits.choices == ("breakout", "reversion")
