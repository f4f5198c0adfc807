"""The measurement of ``strategies_trouble.py``: this process is the runner, ``--publish`` makes it the market.

Whoever is to make trouble runs from the beginning, as quiet as its neighbours, and counts ticks until its turn comes:
so the normal time has the same processes as all others.
"""

import gc
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from statistics import quantiles
from typing import Any, NamedTuple

from benchmarks import ready  # noqa: F401  (before any model)

# isort: split

from django.core.management import call_command

from accounts.leases import LeaseKeeper, take
from benchmarks.figures import Figure, show
from benchmarks.orders_desk import managed, wait_for
from benchmarks.risk_gate_inside import CODES
from benchmarks.strategies_live_inside import (
    CHECK,
    DAY_OF,
    MINUTE,
    SOURCE,
    TICKS_A_SECOND,
    market_time,
    publish,
)
from marketdata.instruments import ensure_instrument
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.tests.made_ticks import NINE
from quantsite.common.pauses import keep_pauses_short
from quantsite.common.times import ns_to_utc
from strategies import services
from strategies.choices import ActivityName, Health, StageName
from strategies.instance_models import LEASE, StrategyInstance
from strategies.running.journal import Journal
from strategies.running.loop import StrategyLoop
from strategies.services import NewInstance
from strategies.verbs.holdings import held_lots
from trading import services as trading
from trading.account_models import AccountState

NEIGHBOURS = 5
"""On each instrument, in the runner's own process: 100 in all."""
APART = 4
"""Neighbours in processes of their own."""
EVERY, SPREAD = 14, 12
"""A neighbour turns once in 14 to 25 of its ticks: some ten turns a second in all, mostly two orders."""
ACCOUNTS = 4
TROUBLEMAKERS = 12 if "--long" in sys.argv else 4
"""Of each kind; in the end half as many of each together."""
EACH_SECONDS = 3.0
"""So long after one comes the next."""
WARM_SECONDS, PAUSE_SECONDS = 12.0, 4.0
SECONDS = TROUBLEMAKERS * EACH_SECONDS
WELL = "neighbour"


class Kind(NamedTuple):
    """A trouble: the strategy that makes it, its terms, and the word by which it must be found out."""

    strategy: str
    failure: str
    terms: dict[str, Any]


KINDS = (
    Kind("hangs", "over_budget", {"budget_ms": 1_000}),
    Kind("eats", "out_of_memory", {"budget_ms": 10_000, "memory_mb": 512}),
    Kind("raises", "raised", {}),
)


class Phase(NamedTuple):
    """A part of the run: when it begins (seconds of the market), and who makes trouble in it, and when."""

    name: str
    begins: float
    makers: list[tuple[float, Kind]]


def phases() -> list[Phase]:
    """A normal time, each trouble, all of them by turns."""
    gap = SECONDS + PAUSE_SECONDS
    turns = [WARM_SECONDS + gap * number for number in range(len(KINDS) + 2)]
    found = [Phase("normal", turns[0], [])]
    for begins, kind in zip(turns[1:], KINDS, strict=False):
        makers = [(begins + EACH_SECONDS * number, kind) for number in range(TROUBLEMAKERS)]
        found.append(Phase(kind.strategy, begins, makers))
    times = [turns[-1] + EACH_SECONDS * number for number in range(TROUBLEMAKERS)]
    return [*found, Phase("all", turns[-1], [(at, kind) for at in times[::2] for kind in KINDS])]


def desk(parts: list[Phase]) -> None:
    """Instruments, accounts, neighbours, and those who are going to make trouble."""
    call_command("migrate", verbosity=0)
    for code in CODES:
        InstrumentFeed.objects.create(instrument=ensure_instrument(code, DAY_OF), source=SOURCE, epoch=1)
    now = ns_to_utc(NINE + MINUTE)
    FeedState.objects.create(source=SOURCE, kind="bench", status="running", epoch=1, market_time=now)
    for number in range(ACCOUNTS):
        trading.add_account(None, f"a{number}", capital=Decimal(10**11))
    for number in range(NEIGHBOURS):
        for place, code in enumerate(CODES):
            every = EVERY + (3 * number + place) % SPREAD
            _add(f"{WELL}-{number}-{place}", "flips", code, number % ACCOUNTS, {"every": every}, isolated=False)
    for number in range(APART):
        _add(f"{WELL}-apart-{number}", "flips", CODES[number], number % ACCOUNTS, {"every": 2}, isolated=True)
    for part in parts:
        for number, (at, kind) in enumerate(part.makers):
            ticks = {"at": int(at * TICKS_A_SECOND)}
            code = CODES[number % len(CODES)]
            _add(f"{part.name}-{number}", kind.strategy, code, number % ACCOUNTS, ticks, on_failure="flatten",
                 **kind.terms)  # fmt: skip
    StrategyInstance.objects.update(stage=StageName.PAPER, activity=ActivityName.RUNNING)


