"""Everything that the runner runs, on one day of two contracts: for tests that kill it, or have it share accounts."""

from collections.abc import Sequence
from math import sin
from typing import Any, NamedTuple

import msgspec

from marketdata.domain.ticks import Tick
from strategies.instance_models import StrategyInstance
from strategies.tests.live_day import LiveDay, make_instance
from trading.tests.recorded_ticks import FILES, Recorded, ticks_of

DAY, NEXT = FILES[0], FILES[1]
"""Two trading days of rubber, one after the other; the second one has a night session."""
CODE, FAR = DAY.code, "ru1905.SHFE"
LONG_EVERY = 36
"""Ticks of the recording for one of the long day's: three a minute."""
ABOVE, SWING, PERIOD = 200.0, 10, 37.0
"""The made contract: so many yuan above the recorded one, swinging by so many price ticks."""


class Role(NamedTuple):
    """An instance: which strategy, on which of the day's accounts, on which legs, with what terms."""

    name: str
    strategy: str
    account: str
    interval: str = "1m"
    legs: tuple[str, ...] = (CODE,)
    terms: dict[str, Any] = {}


CROSSES = {"fast": 1, "slow": 2}
SOON_TURNS = {"fast": 2, "slow": 5}
CAST = (
    Role("crosses", "double_ma", "one", terms={"parameters": CROSSES}),
    Role("rests", "rests", "one", terms={"isolated": False}),
    Role("grid", "grid", "two", terms={"parameters": {"spacing": 3, "levels": 5}}),
    Role("twap", "double_ma", "three", terms={
        "parameters": SOON_TURNS, "unit": 6,
        "execution": {"kind": "twap", "seconds": 120, "slices": 6, "randomise": 0.4}}),
    Role("iceberg", "double_ma", "three", legs=(FAR,), terms={
        "parameters": SOON_TURNS, "unit": 9, "execution": {"kind": "iceberg", "show": 2, "peak_random": 0.5}}),
    Role("chase", "double_ma", "four", terms={
        "parameters": SOON_TURNS, "unit": 4, "execution": {"kind": "chase", "reprice_seconds": 5, "max_ticks": 3}}),
    Role("pair", "spread", "five", legs=(CODE, FAR), terms={
        "parameters": {"length": 5, "entry": 0.8}, "unit": 3,
        "execution": {"kind": "chase", "pair": {"seconds": 20, "then": "complete", "first": 0}}}),
    Role("apart", "flips", "six", "tick", terms={"parameters": {"every": 23}, "isolated": True}),
)  # fmt: skip
APART = frozenset({"apart"})
"""Their hosts tell their state some time ago: what they have done is compared, not where their memory stands."""


def far(number: int, tick: Tick) -> Tick:
    """The tick of the made contract that comes with one of the recorded one."""
    step = ABOVE + 5.0 * round(SWING * sin(number / PERIOD))
    moved = {name: getattr(tick, name) + step for name in ("last", "bid_price", "ask_price")}
    fixed = ("open", "high", "low", "upper_limit", "lower_limit", "pre_settlement", "pre_close")
    moved |= {name: getattr(tick, name) + ABOVE for name in fixed}
    return msgspec.structs.replace(tick, instrument=FAR, **moved)


def two_contracts(recorded: Recorded, every: int, last: int | None = None) -> list[Tick]:
    """Each so-manieth tick of a file, and the made contract's beside it."""
    chosen = ticks_of(recorded)[:last:every]
    return [each for number, tick in enumerate(chosen) for each in (tick, far(number, tick))]


def long_day(last: int | None = None) -> list[Tick]:
    """A day session (of its recorded ticks the first ``last``) and half an hour of the trading day behind it."""
    return two_contracts(DAY, LONG_EVERY, last) + two_contracts(NEXT, LONG_EVERY, 3_600)


def enter(day: LiveDay, prefix: str, cast: Sequence[Role] = CAST) -> dict[str, StrategyInstance]:
    """The instances of a day, and their accounts."""
    for account in dict.fromkeys(role.account for role in cast):
        day.add_account(f"{prefix}-{account}")
    return {
        role.name: make_instance(
            f"{prefix}-{role.name}", role.strategy, role.legs, f"{prefix}-{role.account}", role.interval, **role.terms
        )
        for role in cast
    }
