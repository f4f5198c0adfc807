"""A day on which one strategy, or two, hold the old main contract, and the new one is quoted beside it."""

from datetime import date
from pathlib import Path
from typing import Any

from accounts.models import Alarm
from marketdata.daily_facts import MainContractDay
from marketdata.domain.ticks import Tick
from marketdata.instruments import ensure_instrument
from marketdata.live_models import Subscription
from marketdata.models import Instrument
from marketdata.tests.made_ticks import tick
from strategies.choices import RollState
from strategies.event_models import StrategyLog
from strategies.state_models import StrategyRoll
from strategies.tests.live_day import LiveDay, make_instance
from strategies.verbs.holdings import held_lots

OLD, NEW = "rb2405.SHFE", "rb2410.SHFE"
DAY = date(2024, 1, 2)
MADE = str(Path(__file__).parent / "made")
LOTS = 8
"""More than the book shows at once: the roll takes several ticks."""
UP = 100.0
"""By so much the new contract trades above the old one."""


def quotes(first: int, last: int, old: str = OLD, new: str = NEW) -> list[Tick]:
    """Both contracts, tick by tick; without a name that one is not quoted."""
    made = []
    for seq in range(first, last + 1):
        if old:
            made.append(tick(old, seq, ask_price=4001.0, bid_volume=3, ask_volume=3))
        prices: dict[str, Any] = {
            "last": 4000.0 + UP,
            "bid_price": 4000.0 + UP,
            "ask_price": 4001.0 + UP,
            "open": 4000.0 + UP,
        }
        if new:
            made.append(tick(new, seq, bid_volume=3, ask_volume=3, upper_limit=4400.0, **prices))
    return made


def main_is(code: str) -> None:
    instrument = ensure_instrument(code, DAY)
    MainContractDay.objects.create(
        product=instrument.product, trading_day=DAY, instrument=Instrument.objects.get(code=code), rule="kept"
    )


class Desk:
    """A day with one strategy that holds so many lots of the old contract."""

    def __init__(self, day: LiveDay, key: str = "holds", **terms: Any) -> None:
        self.day = day
        self.day.add_account(f"R-{key}")
        given = {"unit": LOTS, "isolated": False, **terms}
        self.row = make_instance(key, "holds", [OLD], f"R-{key}", "tick", **given)
        self.seq = 0
        day.begin()

    def play(self, ticks: int, **codes: str) -> None:
        self.day.play(quotes(self.seq + 1, self.seq + ticks, **codes))
        self.seq += ticks

    @property
    def roll(self) -> StrategyRoll:
        """Its only roll."""
        return StrategyRoll.objects.get(instance=self.row)

    def play_until_begun(self) -> StrategyRoll:
        """Tick by tick until orders of the roll have been filled in part."""
        for _ in range(20):
            self.play(1)
            held = held_lots(self.row)
            if 0 < held.get(OLD, 0) < LOTS and NEW in held:
                return self.roll
        raise AssertionError(f"the roll has not begun: {held_lots(self.row)}")

    def kill(self) -> None:
        self.day.kill()
        self.day.begin()

    @property
    def leg(self) -> str:
        return self.row.legs.get().instrument.code

    def kinds(self) -> list[str]:
        return list(StrategyLog.objects.filter(instance=self.row).order_by("pk").values_list("kind", flat=True))


def rolled(desk: Desk, lots: int) -> StrategyRoll:
    """It has rolled, and nothing of the old contract is left to anybody."""
    row = desk.roll
    assert (row.state, row.from_instrument.code, row.to_instrument.code) == (RollState.DONE, OLD, NEW)
    assert held_lots(desk.row) == ({NEW: lots} if lots else {})
    assert desk.leg == NEW
    assert row.document["spread"] == [4000.0, 4000.0 + UP]  # of the opens of the day
    subscribed = Subscription.objects.filter(owner=f"strategy:{desk.row.pk}")
    assert list(subscribed.values_list("instrument__code", flat=True)) == [NEW]
    assert not Alarm.objects.filter(code__startswith="strategy_", cleared_at=None).exists()
    return row