def _add(key: str, strategy: str, code: str, account: int, parameters: dict[str, Any], **terms: Any) -> None:
    asked = NewInstance(key, strategy, (code,), f"a{account}", "tick", parameters=parameters, **terms)
    services.create_instance(None, asked)


class OfNeighbours(Journal):
    """Notes how long after its tick each order of a neighbour is committed: ``here`` in our process, ``apart`` else."""

    began = 0
    here: list[float]
    apart: list[float]

    def _tell_latency(self, placed: Any, decided: int) -> None:
        now = market_time(time.time_ns(), self.began)
        for part in placed:
            row = part.instance.row
            if row.key.startswith(WELL):
                (self.apart if row.isolated else self.here).append((now - part.place.decided_at) / 1e9)
        super()._tell_latency(placed, decided)


def figures() -> Iterator[Figure]:
    """One busy morning, with more trouble than anybody has had."""
    keep_pauses_short()
    parts = phases()
    desk(parts)
    with managed("run_gateway", "--all"):
        wait_for("gateways", lambda: AccountState.objects.filter(gateway="running").count() == ACCOUNTS)
        held = take(LEASE, "bench")
        keeper = LeaseKeeper(held, lambda _reason: None).start()
        with StrategyLoop(held.epoch, keeper) as loop:
            yield from _run(loop, parts)
        keeper.stop()


def _run(loop: StrategyLoop, parts: list[Phase]) -> Iterator[Figure]:
    journal = OfNeighbours(loop.epoch)
    journal.here, journal.apart = [], []
    loop.journal = journal
    wanted = StrategyInstance.objects.on_duty().count()
    while StrategyInstance.objects.filter(health=Health.RUNNING).count() < wanted:
        loop.turn(0.2)
    journal.began = began = time.time_ns()
    words = [sys.executable, "-m", "benchmarks.strategies_trouble_inside", CHECK, str(began), *sys.argv[1:]]
    gc.collect()
    gc.freeze()
    normal: dict[str, float] = {}
    with subprocess.Popen(words):
        for part in parts:
            _until(loop, began, part.begins)
            journal.here.clear()
            journal.apart.clear()
            _until(loop, began, part.begins + SECONDS)
            yield from _told(part.name, journal, normal)
        _until(loop, began, parts[-1].begins + SECONDS + PAUSE_SECONDS)
    for part in parts[1:]:
        yield Figure(f"strategies_trouble.{part.name}.ended", _ended(part), f"of {len(part.makers)}")


def _told(name: str, journal: OfNeighbours, normal: dict[str, float]) -> Iterator[Figure]:
    for where, found in (("", journal.here), ("apart.", journal.apart)):
        shares = quantiles(found, n=100)
        yield Figure(f"strategies_trouble.{name}.{where}orders", len(found), "orders")
        for share in (50, 99):
            took = shares[share - 1] * 1e3
            before = normal.setdefault(f"{where}{share}", took)
            yield Figure(f"strategies_trouble.{name}.{where}p{share}", took, "ms")
            if name != "normal":
                yield Figure(f"strategies_trouble.{name}.{where}p{share}.ratio", took / before, "times")


def _ended(part: Phase) -> int:
    """How many were found out by the right word, and hold nothing any more, as their policy wants."""
    found = 0
    for number, (_at, kind) in enumerate(part.makers):
        row = StrategyInstance.objects.get(key=f"{part.name}-{number}")
        found += (row.health, row.failure_code) == (Health.FAILED, kind.failure) and not held_lots(row)
    return found


def _until(loop: StrategyLoop, began: int, seconds: float) -> None:
    while market_time(time.time_ns(), began) < market_time(began, began) + seconds * 1e9:
        loop.turn(0.05)


if __name__ == "__main__":
    if CHECK in sys.argv:
        publish(int(sys.argv[sys.argv.index(CHECK) + 1]), phases()[-1].begins + SECONDS + PAUSE_SECONDS)
    else:
        show(figures())
