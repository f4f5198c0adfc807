"""What somebody asks for when asking for a backtest; plain data, the same from command, API and page."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date
from typing import Any, Self

from backtests.domain.rules import PLAIN, Rules

DEFAULT_CAPITAL = 1_000_000.0
DEFAULT_VOLUME = 1.0


@dataclass(frozen=True, slots=True)
class CostOptions:
    """Costs as given; ``None`` means "not given".

    ``multiplier`` (units a lot), ``price_tick`` (quoted unit), ``commission_rate`` and ``close_today_rate``
    (fractions of turnover), ``commission_per_lot`` (yuan), ``slippage_ticks`` (whole ticks against the trader, 0
    if not given) and ``margin_rate`` (fraction of the contract's value).
    """

    multiplier: float | None = None
    price_tick: float | None = None
    commission_rate: float | None = None
    commission_per_lot: float | None = None
    close_today_rate: float | None = None
    slippage_ticks: int | None = None
    margin_rate: float | None = None

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of the options, as command, API and form spell them."""
        return tuple(option.name for option in fields(cls))

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any]) -> Self:
        """The options named in ``options``; other keys are not looked at."""
        return cls(**{name: options.get(name) for name in cls.names()})

    def given(self) -> dict[str, float]:
        """The options that were given, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One backtest to be made.

    ``start`` and ``end`` are trading days, both included, ``None`` for all there are; ``parameters`` the
    strategy's own, those left out at their defaults; ``capital`` in yuan, ``volume`` in lots. ``legs`` are the
    codes of further instruments on the same account, ``rules`` the switches of realism, ``form`` the way the
    strategy is driven ('' for the fastest that it knows).
    """

    strategy: str
    instrument: str
    interval: str
    start: date | None = None
    end: date | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    capital: float = DEFAULT_CAPITAL
    volume: float = DEFAULT_VOLUME
    costs: CostOptions = field(default_factory=CostOptions)
    close_at_end: bool = False
    legs: tuple[str, ...] = ()
    rules: Rules = PLAIN
    form: str = ""

    @property
    def instruments(self) -> tuple[str, ...]:
        """The codes of all instruments, in the order of their legs."""
        return (self.instrument, *self.legs)
