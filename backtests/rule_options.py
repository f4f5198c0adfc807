"""The switches of realism as command, API and form ask for them: names, kinds and what is said about each."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backtests.domain.rules import Adjust, LimitFill, Rules, Sessions

Kind = type[float] | type[int] | type[bool] | type[StrEnum]


@dataclass(frozen=True, slots=True)
class RuleOption:
    """One switch: the name of the option, the kind of its value, a label and one sentence of explanation."""

    name: str
    label: Promise
    text: Promise
    kind: Kind
    default: Any

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that may be given, none for numbers and switches."""
        return tuple(word.value for word in self.kind) if issubclass(self.kind, StrEnum) else ()


_TEXTS: dict[str, tuple[Promise, Promise]] = {
    "volume_cap": (_("Volume cap"), _("Part of a bar's volume that may fill: 0.1 is a tenth. 0: no cap.")),
    "limit_fill": (
        _("Limit orders fill"),
        _("When the bar reaches the price (touch), or goes one tick beyond (through)."),
    ),
    "slippage_range": (_("Slippage by range"), _("More ticks for each tick between high and low of the bar.")),
    "slippage_impact": (
        _("Slippage by size"),
        _("More ticks for a fill of the bar's whole volume, by the square root of the share."),
    ),
    "slippage_random": (_("Slippage by chance, ticks"), _("Up to so many ticks more, drawn from the seed.")),
    "price_limits": (_("Price limits"), _("A bar that lies at its limit does not fill the side that is locked.")),
    "price_limit": (
        _("Price limit"),
        _("Fraction of the last settlement at which prices lock where no limits are stored: 0.05 is five percent."),
    ),
    "margin_call": (
        _("Margin call"),
        _("Positions are cut at the next bar once the equity no longer covers the margin."),
    ),
    "settlement": (
        _("Settlement prices"),
        _("Days are settled at the stored settlement price, not at the last close."),
    ),
    "roll": (_("Roll"), _("Positions move into the next contract where the main contract changes, and pay for it.")),
    "adjust": (
        _("Adjusted signals"),
        _("The strategy sees a series without the jumps between contracts; fills stay at recorded prices."),
    ),
    "expiry": (
        _("Expiry"),
        _("On the contract's last trading day what is held closes at its settlement price; nothing opens afterwards."),
    ),
    "sessions": (_("Sessions"), _("Decide and trade in the day session or in the night session only.")),
    "seed": (_("Seed"), _("Of everything random: the same seed gives the same run.")),
    "ticks": (
        _("Fill on ticks"),
        _("Bars decide, recorded ticks fill: the strategy is driven as live, on bars that the ticks close."),
    ),
    "latency_ms": (_("Latency, ms"), _("On ticks: how long an order or a cancel takes to the exchange.")),
    "ignore_queue": (_("No queue"), _("On ticks: nobody is ahead of a resting order at its price.")),
}

_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Rules)}
RULE_OPTIONS = tuple(RuleOption(name, *_TEXTS[name], type(default), default) for name, default in _DEFAULTS.items())
RULE_NAMES = tuple(option.name for option in RULE_OPTIONS)

WORDS: dict[str, Promise] = {
    LimitFill.TOUCH: _("at a touch"),
    LimitFill.THROUGH: _("one tick beyond"),
    Adjust.NONE: _("as recorded"),
    Adjust.DIFFERENCE: _("by the difference"),
    Adjust.RATIO: _("by the ratio"),
    Sessions.ALL: _("all sessions"),
    Sessions.DAY: _("day session"),
    Sessions.NIGHT: _("night session"),
}
"""What the words mean that a switch may be set to."""


def rules_from(options: Mapping[str, Any]) -> Rules:
    """The rules named in ``options``; other keys are not looked at, and ``None`` or '' means "not given".

    The values are typed already, words may be texts. Raises ``RuleError`` ``invalid_rules`` for a value that
    makes no sense, ``ValueError`` for an unknown word (the doors offer the known ones only).
    """
    given = {option: options.get(option.name) for option in RULE_OPTIONS}
    values: dict[str, Any] = {
        option.name: option.kind(value) for option, value in given.items() if value not in {None, ""}
    }
    return Rules(**values)


def rule_pairs(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The rules of a run that differ from the plain ones: label and value in the reader's language."""
    return [(str(option.label), _shown(given[option.name])) for option in RULE_OPTIONS if option.name in given]


def _shown(value: Any) -> str:
    if value is True:
        return gettext("on")
    return str(WORDS[value]) if isinstance(value, str) else f"{value:.12g}"
