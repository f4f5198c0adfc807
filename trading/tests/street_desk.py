"""Gateways as processes of their own, on a market that the test makes tick by tick; orders by the test or programs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.db.models.functions import Now

from accounts.models import Lease
from trading import services
from trading.account_models import AccountState, TradingAccount
from trading.choices import FINAL_STATUSES
from trading.ledger.apply import lease_of
from trading.order_models import Order
from trading.tests.desk_processes import Processes, processes
from trading.tests.loop_bench import CAPITAL, RB, Street, open_street
from trading.verbs.new_order import NewOrder

HOUSE = "gateway-house"
UNDECIDED = ("pending", "submitting", "submitted")


@dataclass
class StreetDesk:
    """The processes, the market, and the accounts by their codes."""

    running: Processes
    street: Street
    accounts: dict[str, TradingAccount]

    def begin(self, code: str) -> None:
        """Start the gateway of an account."""
        self.running.fork(f"gateway-{code}", "run_gateway", code)

    def ready(self) -> None:
        """Wait until every account's gateway works."""
        mine = AccountState.objects.filter(account__in=self.accounts.values(), gateway="running")
        self.running.wait(lambda: mine.count() == len(self.accounts), "the gateways run")

    def kill(self, code: str) -> None:
        """SIGKILL to the account's gateway; what it held is free at once."""
        self.running.kill(f"gateway-{code}")
        Lease.objects.filter(name=lease_of(self.accounts[code])).update(expires_at=Now())

    def order(
        self,
        direction: str,
        offset: str,
        price: float | None,
        volume: int = 1,
        *,
        account: str = "",
        strategy: str = "",
        **given: object,
    ) -> Order:
        """Place an order as a trader does, by default on the first account."""
        self.street.clock()  # a source that says nothing for half a minute is no market
        figures = {"instrument": RB, "type": "limit", "client_order_id": uuid4().hex, **given}
        asked = NewOrder(direction=direction, offset=offset, price=price, volume=volume, **figures)  # type: ignore[arg-type]
        return services.create_order(None, account or next(iter(self.accounts)), asked, strategy_key=strategy)[0]

    def decided(self, order: Order) -> Order:
        """The order as it stands once its gateway has decided on it."""
        mine = Order.objects.filter(pk=order.pk).exclude(status__in=UNDECIDED)
        self.running.wait(mine.exists, f"a word on {order}")
        order.refresh_from_db()
        return order

    def placed(self, *given: object, **more: object) -> Order:
        """Place an order and wait for the word of its gateway."""
        return self.decided(self.order(*given, **more))  # type: ignore[arg-type]

    def ended(self, order: Order) -> Order:
        """The order once it is over."""
        mine = Order.objects.filter(pk=order.pk, status__in=FINAL_STATUSES)
        self.running.wait(mine.exists, f"the end of {order}")
        order.refresh_from_db()
        return order

    def cancelled(self, order: Order) -> Order:
        """Ask for the withdrawal of an order and wait for it."""
        services.cancel_order(None, order.pk)
        return self.ended(order)

    def log(self, code: str) -> str:
        """What the account's gateways wrote, in a house those of all."""
        path = self.running.folder / f"gateway-{code}.log"
        return (path if path.exists() else path.with_name(f"{HOUSE}.log")).read_text(errors="replace")


@contextmanager
def street_desk(
    folder: Path, *codes: str, group: str = "", house: bool = False, **variables: str
) -> Iterator[StreetDesk]:
    """Accounts of a million each whose gateways run, in a ``house`` as threads of one process, else each in its own.

    ``variables`` are more of the processes' environment.
    """
    with open_street() as street, processes(folder, **variables) as running:
        terms: dict[str, Any] = {"control_group": group} if group else {}
        accounts = {code: services.add_account(None, code, capital=CAPITAL, **terms) for code in codes}
        made = StreetDesk(running, street, accounts)
        if house:
            running.fork(HOUSE, "run_gateway", "--all")
        for code in codes if not house else ():
            made.begin(code)
        made.ready()
        yield made
