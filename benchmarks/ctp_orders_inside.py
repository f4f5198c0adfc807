"""The measurement of ``ctp_orders.py``: the account's loop in this process, turned by hand, an order at a time."""

import gc
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split

from django.core.management import call_command

from benchmarks.figures import Figure, show
from benchmarks.orders_clients import share
from quantsite.common.pauses import keep_switches_short
from quantsite.testing.ctp.fixtures import installed
from quantsite.testing.ctp.front import Front
from trading.tests.ctp.broker_bench import BrokerBench, broker_bench

WARM, ORDERS = 20, 150
PRICE = 3_990.0
"""Below the market: such an order rests."""


class Watches:
    """When the loop began to decide, had committed, and called the library (seconds)."""

    def __init__(self, bench: BrokerBench) -> None:
        self.began = self.committed = self.called = 0.0
        placing, api = bench.loop.commands.placing, bench.session.link._library
        reserved, insert = placing.reserved, api.ReqOrderInsert

        @contextmanager
        def decided(batch: Any) -> Iterator[None]:
            self.began = time.perf_counter()
            with reserved(batch):
                yield
            self.committed = time.perf_counter()

        def inserted(*given: Any) -> Any:
            self.called = time.perf_counter()
            return insert(*given)

        placing.reserved, api.ReqOrderInsert = decided, inserted  # type: ignore[assignment,method-assign]


def figures() -> Iterator[Figure]:
    """An order, then what the broker says of it, then the next."""
    call_command("migrate", verbosity=0)
    front = Front("20240102")
    deciding: list[float] = []
    calling: list[float] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="quantsite-ctp-"))
        stack.enter_context(installed(front))
        bench = stack.enter_context(broker_bench(front, Path(folder)))
        watches = Watches(bench)
        gc.freeze()
        for number in range(WARM + ORDERS):
            order = bench.order("buy", "open", PRICE, 1)
            bench.loop.commands.carry_out()
            if number >= WARM:
                deciding.append(watches.committed - watches.began)
                calling.append(watches.called - watches.committed)
            bench.stands(order, "accepted")
    for name, seconds in (("decision_to_commit", deciding), ("commit_to_call", calling)):
        for label, part in (("p50", 0.5), ("p99", 0.99), ("worst", 1.0)):
            yield Figure(f"ctp_orders.{name}.{label}", share(sorted(seconds), part) * 1e3, "ms")


if __name__ == "__main__":
    keep_switches_short()
    show(figures())
