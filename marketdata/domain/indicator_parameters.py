"""Parameters of an indicator as somebody writes them: text of an address or a channel, or numbers."""

from collections.abc import Mapping
from difflib import get_close_matches

from marketdata.domain.talib_catalogue import LARGEST, Indicator, IndicatorParameter, Value, average_number
from quantsite.common.errors import RuleError
from quantsite.common.texts import did_you_mean, say, sentences

Given = Mapping[str, str | int | float]


def parsed_parameters(indicator: Indicator, given: Given) -> dict[str, Value]:
    """All parameters with their values, in the indicator's order, defaults filled in.

    Raises :class:`RuleError` ``invalid_parameter`` with a sentence for every one that is unknown or out of bounds.
    """
    faults: dict[str, str] = {}
    known = {parameter.name: parameter for parameter in indicator.parameters}
    values: dict[str, Value] = {name: parameter.default for name, parameter in known.items()}
    for name, value in given.items():
        if name not in known:
            faults[name] = _unknown(indicator, name)
            continue
        taken = _taken(known[name], str(value).strip().lower())
        if taken is None:
            faults[name] = _refused(known[name], value)
        else:
            values[name] = taken
    if faults:
        raise RuleError("invalid_parameter", sentences(*faults.values()), fields=faults)
    return values


def talib_arguments(indicator: Indicator, values: Mapping[str, Value]) -> dict[str, int | float]:
    """What TA-Lib's function takes of them, kinds of averages as its numbers."""
    arguments: dict[str, int | float] = {}
    for name, value in values.items():
        if isinstance(value, int | float):
            arguments[name] = value
        elif name.endswith("matype"):
            arguments[name] = average_number(value)
    if "macdhist" in indicator.outputs:
        del arguments["histogram"]
    return arguments


def longest_period(values: Mapping[str, Value]) -> int:
    """The largest whole number among them: how slow the slowest average may be."""
    return max((value for value in values.values() if isinstance(value, int)), default=1)


def bounds_text(parameter: IndicatorParameter) -> str:
    """What a parameter may be, as a sentence's part."""
    if parameter.choices:
        return say("one of %(known)s", known=", ".join(parameter.choices))
    low = None if parameter.low is None else f"{parameter.low:g}"
    high = None if parameter.high is None else f"{parameter.high:g}"
    if parameter.kind == "int":
        return say("a whole number from %(low)s to %(high)s", low=low, high=high)
    if low is not None and high is not None:
        return say("a number from %(low)s to %(high)s", low=low, high=high)
    return say("a number") if low is None else say("a number from %(low)s on", low=low)


def _taken(parameter: IndicatorParameter, text: str) -> Value | None:
    """The value, None where the parameter can not have it."""
    if parameter.choices:
        return _choice(parameter, text)
    try:
        value: int | float = int(text) if parameter.kind == "int" else float(text)
    except ValueError:
        return None
    if not abs(value) <= LARGEST:  # not a number is not
        return None
    below = parameter.low is not None and value < parameter.low
    above = parameter.high is not None and value > parameter.high
    return None if below or above else value


def _choice(parameter: IndicatorParameter, text: str) -> str | None:
    """A word of the choices; a kind of average also by TA-Lib's number."""
    if parameter.name.endswith("matype") and text.isdecimal():
        return next((kind for kind in parameter.choices if str(average_number(kind)) == text), None)
    return text if text in parameter.choices else None


def _refused(parameter: IndicatorParameter, value: object) -> str:
    told = {"name": parameter.name, "bounds": bounds_text(parameter), "value": repr(value)}
    return say("%(name)s is %(bounds)s, not %(value)s.", **told)


def _unknown(indicator: Indicator, name: str) -> str:
    known = [parameter.name for parameter in indicator.parameters]
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    told = say("%(indicator)s has no parameter %(name)s.", indicator=indicator.name, name=repr(name))
    parts = (f"{parameter.name} ({bounds_text(parameter)})" for parameter in indicator.parameters)
    has = say("It has: %(known)s.", known="; ".join(parts)) if known else say("It has none.")
    return sentences(told, did_you_mean(close[0] if close else None), has)
