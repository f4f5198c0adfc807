"""A leg on its way from one contract to the next."""

from collections.abc import Callable
from dataclasses import dataclass

from strategies.domain.hosting.aims import Aims
from strategies.domain.hosting.executor import RollAlgo
from strategies.domain.hosting.intents import Sent
from strategies.domain.hosting.legs import LegState
from strategies.domain.hosting.outbox import Outbox
from strategies.domain.hosting.own_orders import OwnOrders
from strategies.domain.hosting.sight import UNKNOWN, Spread
from strategies.domain.hosting.terms import LegTerms


@dataclass(slots=True)
class Roll:
    """``terms`` are those of the contract that ``leg`` goes to; ``begun`` once nothing else worked on the leg."""

    leg: int
    algo: RollAlgo
    terms: LegTerms
    spread: Spread = UNKNOWN
    begun: bool = False

    def go_on(self, state: LegState, outbox: Outbox, now: int, step: Callable[[RollAlgo], list[Sent]]) -> bool:
        """One step; True where the roll is over: :meth:`land` then."""
        if self.begun:
            outbox.send(step(self.algo))
        elif not outbox.on_leg(self.leg):
            self.begun = True
            outbox.send(self.algo.begin(state.lots.net, now))
        return self.begun and self.algo.done

    def land(self, state: LegState, orders: OwnOrders, aims: Aims) -> None:
        """The leg trades the contract that the roll has led to, from that one's next tick on.

        What the strategy has seen stays, the new contract's prices are seen without the spread. What it decided and
        placed meanwhile, by the old contract's prices, moves by the spread.
        """
        state.rolling, state.shut = False, True
        if self.algo.contract == self.terms.code:
            state.terms, state.sight = self.terms, self.spread.behind(state.sight)
            state.last = self.spread.moved(state.last)
            orders.move(self.leg, self.spread)
            aims.move(self.leg, self.spread)
