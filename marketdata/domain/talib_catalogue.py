"""The indicators that can be asked for: every function of TA-Lib and the project's own, as the library describes them.

Names, inputs, defaults and outputs come from ``talib.abstract``; bounds are found by asking the library which values
it takes, so that all of it follows the installed release. TA-Lib is imported when the catalogue is first asked for:
the web process must start light.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from typing import Any

from marketdata.domain.kdj import KDJ_OUTPUTS, kdj
from quantsite.common.errors import MissingError, RuleError
from quantsite.common.texts import did_you_mean, say, sentences, unsaid

LONGEST_PERIOD = 5_000
"""Bars in one parameter at most: the slowest functions take 0.8 s for 100,000 bars at this length."""
LARGEST = 3e37
"""TA-Lib's own end of the real numbers."""

PRICES = ("open", "high", "low", "close", "volume")
"""The columns that a function of one price may be computed of: those that every bar has."""

GROUPS: Mapping[str, str] = {
    "Overlap Studies": unsaid("Overlap studies"),
    "Momentum Indicators": unsaid("Momentum"),
    "Volatility Indicators": unsaid("Volatility"),
    "Volume Indicators": unsaid("Volume"),
    "Cycle Indicators": unsaid("Cycles"),
    "Price Transform": unsaid("Price transforms"),
    "Statistic Functions": unsaid("Statistics"),
    "Pattern Recognition": unsaid("Candlestick patterns"),
    "Math Operators": unsaid("Arithmetic"),
    "Math Transform": unsaid("Mathematical functions"),
}
"""TA-Lib's groups in the order in which people look for them, and what they are called here."""

ALIASES: Mapping[str, str] = {
    "BOLL": "BBANDS",
    "DC": "DONCHIAN",
    "EXPMA": "EMA",
    "MTM": "MOM",
    "PSAR": "SAR",
    "STD": "STDDEV",
    "TR": "TRANGE",
    "W%R": "WILLR",
    "WR": "WILLR",
}
"""What traders and Chinese charting software call them."""

LEFT_OUT: Mapping[str, str] = {
    "MAVP": unsaid("MAVP needs a period for every bar, which no request can give."),
}

OWN_NAME = {"KDJ": "KDJ_TALIB"}
"""TA-Lib's functions whose name belongs to another definition here."""

BARS_BACK = frozenset({"MAXINDEX", "MININDEX", "MINMAXINDEX"})
"""Functions that point into the array that they were given; what is shown is how many bars ago that was."""

_CUMULATIVE = frozenset({"AD", "CUMSUM", "NVI", "OBV", "PVI", "PVT", "VWAP", "WAD"})
# fmt: off
_RECURSIVE = frozenset(
    {
        "ADOSC", "ADXR", "APO", "CVI", "DEMA", "EFI", "ERI", "KC", "KDJ_TALIB", "MACD", "MACDFIX", "MASSI",
        "MAXINDEX", "MININDEX", "MINMAXINDEX", "PPO", "PVO", "SAR", "SAREXT", "SMI", "STOCHRSI", "SUPERTREND", "TEMA",
        "TRIX", "TSI", "ZLEMA",
    }
)
# fmt: on
"""Functions made of recursive ones without TA-Lib saying that they are unstable; and those that point to one of two
equal extremes: to which one hangs on where they began."""

_WINDOWED_AVERAGES = frozenset({"sma", "wma", "trima", "hma", "disabled"})
_UNSTABLE = "Function has an unstable period"

Value = int | float | str
Compute = Callable[..., Any]


class Memory(StrEnum):
    """How far back a value reaches: over a window, over all bars with fading weight, or over all of them alike."""

    WINDOW = "window"
    RECURSIVE = "recursive"
    CUMULATIVE = "cumulative"


