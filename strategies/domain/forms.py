"""Which forms a strategy class implements, told by the methods that it defines itself."""

from enum import StrEnum

from strategies.domain.strategy import BaseStrategy


class Form(StrEnum):
    """The way in which a host drives a strategy; the fastest first."""

    TARGET = "target"
    EVENT = "event"
    PLAIN = "plain"


ANY_LEGS = 0
"""The ``legs`` of a strategy that trades as many instruments at once as it is given."""

LEAST_OF_MANY = 2

_METHODS = {Form.TARGET: ("target_positions",), Form.EVENT: ("on_wake",), Form.PLAIN: ("on_market_data", "on_bars")}


def overrides(cls: type[BaseStrategy], method: str) -> bool:
    """True where ``cls`` or a base of its own defines ``method``."""
    return getattr(cls, method) is not getattr(BaseStrategy, method)


def own_forms(cls: type[BaseStrategy]) -> tuple[Form, ...]:
    """The forms that the class itself implements, the fastest first; empty for an unfinished base class."""
    return tuple(form for form, methods in _METHODS.items() if any(overrides(cls, name) for name in methods))


def forms(cls: type[BaseStrategy]) -> tuple[Form, ...]:
    """The forms in which a host can run the class: its own, and the plain one in any case."""
    own = own_forms(cls)
    return own if not own or Form.PLAIN in own else (*own, Form.PLAIN)


def fits(legs: int, count: int) -> bool:
    """Whether one strategy of so many ``legs`` trades ``count`` instruments; 0 legs are any number from two on."""
    return count >= LEAST_OF_MANY if legs == ANY_LEGS else count == legs


def takes_ticks(cls: type[BaseStrategy]) -> bool:
    """True where a host can drive the class tick by tick: one instrument, and not by wakes alone."""
    methods = ("on_tick", "on_market_data", "target_positions")
    return cls.legs == 1 and any(overrides(cls, name) for name in methods)
