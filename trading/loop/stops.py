"""Stops as they reach a running account: what they withdraw goes at once, and their rows tell how far they have come.

A stop is obeyed once, by the first gateway that sees it: its row of effect is stored with the requests to cancel, and
a restart goes on with those. Orders that close positions may be placed afterwards, and rest.
"""

from django.utils import timezone

from trading.ledger.keeper import Keeper
from trading.limit_models import KillSwitch, SwitchEffect
from trading.loop.exchange import Exchange
from trading.loop.market import Market
from trading.loop.placing import Placing
from trading.loop.risk_desk import RiskDesk, withdraws
from trading.order_models import Order


class Stops:
    """Obeys the stops that the desk knows of."""

    def __init__(self, keeper: Keeper, market: Market, exchange: Exchange, placing: Placing, desk: RiskDesk) -> None:
        self._keeper = keeper
        self._market = market
        self._exchange = exchange
        self._placing = placing
        self._desk = desk
        self._obeyed: set[int] = set()

    def load(self) -> None:
        """At the loop's start: what was obeyed before."""
        effects = SwitchEffect.objects.filter(account=self._keeper.account, switch__released_at=None)
        self._obeyed = set(effects.values_list("switch", flat=True))

    def obey(self) -> None:
        """Withdraw what the stops that are new here want withdrawn, and store that they were seen."""
        new = [stop for stop in self._desk.reaching() if stop.pk not in self._obeyed]
        if not new:
            return
        for stop in new:
            self._begin(stop)
        self._exchange.store()
        self._obeyed.update(stop.pk for stop in new)
        self._exchange.send_cancels()
        self._exchange.store_reports()

    def _begin(self, stop: KillSwitch) -> None:
        effect = SwitchEffect(switch=stop, account=self._keeper.account, seen_at=timezone.now())
        self._keeper.changes.effect(effect)
        if not withdraws(stop):
            return
        orders = [row for row in self._at_work() if stop.scope in self._desk.scopes(row)]
        effect.working = len(orders)
        self._keeper.stops.await_ends(effect, orders)
        for row in orders:
            if not self._placing.withdraw_held(row.pk):
                self._placing.withdraw(row.pk, self._placing.told_now(row.instrument.code))

    def _at_work(self) -> list[Order]:
        """Every order that may still fill, and those that wait to be handed over."""
        working = [tracked.row for tracked in self._keeper.orders.values() if tracked.row.is_working]
        return [*working, *(hold.row for hold in self._placing.holds.values())]
