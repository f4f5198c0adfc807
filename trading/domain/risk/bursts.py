"""Programmatic trading: seconds in which an actual controller's accounts sent ten orders and cancels or more.

The exchanges' rules of 2025 ask for a report where it happens ten times on a trading day (DOMAIN.md 1, "Programmatic
trading"), per exchange and control group. A burst here is one natural second of the clock by our own send time with at
least ten of them. As the text could be read by a sliding second too, that count stands beside it: windows that hold ten
actions sent within less than a second, counted from the earliest on and never sharing an action.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from quantsite.common.times import NS_PER_SECOND
from trading.domain.risk.actions import Action, ActionKind

PER_SECOND = 10
PER_DAY = 10


class Burst(NamedTuple):
    """A second (ns UTC of its begin) and how many orders and cancels it had."""

    second: int
    actions: int


class ProgrammeDay(NamedTuple):
    """What a control group sent to one exchange on a trading day. ``busiest`` is the most within any second."""

    exchange: str
    orders: int
    cancels: int
    bursts: tuple[Burst, ...]
    sliding: int
    busiest: int

    @property
    def reportable(self) -> bool:
        """Whether either way of counting reaches the number from which the rules ask for a report."""
        return max(len(self.bursts), self.sliding) >= PER_DAY


def programme_days(actions: Iterable[Action], per_second: int = PER_SECOND) -> list[ProgrammeDay]:
    """The counts by exchange, from what all accounts of one control group sent on one trading day, in any order."""
    by_exchange: dict[str, list[Action]] = defaultdict(list)
    for action in actions:
        by_exchange[action.exchange].append(action)
    return [_programme_day(exchange, sent, per_second) for exchange, sent in sorted(by_exchange.items())]


def natural_bursts(times: Iterable[int], per_second: int) -> tuple[Burst, ...]:
    """The clock's own seconds with at least so many, in their order."""
    counted = Counter(at // NS_PER_SECOND for at in times)
    return tuple(
        Burst(second * NS_PER_SECOND, count) for second, count in sorted(counted.items()) if count >= per_second
    )


def sliding_bursts(times: Sequence[int], per_second: int) -> tuple[int, int]:
    """How many windows without common actions hold so many, and the most within any second. ``times`` ascend."""
    windows = busiest = begin = free = 0
    for index, at in enumerate(times):
        while times[begin] <= at - NS_PER_SECOND:
            begin += 1
        busiest = max(busiest, index - begin + 1)
        if index - max(begin, free) + 1 >= per_second:
            windows, free = windows + 1, index + 1
    return windows, busiest


def _programme_day(exchange: str, sent: Sequence[Action], per_second: int) -> ProgrammeDay:
    times = sorted(action.at for action in sent)
    orders = sum(action.kind == ActionKind.ORDER for action in sent)
    windows, busiest = sliding_bursts(times, per_second)
    return ProgrammeDay(exchange, orders, len(sent) - orders, natural_bursts(times, per_second), windows, busiest)
