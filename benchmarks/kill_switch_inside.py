"""The measurement of ``kill_switch.py``: this process is the risk officer, and looks at rows as a page does."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from uuid import uuid4

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split

from django.conf import settings
from django.db import transaction

from benchmarks.figures import Figure, show
from benchmarks.orders_desk import gateway, make_account, make_trader, managed, wait_for
from marketdata.instruments import ensure_instrument
from marketdata.stream import newest_id
from trading import services
from trading.account_models import TradingAccount
from trading.domain.risk.rules import Rule
from trading.domain.risk.switches import Strength
from trading.limit_models import KillSwitch, RiskLimit, SwitchEffect
from trading.order_models import AccountEvent
from trading.tests.killed_desk import DAY, write_market
from trading.tests.loop_bench import RB
from trading.verbs.new_order import NewOrder
from trading.verbs.risk_revision import bump
from trading.verbs.switches import set_switch

ORDERS = 200
STOPS = 5
HEARD = 10
PRICE = 3_900.0
POLL_SECONDS = 0.005
GRACE_SECONDS = 2.0
"""A loop that has just begun reads limits and stops by itself."""


@contextmanager
def market() -> Iterator[None]:
    """A made market that trades at whatever hour it is measured."""
    path = settings.VAR_DIR / "market.csv.gz"
    write_market(path)
    with managed("run_feed", "replay", str(path), "--speed", "1", "--loop"):
        wait_for("ticks", lambda: bool(newest_id("replay")))
        time.sleep(GRACE_SECONDS)
        yield


def order() -> NewOrder:
    """A lot that rests."""
    return NewOrder(RB, "buy", "open", "limit", 1, uuid4().hex, PRICE)


def fill(account: TradingAccount) -> None:
    """200 orders that rest at the exchange."""
    for _ in range(ORDERS):
        services.create_order(None, account.code, order())
    resting = account.orders.filter(status="accepted")
    wait_for("resting orders", lambda: resting.count() == ORDERS)


def one_stop(account: TradingAccount) -> tuple[float, float, float]:
    """Seconds from the click until no order is at work: by this process's clock, as the page shows it, by the rows."""
    fill(account)
    began = time.perf_counter()
    switch = set_switch(None, "account", account.code, Strength.CANCEL_ALL, "measured")
    wait_for("quiet book", lambda: not account.orders.working().exists(), pause=POLL_SECONDS)
    seen = time.perf_counter() - began
    effect = SwitchEffect.objects.select_related("switch").get(switch=switch, account=account)
    last = AccountEvent.objects.filter(account=account, kind="cancelled").latest("seq").created_at
    if effect.seconds is None or (effect.working, effect.cancelled) != (ORDERS, ORDERS):
        raise RuntimeError(f"stop {switch.pk} tells {effect.cancelled} of {effect.working} orders")
    release(switch)
    return seen, effect.seconds, (last - switch.set_at).total_seconds()


def release(switch: KillSwitch) -> None:
    """The stop holds no more, by the rows: two persons' work is not what is measured."""
    KillSwitch.objects.filter(pk=switch.pk).update(released_at=switch.set_at)
    tell()
    time.sleep(GRACE_SECONDS)


def tell() -> None:
    """As every verb does that changes limits or stops."""
    with transaction.atomic():
        bump()


def heard_after(account: TradingAccount) -> Iterator[float]:
    """Seconds from a changed limit until the running gateway refuses by it: orders go on until one is refused."""
    for number in range(HEARD):
        RiskLimit.objects.update_or_create(
            rule=Rule.ORDER_VOLUME, scope_kind="account", scope_key=account.code, defaults={"maximum": 0.5}
        )
        began = time.perf_counter()
        tell()
        refused = account.orders.filter(reason_code=Rule.ORDER_VOLUME.value)
        while refused.count() <= number:
            services.create_order(None, account.code, order())
            time.sleep(POLL_SECONDS)
        yield time.perf_counter() - began
        RiskLimit.objects.filter(rule=Rule.ORDER_VOLUME).delete()
        tell()
        services.cancel_all(None, account.code)
        wait_for("quiet book", lambda: not account.orders.working().exists())


def figures() -> Iterator[Figure]:
    """Seconds, the median and the worst of some stops."""
    trader, _token = make_trader()
    ensure_instrument(RB, DAY)
    account = make_account("stopped", trader)
    with market(), gateway(account):
        RiskLimit.objects.create(rule=Rule.CANCELS_INSTRUMENT, scope_kind="platform", maximum=1e9)
        tell()
        time.sleep(GRACE_SECONDS)
        stops = [one_stop(account) for _ in range(STOPS)]
        for name, values in zip(("seen_here", "on_the_page", "by_the_events"), zip(*stops, strict=True), strict=True):
            yield Figure(f"kill_switch.{ORDERS}_orders.{name}.p50", median(values), "s")
            yield Figure(f"kill_switch.{ORDERS}_orders.{name}.worst", max(values), "s")
        apart = max(abs(page - rows) for _seen, page, rows in stops)
        yield Figure("kill_switch.page_beside_events", apart, "s")
        heard = list(heard_after(account))
        yield Figure("kill_switch.limit_obeyed_after.p50", median(heard), "s")
        yield Figure("kill_switch.limit_obeyed_after.worst", max(heard), "s")
    yield Figure("kill_switch.load_average", os.getloadavg()[0], "processes")


if __name__ == "__main__":
    show(figures())
