"""What waits in an account's inbox, less the orders whose market has not said a word yet.

After a restart, and in the first second of a replay, orders are there before the market is: they stay where they are
for a while instead of being refused, and with them whatever else was asked about them.
"""

import time
from collections.abc import Collection

from trading.account_models import TradingAccount
from trading.ledger.inbox_rows import waiting_commands
from trading.loop.market import Market
from trading.order_models import AccountCommand, Order

FIRST_SIGN_SECONDS = 15.0
"""So long an order waits for its market at most. A feed that was killed begins when its lease has ended, after ten."""


class Inbox:
    """The commands of one account, in the order of their rows. One thread only."""

    def __init__(self, account: TradingAccount, market: Market) -> None:
        self._account = account
        self._market = market
        self._waiting: dict[int, tuple[str, float]] = {}

    def commands(self, most: int, but: Collection[int] = ()) -> list[AccountCommand]:
        """The first that have something to do now, with their orders; those of the keys ``but`` are left out."""
        return waiting_commands(self._account, most, self._without_market(), sorted(but))

    def keeps(self, order: Order) -> bool:
        """Whether a new order is to stay in the inbox until its market has been heard of.

        Nobody waits for streams that cannot be reached: what closes goes on by the rows, what opens is refused.
        """
        if self._market.away:
            return False
        code = order.instrument.code
        if self._market.now(code) is None:
            self._market.look()
        _code, until = self._waiting.setdefault(order.pk, (code, time.monotonic() + FIRST_SIGN_SECONDS))
        if time.monotonic() < until and not self._market.heard(code):
            return True
        del self._waiting[order.pk]
        return False

    def holds(self, order_id: int | None) -> bool:
        """Whether the new order of this key stays where it is: what is asked about it comes after it."""
        return order_id in self._waiting

    def first_sign(self) -> bool:
        """Whether a market that an order waits for has been heard of."""
        return any(self._market.heard(code) for code, _until in self._waiting.values())

    def _without_market(self) -> list[int]:
        now = time.monotonic()
        return [key for key, (code, until) in self._waiting.items() if now < until and not self._market.heard(code)]
