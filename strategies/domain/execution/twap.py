"""Slices over time."""

from typing import Any

from strategies.domain.execution.chance import uniform
from strategies.domain.execution.plan import TwapPlan
from strategies.domain.execution.policies import NS, GiveUp, Parent, View, Wish, at_market
from strategies.domain.execution.slot import Slot
from trading.domain.order_status import OrderType


class TwapPolicy:
    """So many slices over so many seconds of trading time: slice k of n brings the whole to ``lots * k / n``.

    What a slice did not get is in the next one, since each is what the schedule asks for less what is filled.
    """

    def __init__(self, plan: TwapPlan, seed: int, leg: int) -> None:
        self.plan = plan
        self._place = (seed, leg)
        self._parent = 0
        self._lots = 0
        self._began = 0

    def begin(self, parent: Parent) -> None:
        """A schedule of its own for every target."""
        self._parent, self._lots, self._began = parent.number, parent.lots, parent.passed

    def wish(self, view: View) -> Wish | GiveUp | None:
        """What the schedule asks for by now."""
        return at_market(view, view.lots - (self._lots - self.scheduled(view.passed - self._began)))

    def scheduled(self, elapsed: int) -> int:
        """Lots that should be filled after so much trading time (ns)."""
        passed = min(int(elapsed / (self.plan.seconds * NS / self.plan.slices)), self.plan.slices - 1)
        due = passed + (self._moment(passed) <= elapsed)  # a slice is moved by less than the way to the next one
        return (2 * self._lots * due + self.plan.slices) // (2 * self.plan.slices)

    def keeps(self, slot: Slot, view: View) -> bool:  # noqa: ARG002 - a protocol's arguments
        """Its orders end by themselves."""
        return slot.type is OrderType.MARKET

    def state(self) -> dict[str, Any]:
        """Where the schedule stands."""
        return {"parent": self._parent, "lots": self._lots, "began": self._began}

    def restore(self, state: dict[str, Any]) -> None:
        """What :meth:`state` wrote."""
        self._parent, self._lots, self._began = state["parent"], state["lots"], state["began"]

    def _moment(self, number: int) -> float:
        """When slice ``number`` is due, in ns of the schedule: the first at once, moved later by chance."""
        step = self.plan.seconds * NS / self.plan.slices
        moved = self.plan.randomise * uniform(*self._place, self._parent, number) if self.plan.randomise else 0.0
        return (number + moved) * step