@dataclass(frozen=True, slots=True)
class IndicatorParameter:
    """One parameter: ``kind`` is ``int``, ``float`` or ``choice``; both bounds count, None is without bound."""

    name: str
    kind: str
    default: Value
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Indicator:
    """One entry. ``inputs`` are columns of bars; one in angle brackets is that which the parameter names.

    ``function`` is the name in TA-Lib, empty for the project's own ones, which ``own`` computes.
    """

    name: str
    title: str
    group: str
    inputs: tuple[str, ...]
    parameters: tuple[IndicatorParameter, ...]
    outputs: tuple[str, ...]
    function: str = ""
    recursive: bool = False
    cumulative: bool = False
    own: Compute | None = None

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names of it."""
        return tuple(alias for alias, name in ALIASES.items() if name == self.name)

    def memory(self, values: Mapping[str, Value]) -> Memory:
        """How far back it reaches with these parameters: a kind of average may be recursive."""
        if self.cumulative:
            return Memory.CUMULATIVE
        averages = (values[parameter.name] for parameter in self.parameters if parameter.name.endswith("matype"))
        smoothed = any(average not in _WINDOWED_AVERAGES for average in averages)
        return Memory.RECURSIVE if self.recursive or smoothed else Memory.WINDOW

    def columns(self, values: Mapping[str, Value]) -> tuple[str, ...]:
        """The columns of bars that it is computed of, in the order in which the function takes them."""
        return tuple(str(values[name[1:-1]]) if name.startswith("<") else name for name in self.inputs)


def find_indicator(name: str) -> Indicator:
    """The entry of a name or alias in any case.

    Raises ``MissingError`` ``unknown_indicator`` with the likely one, ``RuleError`` ``not_supported``.
    """
    known, wanted = catalogue(), name.strip().upper()
    if wanted in LEFT_OUT:
        raise RuleError("not_supported", say(LEFT_OUT[wanted]), fields={"name": say(LEFT_OUT[wanted])})
    found = known.get(ALIASES.get(wanted, wanted))
    if found is not None:
        return found
    close = get_close_matches(wanted, [*known, *ALIASES], n=1)
    told = say("There is no indicator %(name)s.", name=repr(name))
    raise MissingError("unknown_indicator", sentences(told, did_you_mean(close[0] if close else None)))


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Indicator]:
    """Every indicator by its name, in the order of :data:`GROUPS` and then of names."""
    talib = _talib()
    entries = [_entry(name) for name in talib.get_functions() if name not in LEFT_OUT]
    order = list(GROUPS)
    entries = sorted([*entries, _own_kdj()], key=lambda entry: (order.index(entry.group), entry.name))
    return {entry.name: entry for entry in entries}


def lookback(indicator: Indicator, given: Mapping[str, Any]) -> int:
    """Bars before the first value, with the function's own arguments; the project's own ones never ask."""
    asked = _talib().abstract.Function(indicator.function)
    asked.set_parameters(dict(given))
    return int(asked.lookback)


def average_number(name: str) -> int:
    """TA-Lib's number of a kind of average."""
    return int(getattr(_talib().MA_Type, name.upper()))


def _talib() -> Any:
    import talib.abstract  # noqa: PLC0415 - see the module's docstring

    return talib


def _entry(function: str) -> Indicator:
    asked = _talib().abstract.Function(function)
    about, name = asked.info, OWN_NAME.get(function, function)
    inputs, prices = _inputs(about["input_names"])
    outputs = tuple(about["output_names"])
    parameters = [_parameter(function, key, default) for key, default in about["parameters"].items()]
    if "macdhist" in outputs:
        parameters.append(IndicatorParameter("histogram", "int", 1, 1, 2))
    return Indicator(
        name=name,
        title=about["display_name"],
        group=about["group"],
        inputs=inputs,
        parameters=(*parameters, *prices),
        outputs=("value",) if len(outputs) == 1 else outputs,
        function=function,
        recursive=name in _RECURSIVE or _UNSTABLE in about["function_flags"],
        cumulative=name in _CUMULATIVE,
    )


def _inputs(names: Mapping[str, str | Sequence[str]]) -> tuple[tuple[str, ...], list[IndicatorParameter]]:
    """The columns in order, and the parameters that choose one of them."""
    columns: list[str] = []
    chosen: list[IndicatorParameter] = []
    for name, wanted in names.items():
        if isinstance(wanted, str):
            columns.append(f"<{name}>")
            chosen.append(IndicatorParameter(name, "choice", wanted, choices=PRICES))
        else:
            columns += wanted
    return tuple(columns), chosen


def _parameter(function: str, name: str, default: float) -> IndicatorParameter:
    asked = _talib().abstract.Function(function)

    def takes(value: float) -> bool:
        asked.set_parameters({name: value})
        return int(asked.lookback) >= 0

    if name.endswith("matype"):
        kinds = [kind.lower() for kind in dir(_talib().MA_Type) if kind.isupper() and takes(average_number(kind))]
        by_number = {average_number(kind): kind for kind in kinds}
        return IndicatorParameter(
            name, "choice", by_number[int(default)], choices=tuple(by_number[number] for number in sorted(by_number))
        )
    if isinstance(default, int):
        low = next(value for value in range(LONGEST_PERIOD) if takes(value))
        return IndicatorParameter(name, "int", default, low, LONGEST_PERIOD)
    return IndicatorParameter(name, "float", default, _bound(takes, default, -LARGEST), _bound(takes, default, LARGEST))


def _bound(takes: Callable[[float], bool], default: float, end: float) -> float | None:
    """The last value towards ``end`` that the library takes, to six digits; None where it takes all."""
    if takes(end):
        return None
    inside, outside = default, min(max(end, -1_000.0), 1_000.0)
    while abs(outside - inside) > 1e-9:
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if takes(middle) else (inside, middle)
    return round(inside, 6) + 0.0


def _own_kdj() -> Indicator:
    lengths = (("fastk_period", 9), ("slowk_period", 3), ("slowd_period", 3))
    return Indicator(
        name="KDJ",
        title="KDJ as Chinese charting software draws it: K and D begin at 50, J = 3K - 2D",
        group="Momentum Indicators",
        inputs=("high", "low", "close"),
        parameters=tuple(IndicatorParameter(name, "int", default, 1, LONGEST_PERIOD) for name, default in lengths),
        outputs=KDJ_OUTPUTS,
        recursive=True,
        own=kdj,
    )
