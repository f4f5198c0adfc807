"""Compressed trading days in which everything goes wrong: orders, trades, positions and funds end as the broker's.

The everyday run takes seconds; ``make soak`` runs many days (``QUANTSITE_SOAK_DAYS``, ``QUANTSITE_SOAK_STEPS`` a day,
``QUANTSITE_SOAK_SEED``), with the gateway stopped and started in between.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from marketdata.ctp.settings import SessionSettings
from marketdata.ctp.standing import standing
from quantsite.testing.ctp.fixtures import demand_locale
from quantsite.testing.ctp.front import Front
from trading.books_models import BrokerComparison
from trading.gateways.ctp import opening
from trading.tests.ctp.soak_world import World

QUICK: dict[str, Any] = {
    "answer_seconds": 0.5, "retry_first": 0.05, "retry_longest": 0.2, "query_timeout": 1.0, "connect_seconds": 1.0,
    "requests_per_second": 1000,
}  # fmt: skip
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(
    ctp_front: Callable[..., Front], settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int], World]]:
    demand_locale()
    settings.CREDENTIAL_KEYS = ["k" * 60]
    settings.CTP_ANY_HOUR, settings.CTP_FLOW_DIR, settings.RECONCILE_SECONDS = True, tmp_path / "flow", 1
    monkeypatch.setattr(opening, "standing", partial(_quick, standing))
    made: list[World] = []

    def make(seed: int) -> World:
        made.append(World(ctp_front(), seed))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _quick(usual: Callable[..., SessionSettings], *given: Any, **otherwise: Any) -> SessionSettings:
    """A session that loses no time: the days are compressed, so are its patience and its pauses."""
    return replace(usual(*given, **otherwise), **QUICK)


def live(world: World, days: int, steps: int, restarts: int = 0) -> None:
    """So many trading days; at the end of each everything agrees, at the end of all nothing was ever unexplained."""
    world.begin()
    for day in range(days):
        if day:
            world.next_day()
        for number in range(steps):
            world.step()
            if restarts and number % (steps // restarts) == steps // (2 * restarts):
                world.restart()
            time.sleep(world.random.choice((0.0, 0.005, 0.02)))
        found = world.settle_down()
        assert found == [], "\n".join([f"day {world.front.day}, {world.counts}", *found, *world.told()])
    assert list(BrokerComparison.objects.filter(successive__gt=1).values("lines")) == []


def test_two_days_of_trouble_end_as_the_broker_has_them(world: Callable[[int], World]) -> None:
    made = world(7)
    live(made, days=2, steps=40)
    assert made.counts["order taken"] >= 12


@pytest.mark.soak
def test_many_days_of_trouble(world: Callable[[int], World]) -> None:
    days = int(os.environ.get("QUANTSITE_SOAK_DAYS", "20"))
    steps = int(os.environ.get("QUANTSITE_SOAK_STEPS", "600"))
    seed = int(os.environ.get("QUANTSITE_SOAK_SEED", "1"))
    made = world(seed)
    live(made, days, steps, restarts=2)
    print(made.counts)  # noqa: T201 - the run's own account of what it has tried
