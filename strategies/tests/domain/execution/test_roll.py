"""A position goes from the old main contract to the new one: step by step, and whatever the exchange answers."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from math import nan
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketdata.domain.ticks import Tick
from strategies.domain.execution.plan import parse
from strategies.domain.execution.roll import FINAL, MOVES, Roll, RollState
from strategies.domain.hosting.intents import Place, Sent, Withdraw
from strategies.domain.hosting.news import News, NewsKind
from strategies.domain.hosting.terms import LegTerms
from strategies.tests.domain.execution.wild import SECOND, Live
from trading.domain.order_status import OrderType

OLD, NEW = "rb2501.SHFE", "rb2505.SHFE"
OLD_TERMS, NEW_TERMS = LegTerms(OLD, 1.0, 10), LegTerms(NEW, 1.0, 10)


@dataclass
class Street:
    """Both contracts' exchange, answered by hand; the roll's own count of lots is checked with each answer."""

    document: dict[str, Any] = field(default_factory=dict)
    now: int = 20_000 * 86_400 * SECOND
    live: dict[int, Live] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=lambda: {OLD: 0, NEW: 0})
    roll: Roll = field(init=False)

    def __post_init__(self) -> None:
        counter = count(1)
        self._numbers = lambda: next(counter)
        self.plan = parse({"kind": "chase", "reprice_seconds": 600, "roll": self.document})
        self.begin(0)

    def restart(self) -> None:
        document = json.loads(json.dumps(self.roll.document(), allow_nan=False))
        self.roll = Roll.restored(document, self.plan, self._numbers, seed=1)
        assert self.roll.document() == document

    def begin(self, held: int = 4, **times: int) -> None:
        self.held[OLD] = held
        self.roll = Roll(self.plan, 0, OLD_TERMS, NEW_TERMS, self._numbers, seed=1, **times)
        self.take(self.roll.begin(held, self.now))

    def quote(self, after: float = 0.0, *, old: float = 100.0, new: float = 110.0) -> None:
        self.now += int(after * SECOND)
        for code, price in ((OLD, old), (NEW, new)):
            if price == price:  # noqa: PLR0124 - NaN: that contract has no tick
                tick = Tick(code, 1, 1, self.now, 0, price, 1, 1.0, 0.0, price - 1, 9, price + 1, 9)
                self.take(self.roll.on_tick(tick))

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)
        self.take(self.roll.on_clock(self.now))

    def take(self, sent: Iterable[Sent]) -> None:
        for one in sent:
            self.sent.append(one)
            if isinstance(one, Withdraw):
                if one.number in self.live:
                    self.live[one.number].asked = True
                continue
            assert self.order(one.contract) is None
            self.live[one.number] = Live(one, one.lots)

    def order(self, contract: str) -> Live | None:
        found = [live for live in self.live.values() if live.place.contract == contract]
        return found[0] if found else None

    def at(self, contract: str) -> Place:
        live = self.order(contract)
        assert live is not None
        return live.place

    def answer(self, contract: str, kind: NewsKind, lots: int = 0, price: float = nan, reason: str = "") -> None:
        live = self.order(contract)
        assert live is not None
        number = live.place.number
        if kind is NewsKind.FILLED:
            live.left -= lots
            self.held[contract] += live.place.direction * lots
        if kind is not NewsKind.ACCEPTED and (kind is not NewsKind.FILLED or not live.left):
            del self.live[number]
        self.take(self.roll.on_news(News(number, kind, self.now, price, lots, reason)))
        assert self.held == {OLD: self.roll.old.held, NEW: self.roll.new.held}

    def fill(self, contract: str, lots: int, price: float = 100.0) -> None:
        self.answer(contract, NewsKind.FILLED, lots, price)

    def cancel(self, contract: str) -> None:
        self.answer(contract, NewsKind.CANCELLED, reason="cancelled")

    def refuse_for_good(self, contract: str) -> None:
        for _ in range(3):
            self.answer(contract, NewsKind.REJECTED, reason="margin")
            self.quote(after=6)

    def calm(self, ticks: int) -> None:
        """The exchange takes everything at once."""
        for _ in range(ticks):
            self.quote(after=1)
            for live in list(self.live.values()):
                if live.place.number in self.live:
                    contract = live.place.contract
                    if live.asked:
                        self.cancel(contract)
                    else:
                        self.fill(contract, live.left, 100.0 if contract == OLD else 110.0)

    @property
    def state(self) -> RollState:
        return self.roll.state


def test_it_waits_until_both_contracts_are_quoted() -> None:
    street = Street()
    street.begin()
    street.quote(new=nan)
    assert (street.state, street.live) == (RollState.PLANNED, {})
    street.quote()
    assert street.state is RollState.CLOSING
    assert (street.at(OLD).direction, street.at(OLD).lots, street.at(OLD).cause) == (-1, 4, "roll")


def test_closing_first_the_new_contract_follows_lot_by_lot() -> None:
    street = Street({"order": "close_first"})
    street.begin(4)
    street.quote()
    assert street.order(NEW) is None
    street.fill(OLD, 3)
    assert (street.at(NEW).direction, street.at(NEW).lots) == (1, 3)
    assert street.roll.uncovered == 3
    street.fill(NEW, 3, 110.0)
    assert street.roll.uncovered == 0
    street.fill(OLD, 1)
    assert street.state is RollState.OPENING
    street.fill(NEW, 1, 110.0)
    assert (street.state, street.held, street.roll.price_gap) == (RollState.DONE, {OLD: 0, NEW: 4}, 10.0)


def test_opening_first_the_old_contract_follows() -> None:
    street = Street({"order": "open_first"})
    street.begin(-4)
    street.quote()
    assert street.state is RollState.OPENING
    assert street.order(OLD) is None
    assert street.at(NEW).direction == -1
    street.fill(NEW, 4, 110.0)
    assert (street.at(OLD).direction, street.at(OLD).lots) == (1, 4)
    street.fill(OLD, 4)
    assert (street.state, street.held) == (RollState.DONE, {OLD: 0, NEW: -4})


def test_slices_follow_one_another() -> None:
    street = Street({"slice_lots": 2})
    street.begin(5)
    street.quote()
    sizes = []
    while street.state not in FINAL:
        sizes.append(street.at(OLD).lots)
        street.fill(OLD, sizes[-1])
        assert street.roll.uncovered == sizes[-1]
        street.fill(NEW, sizes[-1], 110.0)
    assert sizes == [2, 2, 1]
    assert street.held == {OLD: 0, NEW: 5}


def test_uncovered_lots_are_covered_at_the_market_when_the_time_is_up() -> None:
    street = Street({"seconds": 10})
    street.begin(4)
    street.quote()
    street.fill(OLD, 3)
    since = street.now
    assert street.roll.exposed_since == since
    street.wait(9.9)
    assert street.at(NEW).type is OrderType.LIMIT
    street.wait(0.1)
    assert street.state is RollState.EXPOSED
    street.cancel(NEW)
    assert (street.at(NEW).type, street.at(NEW).lots) == (OrderType.MARKET, 4)
    street.cancel(OLD)
    assert (street.at(OLD).type, street.at(OLD).lots) == (OrderType.MARKET, 1)
    street.wait(2)
    street.fill(OLD, 1)
    street.fill(NEW, 4, 110.0)
    assert (street.state, street.held) == (RollState.DONE, {OLD: 0, NEW: 4})
    told = street.roll.progress(street.now)
    assert (told["exposed_seconds"], told["worst_seconds"], told["uncovered"]) == (12.0, 12.0, 0)


def test_a_refused_new_contract_undone() -> None:
    street = Street({"refused": "undo", "seconds": 600})
    street.begin(4)
    street.quote()
    street.fill(OLD, 3)
    street.refuse_for_good(NEW)
    assert street.state is RollState.UNDOING
    street.cancel(OLD)
    assert (street.at(OLD).direction, street.at(OLD).lots, street.at(OLD).type) == (1, 3, OrderType.MARKET)
    street.fill(OLD, 3)
    assert (street.state, street.held) == (RollState.FAILED, {OLD: 4, NEW: 0})
    assert street.roll.reason == (
        "The new contract was refused: 3 orders in a row were refused, the last one with 'margin'. "
        "The old one was taken back."
    )


def test_a_refused_new_contract_stays_flat() -> None:
    street = Street({"refused": "flat", "seconds": 600})
    street.begin(4)
    street.quote()
    street.fill(OLD, 3)
    street.refuse_for_good(NEW)
    street.cancel(OLD)
    assert (street.at(OLD).direction, street.at(OLD).lots) == (-1, 1)
    street.fill(OLD, 1)
    assert (street.state, street.held) == (RollState.FAILED, {OLD: 0, NEW: 0})
    assert "What was closed stays closed." in street.roll.reason


def test_a_refused_new_contract_that_goes_first_leaves_all_as_it_was() -> None:
    street = Street({"order": "open_first"})
    street.begin(4)
    street.quote()
    street.refuse_for_good(NEW)
    assert (street.state, street.held, street.live) == (RollState.FAILED, {OLD: 4, NEW: 0}, {})


def test_a_contract_that_cannot_be_closed_gives_the_new_lots_back() -> None:
    street = Street({"order": "open_first", "seconds": 600})
    street.begin(4)
    street.quote()
    street.fill(NEW, 2)
    street.refuse_for_good(OLD)
    street.cancel(NEW)
    assert (street.at(NEW).direction, street.at(NEW).lots) == (-1, 2)
    street.fill(NEW, 2)
    assert (street.state, street.held) == (RollState.FAILED, {OLD: 4, NEW: 0})
    assert street.roll.reason.startswith("The old contract could not be closed: 3 orders")


def test_where_nothing_can_be_undone_either_it_says_so() -> None:
    street = Street({"seconds": 600})
    street.begin(4)
    street.quote()
    street.fill(OLD, 4)
    street.refuse_for_good(NEW)
    street.refuse_for_good(OLD)
    assert (street.state, street.held) == (RollState.FAILED, {OLD: 0, NEW: 0})
    assert street.roll.uncovered == 4


@pytest.mark.parametrize("order", ["close_first", "open_first"])
@pytest.mark.parametrize("wanted", [9, 3, 1, 0, -5])
def test_a_target_that_changes_in_the_middle_is_reached_in_the_new_contract(order: str, wanted: int) -> None:
    street = Street({"order": order, "slice_lots": 2, "seconds": 600})
    street.begin(6)
    street.quote()
    first = OLD if order == "close_first" else NEW
    second = NEW if first == OLD else OLD
    street.fill(first, 2)
    street.fill(second, 2)
    street.fill(first, 1)
    street.take(street.roll.retarget(wanted, street.now))
    most = max(street.held.values())
    street.calm(60)
    assert (street.state, street.held) == (RollState.DONE, {OLD: 0, NEW: wanted})
    assert most <= 6


def test_a_smaller_target_closes_the_old_contract_and_opens_nothing() -> None:
    street = Street({"slice_lots": 2})
    street.begin(6)
    street.quote()
    street.fill(OLD, 2)
    street.fill(NEW, 2)
    street.take(street.roll.retarget(3, street.now))
    street.fill(OLD, 2)
    assert street.order(NEW) is None
    assert (street.at(OLD).direction, street.at(OLD).lots) == (-1, 1)


def test_at_the_end_of_the_day_everything_goes_at_the_market() -> None:
    street = Street({"slice_lots": 1})
    street.begin(4, hurry_at=street.now + 60 * SECOND)
    street.quote()
    street.quote(after=60)
    street.cancel(OLD)
    assert (street.at(OLD).type, street.at(OLD).lots) == (OrderType.MARKET, 4)
    assert (street.at(NEW).type, street.at(NEW).lots) == (OrderType.MARKET, 4)
    street.fill(OLD, 4)
    street.fill(NEW, 4, 110.0)
    assert street.state is RollState.DONE


def test_a_contract_that_trades_no_more_is_told() -> None:
    street = Street()
    street.begin(4, ends_at=street.now + 60 * SECOND)
    street.quote()
    street.fill(OLD, 1)
    street.wait(60)
    assert street.state is RollState.FAILED
    assert street.roll.reason == "The old contract trades no more and lots of it are still held."
    assert all(live.asked for live in street.live.values())


def test_a_flat_leg_is_rolled_at_once() -> None:
    street = Street()
    street.begin(0)
    street.quote(old=100.0, new=112.0)
    assert (street.state, street.live, street.roll.price_gap) == (RollState.DONE, {}, 12.0)


def test_figures_for_a_page_are_json() -> None:
    street = Street()
    street.begin(4)
    assert json.loads(json.dumps(street.roll.progress(street.now), allow_nan=False))["gap"] is None


NAMES = ("old", "new", "part", "reject", "cancel", "expire", "clock", "tick", "retarget")
random_steps = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 12)), max_size=40)


def happen(street: Street, name: str, one: int) -> None:
    contract = OLD if one % 2 else NEW
    live = street.order(contract)
    if name == "tick":
        street.quote(after=one, old=nan if one == 7 else 100.0)
    elif name == "clock":
        street.wait(one)
    elif name == "retarget":
        street.take(street.roll.retarget(one - 6, street.now))
    elif live is None:
        return
    elif name in {"old", "new"}:
        street.fill(contract, live.left)
    elif name == "part":
        street.fill(contract, 1)
    elif name == "reject":
        street.answer(contract, NewsKind.REJECTED, reason="margin")
    else:
        street.answer(contract, NewsKind.CANCELLED, reason="expired" if name == "expire" else "cancelled")


@pytest.mark.parametrize("order", ["close_first", "open_first"])
@pytest.mark.parametrize("refused", ["undo", "flat"])
@given(taken=random_steps, held=st.integers(-5, 5))
@settings(max_examples=100, deadline=None)
def test_whatever_happens_it_ends(order: str, refused: str, taken: list[tuple[str, int]], held: int) -> None:
    """Done with the wanted position in the new contract, or failed with a reason; nothing is left at work."""
    street = Street({"order": order, "refused": refused, "slice_lots": 2, "seconds": 5})
    street.begin(held)
    for name, one in taken:
        happen(street, name, one)
    street.calm(120)
    assert street.state in FINAL
    assert not street.live
    if street.state is RollState.DONE:
        assert street.held == {OLD: 0, NEW: street.roll.wanted}
        assert street.roll.contract == NEW
    else:
        assert street.roll.reason
        assert street.roll.contract == NEW or street.held[OLD] or not street.held[NEW]
    assert street.roll.done


@given(taken=random_steps, held=st.integers(-5, 5))
@settings(max_examples=100, deadline=None)
def test_a_restart_at_every_step_changes_nothing(taken: list[tuple[str, int]], held: int) -> None:
    calm, dying = (Street({"slice_lots": 2, "seconds": 5}) for _ in range(2))
    for street in (calm, dying):
        street.begin(held)
    for name, one in taken:
        dying.restart()
        happen(calm, name, one)
        happen(dying, name, one)
    assert repr(dying.sent) == repr(calm.sent)
    assert dying.roll.document() == calm.roll.document()


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(RollState)
    assert all(not MOVES[state] for state in FINAL)
