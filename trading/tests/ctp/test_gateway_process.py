"""``run_gateway ACCOUNT`` as a process at a front that outlives it: an order over REST, SIGTERM, and two deaths.

The library in the process is the drop-in; whatever the front has is the broker's truth, and an order of which a dead
process knew is found there or is not, and is never sent again.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from quantsite.testing.ctp.front import Front
from quantsite.testing.ctp.wire import served
from trading import services
from trading.account_models import TRADE, TradingAccount
from trading.models import Order
from trading.tests.ctp.broker_bench import TODAY, BrokerBench, unready
from trading.tests.deaths import Death
from trading.tests.desk_processes import Client, Processes, processes, with_real_password
from trading.tests.dying import DEATH_FILE, arm
from trading.tests.loop_bench import RB

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]

TICK_SECONDS = 0.5


@dataclass
class Desk:
    """Web and gateway as processes; the market and the front are the test's."""

    started: Processes
    bench: BrokerBench
    environment: dict[str, str]
    client: Client
    ticked: float = 0.0

    @property
    def death(self) -> Path:
        """Where the next death of the gateway is written."""
        return self.started.folder / "death"

    def gateway(self) -> None:
        """Start the account's gateway, mortal."""
        module = ("-m", "trading.tests.dying")
        words = ("run_gateway", self.bench.account.code)
        self.started.start("gateway", *words, module=module, **self.environment, **{DEATH_FILE: str(self.death)})

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait while the market goes on."""

        def asked() -> Any:
            if time.monotonic() - self.ticked > TICK_SECONDS:
                self.ticked = time.monotonic()
                self.bench.street.tick(4000.0)
            return condition()

        self.started.wait(asked, what)

    def ready(self) -> None:
        """Until the gateway takes orders."""
        told = TradingAccount.objects.filter(pk=self.bench.account.pk, broker_session__state="ready")
        self.until(lambda: told.exists() or not self.started.alive("gateway"), "the session is ready")
        assert self.started.alive("gateway"), self.started.logs()

    def order(self, price: float, name: str) -> Order:
        """Place one over REST."""
        body = {"account": self.bench.account.code, "instrument": RB, "direction": "buy", "offset": "open"}
        asked = {**body, "type": "limit", "volume": 1, "price": price, "client_order_id": name}
        told = self.client.post("orders/", asked)
        assert told.status_code == 201, told.text
        return Order.objects.get(pk=told.json()["id"])

    def stands(self, order: Order, status: str) -> Order:
        """Wait until it does."""

        def there() -> bool:
            order.refresh_from_db()
            return order.status == status

        self.until(there, f"order {order.client_order_id} is {status}")
        return order


@pytest.fixture
def desk(ctp_front: Callable[..., Front], bob: User, tmp_path: Path) -> Iterator[Desk]:
    """An account at a broker, with its web process and its gateway."""
    front = Front(TODAY)
    bench = unready(front, tmp_path, around_the_clock=True)
    services.grant_account(None, bench.account.code, bob, TRADE)
    with_real_password(bob)
    with served(front, tmp_path) as environment, processes(tmp_path) as started:
        started.start("web", *started.web_words("--feed", "none"))
        started.wait_for_web()
        made = Desk(started, bench, environment, Client(started.origin, bob))
        made.gateway()
        made.ready()
        yield made
    bench.street.publisher.close()
    front.close()


def test_an_order_over_rest_and_gateways_that_die_around_its_sending(desk: Desk) -> None:
    filled = desk.stands(desk.order(4001.0, "filled"), "filled")
    assert (filled.traded, len(desk.bench.me.orders)) == (1, 1)

    arm(desk.death, Death("", "send.before"), desk.bench.account.code)
    never = desk.order(3990.0, "never")
    desk.until(lambda: not desk.started.alive("gateway"), "the gateway dies between its commit and the sending")
    never.refresh_from_db()
    assert (never.status, never.traded, len(desk.bench.me.orders)) == ("submitting", 0, 1)
    desk.gateway()
    desk.stands(never, "rejected")
    assert never.reason_code == "never_arrived"

    desk.ready()
    arm(desk.death, Death("", "send.after"), desk.bench.account.code)
    arrived = desk.order(3991.0, "arrived")
    desk.until(lambda: not desk.started.alive("gateway"), "the gateway dies after the sending")
    desk.gateway()
    desk.stands(arrived, "accepted")
    assert len(desk.bench.me.orders) == 2
    desk.bench.front.fill(desk.bench.me, desk.bench.theirs(), 1)
    desk.stands(arrived, "filled")

    assert desk.started.stop("gateway") == 0, desk.started.logs()
    assert "secret" not in desk.started.logs()
