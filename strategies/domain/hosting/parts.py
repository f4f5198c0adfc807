"""What a host is made of, and what may be asked of it."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from strategies.domain.forms import overrides
from strategies.domain.hosting.aims import Aims
from strategies.domain.hosting.driving import Driver, check_hosting, driver_of
from strategies.domain.hosting.executor import Executor, MakeExecutor, MarketExecutor
from strategies.domain.hosting.hearing import Hearing
from strategies.domain.hosting.intents import Place
from strategies.domain.hosting.kept_bars import KeptBars
from strategies.domain.hosting.legs import LegState
from strategies.domain.hosting.live_desk import LiveDesk
from strategies.domain.hosting.outbox import Outbox, Working
from strategies.domain.hosting.own_orders import OwnOrder, OwnOrders
from strategies.domain.hosting.rolling import Roll
from strategies.domain.hosting.terms import TICKS, HostSetup, LegTerms
from strategies.domain.parameters import StrategyParameters
from strategies.domain.strategy import BaseStrategy, UpdateKind


class HostParts:
    """The tables of a host and the strategy that it drives; :class:`LiveHost` moves them."""

    def __init__(
        self,
        strategy: BaseStrategy,
        legs: Sequence[LegTerms],
        setup: HostSetup,
        executor: MakeExecutor | None = None,
        *,
        positions: Sequence[int] = (),
        first_number: int = 1,
    ) -> None:
        check_hosting(type(strategy), len(legs), on_ticks=setup.interval == TICKS)
        self.setup = setup
        self.on_ticks = setup.interval == TICKS
        self.now = 0
        self.day = -1
        self.hearing = Hearing(setup.unit if self.on_ticks else 1)
        self.wanted: dict[int, int] = {}
        """Lots that the last signal of each leg asked for."""
        self.joining: dict[int, int] = {}
        """By leg the lots that a rehearsal held: fills on the way there are known to the strategy already."""
        self.legs = [LegState(terms, KeptBars(terms.code, setup.interval)) for terms in legs]
        for leg, lots in zip(self.legs, positions, strict=bool(positions)):
            leg.lots.older = lots
        self.outbox = Outbox(first_number)
        self.orders = OwnOrders(self.legs, self.outbox, self._end_own, day_only=self.on_ticks)
        self.desk = LiveDesk(self.legs, self.orders, setup.unit, lambda: self.now, on_ticks=self.on_ticks)
        self._make = executor
        self.aims = Aims(self.legs, self.outbox, self.make_executor)
        self.parameters_to_come: StrategyParameters | None = None
        self.roll_under_way: Roll | None = None
        self.rolled: list[Roll] = []
        """Rolls that have ended, until somebody has asked for them."""
        self.take_on(strategy)

    def make_executor(self) -> Executor:
        """A fresh executor of this instance's kind."""
        if self._make is None:
            return MarketExecutor(self.outbox.next_number, standing=self.on_ticks)
        return self._make([leg.terms for leg in self.legs], self.outbox.next_number)

    def take_on(self, strategy: BaseStrategy) -> None:
        """Drive this strategy from now on, from its beginning."""
        self.strategy = strategy
        strategy.desk = self.desk
        strategy.random = np.random.default_rng((self.setup.seed, 0))
        strategy.initialize()
        self.bind()

    def bind(self) -> None:
        """Drive the strategy as it stands."""
        cls = type(self.strategy)
        self.hearing.listens = overrides(cls, "on_order_update")
        sees_ticks = self.on_ticks and overrides(cls, "on_tick")
        self.driver: Driver | None = None if sees_ticks else driver_of(self.strategy, self.legs, self.desk)

    # --- what may be asked -----------------------------------------------------------------------------------------

    @property
    def positions(self) -> list[int]:
        """Signed lots held on each leg by fills of this instance's orders."""
        return [leg.lots.net for leg in self.legs]

    @property
    def working(self) -> Mapping[int, Working]:
        """By number the orders that may still fill."""
        return self.outbox.working

    @property
    def resting(self) -> Iterator[OwnOrder]:
        """The strategy's own orders that are not done, at the exchange or kept here, in the order of their placing."""
        return iter(self.orders)

    @property
    def paused(self) -> bool:
        """Whether nothing that opens is sent."""
        return self.aims.paused

    @property
    def flattening(self) -> bool:
        """Whether everything held is being closed, or was."""
        return self.aims.flattening

    @property
    def wants_clock(self) -> bool:
        """Whether passing time may lead to orders: under the plain execution only a roll waits for it."""
        return self._make is not None or self.roll_under_way is not None

    def listens(self, leg: int) -> bool:
        """Whether the leg's next tick may change anything: those of a leg that does not listen need not be told."""
        state = self.legs[leg]
        busy = self.on_ticks or state.shut or state.rolling
        return busy or bool(self.orders.idle(leg)) or self.aims.listens(leg)

    def _end_own(self, kind: UpdateKind, order: OwnOrder, lots: int, price: float) -> None:
        leg = self.legs[order.leg]
        shown = leg.sight.seen(order.decision_price if math.isnan(price) else price)
        place = Place(0, order.leg, order.side, order.type, lots, own=order.number)
        self.hearing.note(kind, place, self.now, shown, lots, leg.lots.net)
