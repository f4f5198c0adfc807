"""Rolls that do not go by themselves: no successor, no prices, two legs on one day, a killed process, other lots."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Alarm
from marketdata import stream
from marketdata.daily_facts import MainContractDay
from marketdata.domain.ticks import Tick
from marketdata.models import Instrument
from marketdata.tests.made_ticks import tick
from quantsite.common.times import NS_PER_MINUTE
from strategies import services
from strategies.choices import RollState
from strategies.event_models import Signal, StrategyLog, StrategyOrder
from strategies.instance_models import StrategyInstance
from strategies.running.loop import Rung
from strategies.state_models import StrategyPosition, StrategyRoll
from strategies.tests.live_day import LiveDay, fills_of, live_day, make_instance
from strategies.tests.running.killed_day import KilledDay
from strategies.tests.running.roll_desk import DAY, LOTS, MADE, NEW, OLD, UP, Desk, main_is, quotes, rolled
from strategies.tests.user_files import using
from strategies.verbs.holdings import held_lots
from trading import services as trading
from trading.account_models import AccountState
from trading.ledger_models import Position
from trading.tests.desk_processes import processes

pytestmark = pytest.mark.django_db(transaction=True)

HC_OLD, HC_NEW = "hc2405.SHFE", "hc2410.SHFE"
MINUTES_CLOSED = 240
"""Ticks up to which two minutes have closed."""


@pytest.fixture(autouse=True)
def places() -> Iterator[None]:
    with using(MADE):
        yield


@pytest.fixture
def day() -> Iterator[LiveDay]:
    with live_day([OLD, NEW], quotes(1, 1)[0]) as made:
        yield made


def open_alarm(code: str) -> Alarm | None:
    return Alarm.objects.filter(code=code, cleared_at=None).first()


def rung(day: LiveDay) -> None:
    """The runner looks at once at what people have asked for."""
    assert day.loop is not None
    day.loop.take(Rung())
    day.loop.end_step()
    day.loop.settle()


# --- nothing to go to --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("follow", [False, True])
def test_lots_of_a_contract_that_ends_are_alarmed_until_they_are_gone(day: LiveDay, follow: bool) -> None:
    desk = Desk(day, follow_main=follow)
    if follow:
        main_is(OLD)
    Instrument.objects.filter(code=OLD).update(expires=date(2024, 1, 3))
    desk.kill()  # it asks at its start, before it holds anything
    assert open_alarm("strategy_expiring") is None
    desk.play(10)
    desk.kill()
    desk.play(1)
    alarm = open_alarm("strategy_expiring")
    assert alarm is not None
    assert (alarm.values["lots"], alarm.values["code"], alarm.values["days"]) == (LOTS, OLD, 1)
    line = StrategyLog.objects.get(instance=desk.row, kind="expiring")
    assert f"{LOTS} lots of {OLD}" in line.told
    desk.play(5)
    assert StrategyLog.objects.filter(instance=desk.row, kind="expiring").count() == 1
    assert not StrategyRoll.objects.exists()
    services.flatten(None, desk.row.pk)
    rung(day)
    desk.play(15)
    assert held_lots(desk.row) == {}
    assert open_alarm("strategy_expiring") is None


def test_with_a_day_more_nobody_is_called(day: LiveDay) -> None:
    desk = Desk(day)
    desk.play(10)
    Instrument.objects.filter(code=OLD).update(expires=date(2024, 1, 4))
    desk.kill()
    desk.play(2)
    assert held_lots(desk.row) == {OLD: LOTS}
    assert open_alarm("strategy_expiring") is None


def test_rolled_by_hand_the_alarm_of_the_end_is_over(day: LiveDay) -> None:
    desk = Desk(day)
    desk.play(10)
    Instrument.objects.filter(code=OLD).update(expires=DAY)
    desk.kill()
    desk.play(1)
    assert open_alarm("strategy_expiring") is not None
    services.roll_now(None, desk.row.pk, 0, NEW, "It ends today.")
    rung(day)
    desk.play(15)
    rolled(desk, LOTS)


def test_without_prices_of_the_new_contract_somebody_is_called_before_the_close(day: LiveDay) -> None:
    desk = Desk(day, follow_main=True)
    desk.play(10, new="")
    main_is(NEW)
    desk.kill()
    desk.play(5, new="")
    assert desk.roll.state == RollState.PLANNED
    assert open_alarm("strategy_roll_failed") is None
    late = 344 * NS_PER_MINUTE // 500_000_000  # 14:44, sixteen minutes before the close
    desk.seq = late
    desk.play(1, new="")
    assert open_alarm("strategy_roll_failed") is None
    desk.seq = late + 200
    desk.play(1, new="")
    alarm = open_alarm("strategy_roll_failed")
    assert alarm is not None
    assert alarm.values["reason"]["text"] == "There are no prices of %(code)s today."
    assert desk.roll.state == RollState.PLANNED
    desk.play(12)  # now there are: in a hurry, at the market
    rolled(desk, LOTS)


# --- pairs -------------------------------------------------------------------------------------------------------


def both(first: int, last: int, pairs: Sequence[tuple[str, str]]) -> list[Tick]:
    """Old and new contracts of several products, tick by tick."""
    return [each for seq in range(first, last + 1) for old, new in pairs for each in quotes(seq, seq, old, new)]


PRODUCTS = ((OLD, NEW), (HC_OLD, HC_NEW))


def twins(day: LiveDay, **given: Any) -> StrategyInstance:
    """A strategy on two legs whose first minute has closed."""
    day.add_account("twins")
    row = make_instance("twins", "twins", [OLD, HC_OLD], "twins", "1m", isolated=False, unit=4, **given)
    day.begin()
    return row


def test_a_pair_of_which_one_leg_is_refused_is_undone_and_told() -> None:
    old = ((OLD, ""), (HC_OLD, ""))
    with live_day([OLD, HC_OLD], quotes(1, 1)[0]) as day:
        row = twins(day, execution={"kind": "market", "pair": {"seconds": 2, "then": "undo"}})
        trading.set_limit(None, "allowed_instruments", "account", "twins", 0, params={"allowed": [OLD]}, reason="One.")
        day.settle(tend=True)
        day.play(both(1, 2, old))
        day.play(both(121, 180, old))
        assert held_lots(row) == {}
        filled = {(fill[1], fill[3]) for fill in fills_of(row)}
        assert {side for side, _lots in filled} == {"buy", "sell"}
        line = StrategyLog.objects.get(instance=row, kind="pair_undone")
        assert line.level == "warning"
        assert "The other leg was not filled in time" in line.told
        assert open_alarm("strategy_pair_uneven") is None


# --- several -----------------------------------------------------------------------------------------------------


def test_two_legs_roll_on_one_day_one_after_the_other() -> None:
    with live_day([OLD, NEW, HC_OLD, HC_NEW], quotes(1, 1)[0]) as day:
        row = twins(day, follow_main=True)
        day.play(both(1, 2, PRODUCTS))
        day.play(both(121, 128, PRODUCTS))
        assert held_lots(row) == {OLD: 4, HC_OLD: -4}
        main_is(NEW)
        main_is(HC_NEW)
        day.kill()
        day.begin()
        day.play(both(129, 160, PRODUCTS))
        assert held_lots(row) == {NEW: 4, HC_NEW: -4}
        first, second = StrategyRoll.objects.filter(instance=row).order_by("pk")
        assert (first.state, second.state) == (RollState.DONE, RollState.DONE)
        assert (first.leg, second.leg) == (0, 1)
        assert first.ended_at is not None
        assert second.started_at is not None
        assert first.ended_at <= second.started_at
        assert [leg.instrument.code for leg in row.legs.order_by("number")] == [NEW, HC_NEW]
        assert not Alarm.objects.filter(code__startswith="strategy_", cleared_at=None).exists()
        rung(day)  # looks at the rows again: what is over stays over
        day.play(both(161, 162, PRODUCTS))
        assert set(StrategyRoll.objects.values_list("state", flat=True)) == {RollState.DONE}


def test_what_it_sees_goes_on_and_what_it_trades_is_the_new_contracts(day: LiveDay) -> None:
    """Bars of a minute each: of the old contract, then of the new one, a hundred yuan above."""
    day.add_account("sees")
    row = make_instance("sees", "sees", [OLD], "sees", "1m", isolated=False, unit=2, follow_main=True)
    day.begin()
    day.play(quotes(1, 2) + quotes(121, 124))
    main_is(NEW)
    day.kill()
    day.begin()
    day.play(quotes(125, 140) + quotes(241, 242) + quotes(361, 362))
    assert held_lots(row) == {NEW: 2}
    signals = list(Signal.objects.filter(instance=row).order_by("number"))
    assert [signal.instrument.code for signal in signals] == [OLD, NEW, NEW]
    closes = [tick(OLD, seq).last for seq in (2, 140, 242)]  # the old contract's last prices, had it gone on
    assert [float(signal.price) for signal in signals] == [closes[0], 4000.0 + UP, 4000.0 + UP]
    assert [signal.values["close"] for signal in signals] == [closes[0], 4000.0, 4000.0]


def test_on_a_shared_account_only_the_own_lots_roll(day: LiveDay) -> None:
    account = day.add_account("shared")
    plain: dict[str, Any] = {"isolated": False}
    stays = make_instance("stays", "holds", [OLD], "shared", "tick", unit=2, **plain)
    rolls = make_instance("rolls", "holds", [OLD], "shared", "tick", unit=LOTS, follow_main=True, **plain)
    day.begin()
    day.play(quotes(1, 12))
    assert (held_lots(stays), held_lots(rolls)) == ({OLD: 2}, {OLD: LOTS})
    main_is(NEW)
    day.kill()
    day.begin()
    day.play(quotes(13, 40))
    assert (held_lots(stays), held_lots(rolls)) == ({OLD: 2}, {NEW: LOTS})
    day.settle(tend=True)
    assert day.loop is not None
    day.loop.show_all()
    held = {
        (row.instrument.code, row.side): row.volume for row in Position.objects.filter(account=account, volume__gt=0)
    }
    assert held == {(OLD, "long"): 2, (NEW, "long"): LOTS}
    shown = StrategyPosition.objects.filter(instance__in=[stays, rolls]).exclude(lots=0)
    assert {(row.instance_id, row.instrument.code, row.lots) for row in shown} == {
        (stays.pk, OLD, 2),
        (rolls.pk, NEW, LOTS),
    }
    made = float(AccountState.objects.get(account=account).balance - day.capital)
    virtual = sum(float(row.profit) for row in StrategyPosition.objects.filter(instance__in=[stays, rolls]))
    assert virtual == pytest.approx(made, abs=0.01)
    assert not StrategyOrder.objects.filter(instance=stays, cause="roll").exists()


# --- killed ------------------------------------------------------------------------------------------------------


class KilledRoll(KilledDay):
    """Its process knows the strategies of this folder; it is killed where a test says."""

    def _start(self) -> None:
        assert self.processes is not None
        self.processes.environment["QUANTSITE_STRATEGIES"] = MADE
        super()._start()

    def strike(self) -> None:
        """SIGKILL between two ticks; its successor goes on."""
        self._kill(stream.parse_id(stream.newest_id(self.source) or "0-0").number)
        self._strategies()


def fills_told(row: StrategyInstance) -> list[tuple[Any, ...]]:
    """Side, price and lots of each fill; a restart may find the roll due a tick earlier or later."""
    return [fill[1:4] for fill in fills_of(row)]


def rolls_undisturbed() -> list[tuple[Any, ...]]:
    """The fills of the same day whose process nobody kills; what is left of it is nobody's concern."""
    with live_day([OLD, NEW], quotes(1, 1)[0]) as day:
        desk = Desk(day, "calm", follow_main=True)
        desk.play(10)
        main_is(NEW)
        desk.kill()
        desk.play(24)
        rolled(desk, LOTS)
    MainContractDay.objects.all().delete()
    StrategyPosition.objects.update(lots=0)
    return fills_told(desk.row)


def test_a_process_killed_in_the_middle_of_a_roll_is_gone_on_with(tmp_path: Path) -> None:
    calm = rolls_undisturbed()
    with processes(tmp_path) as served:
        day = KilledRoll([OLD, NEW], quotes(1, 1)[0], processes=served)
        try:
            desk = Desk(day, follow_main=True)
            desk.play(10)
            main_is(NEW)
            day.strike()
            row = desk.play_until_begun()
            assert row.started_at is not None
            day.strike()
            day.kills = [day.settled + 1]  # and once within what follows from a tick
            desk.play(2)
            day.strike()
            desk.play(34 - desk.seq)
            row = rolled(desk, LOTS)
            assert row.document["held"] == LOTS
        finally:
            day.end()
        assert day.killed == 4
        assert desk.kinds().count("rolled") == 1
    bought = sum(fill[3] for fill in fills_of(desk.row) if fill[1] == "buy")
    assert bought == 2 * LOTS
    assert fills_told(desk.row) == calm
