"""The list of indicators: nothing of TA-Lib is missing, bounds are the library's own, and mistakes are explained."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import talib.abstract

from marketdata.domain.indicator_parameters import bounds_text, parsed_parameters, talib_arguments
from marketdata.domain.talib_catalogue import (
    ALIASES,
    GROUPS,
    LEFT_OUT,
    LONGEST_PERIOD,
    Indicator,
    IndicatorParameter,
    Memory,
    catalogue,
    find_indicator,
)
from marketdata.domain.talib_titles import TITLES, spoken_title
from quantsite.common.errors import MissingError, RuleError

TALIB: Any = talib
PRICE = np.linspace(100.0, 120.0, 400) + np.sin(np.arange(400.0))


def of_talib() -> Iterator[tuple[Indicator, IndicatorParameter]]:
    """Every parameter that a function of TA-Lib takes."""
    for entry in catalogue().values():
        for parameter in entry.parameters:
            if entry.function and parameter.name in TALIB.abstract.Function(entry.function).parameters:
                yield entry, parameter


def called(entry: Indicator, **arguments: float) -> None:
    """The bare function with one parameter; raises as TA-Lib does."""
    columns = {"open": PRICE, "high": PRICE + 1, "low": PRICE - 1, "close": PRICE, "volume": PRICE}
    defaults = {parameter.name: parameter.default for parameter in entry.parameters}
    getattr(TALIB, entry.function)(*(columns[name] for name in entry.columns(defaults)), **arguments)


def test_every_function_of_talib_is_there_or_left_out_with_a_reason() -> None:
    listed = {entry.function for entry in catalogue().values() if entry.function}
    assert listed | set(LEFT_OUT) == set(TALIB.get_functions())
    assert {entry.group for entry in catalogue().values()} == set(GROUPS) == set(TALIB.get_function_groups())
    assert set(ALIASES.values()) <= set(catalogue())


def test_every_title_is_noted_for_the_translators() -> None:
    assert {entry.title.replace("%", "%%") for entry in catalogue().values()} == TITLES
    assert spoken_title("Williams' %R") == "Williams' %R"


def test_names_that_traders_use() -> None:
    names = [
        "SMA",
        "ema",
        "Macd",
        "rsi",
        "boll",
        "KDJ",
        "atr",
        "cci",
        "OBV",
        "wr",
        " W%R ",
        "mtm",
        "expma",
        "sar",
        "MA",
    ]
    assert [find_indicator(name).name for name in names] == [
        "SMA", "EMA", "MACD", "RSI", "BBANDS", "KDJ", "ATR", "CCI", "OBV", "WILLR", "WILLR", "MOM", "EMA", "SAR", "MA"
    ]  # fmt: skip
    assert find_indicator("kdj").parameters != find_indicator("kdj_talib").parameters
    with pytest.raises(MissingError, match=r"no indicator 'mcad'\. Did you mean 'MACD'"):
        find_indicator("mcad")
    with pytest.raises(RuleError, match="MAVP needs a period for every bar"):
        find_indicator("mavp")


def test_bounds_are_those_of_the_library() -> None:
    checked = 0
    for entry, parameter in of_talib():
        for bound, step in ((parameter.low, -1), (parameter.high, 1)):
            if bound is None or bound == LONGEST_PERIOD:
                continue
            checked += 1
            called(entry, **{parameter.name: type(parameter.default)(bound)})  # type: ignore[arg-type]
            outside = bound + step if parameter.kind == "int" else bound + step * 1e-3
            with pytest.raises(Exception, match="TA_BAD_PARAM"):
                called(entry, **{parameter.name: type(parameter.default)(outside)})  # type: ignore[arg-type]
    assert checked > 100


def test_every_kind_of_average_that_is_offered_is_taken() -> None:
    kinds = [(entry, parameter) for entry, parameter in of_talib() if parameter.name.endswith("matype")]
    assert len(kinds) > 10
    for entry, parameter in kinds:
        for kind in parameter.choices:
            called(entry, **talib_arguments(entry, parsed_parameters(entry, {parameter.name: kind})))
        assert len(parameter.choices) == 14


def test_defaults_are_values_that_one_may_give() -> None:
    for entry in catalogue().values():
        defaults = {parameter.name: parameter.default for parameter in entry.parameters}
        assert parsed_parameters(entry, {}) == defaults
        assert parsed_parameters(entry, {name: str(value) for name, value in defaults.items()}) == defaults


def test_parameters_are_read_as_people_write_them() -> None:
    given = {"timeperiod": " 30", "nbdevup": "2.5", "matype": "EMA", "price": "Open"}
    expected = {"timeperiod": 30, "nbdevup": 2.5, "nbdevdn": 2.0, "matype": "ema", "price": "open"}
    assert parsed_parameters(find_indicator("boll"), given) == expected
    assert parsed_parameters(find_indicator("ma"), {"matype": 1, "timeperiod": 5})["matype"] == "ema"


@pytest.mark.parametrize(
    ("name", "given", "field", "text"),
    [
        ("rsi", {"timeperiod": "1"}, "timeperiod", "timeperiod is a whole number from 2 to 5000, not '1'"),
        ("rsi", {"timeperiod": "14.5"}, "timeperiod", "a whole number"),
        ("rsi", {"timeperiod": "5001"}, "timeperiod", "not '5001'"),
        ("rsi", {"period": "14"}, "period", "RSI has no parameter 'period'. Did you mean 'timeperiod'?"),
        ("rsi", {"zzz": "14"}, "zzz", "It has: timeperiod (a whole number from 2 to 5000); price (one of open, high"),
        ("boll", {"nbdevup": "nan"}, "nbdevup", "nbdevup is a number, not 'nan'"),
        ("boll", {"nbdevup": "inf"}, "nbdevup", "a number"),
        ("boll", {"nbdevup": "1e308"}, "nbdevup", "a number"),  # beyond TA-Lib's own end
        ("mama", {"fastlimit": "1"}, "fastlimit", "a number from 0.01 to 0.99"),
        ("sar", {"maximum": "-1"}, "maximum", "a number from 0 on"),
        ("ma", {"matype": "14"}, "matype", "one of sma, ema, wma"),
        ("ma", {"matype": "median"}, "matype", "not 'median'"),
        ("sma", {"price": "settlement"}, "price", "one of open, high, low, close, volume"),
        ("macd", {"histogram": "3"}, "histogram", "from 1 to 2"),
        ("bop", {"timeperiod": "3"}, "timeperiod", "It has none"),
    ],
)
def test_a_wrong_parameter_is_told_what_it_may_be(name: str, given: dict[str, str], field: str, text: str) -> None:
    with pytest.raises(RuleError) as refused:
        parsed_parameters(find_indicator(name), given)
    assert refused.value.code == "invalid_parameter"
    assert list(refused.value.fields) == [field]
    assert text in refused.value.text


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(RuleError) as refused:
        parsed_parameters(find_indicator("macd"), {"fastperiod": "x", "slow": "9", "signalperiod": "0"})
    assert list(refused.value.fields) == ["fastperiod", "slow", "signalperiod"]


def test_a_kind_of_average_decides_how_far_a_value_reaches_back() -> None:
    boll = find_indicator("boll")
    assert boll.memory(parsed_parameters(boll, {})) is Memory.WINDOW
    assert boll.memory(parsed_parameters(boll, {"matype": "ema"})) is Memory.RECURSIVE
    assert find_indicator("obv").memory({}) is Memory.CUMULATIVE


def test_the_bounds_of_a_number_without_end() -> None:
    assert bounds_text(IndicatorParameter("x", "float", 0.0)) == "a number"
