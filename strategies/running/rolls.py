"""Legs that go from one contract to the next: when they are due, begun once both are quoted, watched, and ended.

What a roll does is the host's (``strategies/domain/execution/roll.py``); its state lies in the host's document, so that
a restart goes on in the middle. Here is what surrounds it: the row that plans it, ticks of both contracts, the leg that
changes, and who is told. Whatever a roll's beginning or end changes in rows is written with the state that says so.
"""

import time
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from marketdata.domain.calendar import TradingCalendar, from_day_number, to_day_number
from marketdata.instruments import contract_of, trading_calendar
from marketdata.live_models import Subscription
from marketdata.main_contracts.state import main_contract_on
from marketdata.models import Instrument
from quantsite.common.errors import ConflictError
from quantsite.common.texts import kept, stored
from quantsite.common.times import ns_to_utc
from strategies import alarms
from strategies.choices import Health, LogLevel, RollState
from strategies.domain.execution.plan import parse
from strategies.domain.execution.roll_due import RollContract, due, hurry_at
from strategies.metrics import ROLL_EXPOSURE, ROLLS
from strategies.running import log as say
from strategies.running import roll_rows
from strategies.running.hosts import Local
from strategies.running.inputs import RollIn
from strategies.running.instance import Instance, Leg
from strategies.running.notices import Notices
from strategies.running.reports import Report, RollTold
from strategies.running.roll_spread import spread_prices
from strategies.running.starting import owner_of
from strategies.state_models import StrategyRoll

if TYPE_CHECKING:
    from strategies.running.loop import StrategyLoop

SHOWN_SECONDS = 1.0
"""So often a roll under way is written for people."""
GRACE_SECONDS = 5.0
"""Beyond the plan's seconds a roll goes at the market: so long that may take before anybody is called."""


class Rolls:
    """All rolls of one loop's instances."""

    def __init__(self, loop: "StrategyLoop") -> None:
        self._loop = loop
        self._notices = Notices()
        self._asked: dict[int, tuple[int, object]] = {}
        self._planned: dict[int, list[StrategyRoll]] = {}
        self._under_way: dict[int, StrategyRoll] = {}
        self._shown: dict[int, float] = {}
        self._exposed: set[int] = set()
        self._unpriced: set[int] = set()
        """Rolls of which somebody was called for want of prices."""
        self._ending: dict[int, set[str]] = {}
        """Of instances the contracts whose end somebody was called for."""
        self._calendar: tuple[int, TradingCalendar] | None = None

    # --- when -------------------------------------------------------------------------------------------------

    def take_in(self, instance: Instance) -> None:
        """An instance is followed: also the contracts of its rolls, as far as anything can still come of them."""
        codes = {leg.instrument.code for leg in instance.legs}
        for row in roll_rows.rolls().filter(instance=instance.pk).order_by("pk"):
            going = row.state in roll_rows.OPEN
            if going and row.started_at is not None:
                self._under_way[instance.pk] = row
            for instrument in (row.from_instrument, row.to_instrument):
                if instrument.code not in codes and (going or instance.book.lots(instrument.code)):
                    self._follow(instance, row.leg, instrument)

    def look(self) -> None:
        """Rolls that are planned, by hand too: read beside the loop, then those begin that can."""
        self._loop.aside.do(_planned, self._plan)

    def _plan(self, rows: Iterable[StrategyRoll]) -> None:
        self._planned.clear()
        at_work = {row.pk for row in self._under_way.values()}  # begun, perhaps not noted yet
        for row in rows:
            if row.instance_id in self._loop.instances and row.pk not in at_work:
                self._planned.setdefault(row.instance_id, []).append(row)
        for pk in self._planned:
            self._loop.touch(self._loop.instances[pk])

    def follow_up(self, instance: Instance) -> None:
        """After each step of an instance: what its host tells, and what is due on its day."""
        self._look_whether_left(instance)
        if not instance.hosted or instance.closing or instance.health == Health.WARMING:
            return
        host = instance.host
        reports = [host.report()] if isinstance(host, Local) else instance.reports
        instance.reports = []
        for report in reports:
            if report or self._notices.called(instance):
                self._take(instance, report)
        if not instance.hosted or not instance.day or instance.host_day != instance.day:
            return
        if self._asked.get(instance.pk) != (instance.day, host):
            self._asked[instance.pk] = instance.day, host
            self._ask(instance)
        if instance.pk in self._planned and instance.pk not in self._under_way:
            self._begin(instance, self._planned[instance.pk][0])

    def _ask(self, instance: Instance) -> None:
        """Once a trading day, and after each start: which legs are due."""
        today, calendar = from_day_number(instance.day), self._calendar_of(instance.day)
        planned, ending = False, set()
        codes = {leg.instrument.code for leg in instance.legs}
        for leg in instance.legs:
            row = main_contract_on(leg.instrument.product, today) if instance.row.follow_main else None
            main = None if row is None else _roll_contract(row.instrument)
            held = _roll_contract(leg.instrument)
            found = None if held is None else due(today, held, main, calendar)
            if found is None:
                continue
            if row is None or found.to is None:
                ending |= self._tell_ending(instance, leg, found.days_left)
            elif found.to not in codes:
                roll_rows.plan(instance, leg, row.instrument, found.ground.value)
                planned = True
        if ending:
            self._ending[instance.pk] = ending
        else:
            self._ending.pop(instance.pk, None)
            alarms.end(alarms.EXPIRING, instance.row.key)
        if planned:
            self.look()

    def _look_whether_left(self, instance: Instance) -> None:
        """Lots of a contract that ends were alarmed: whether they are gone."""
        codes = self._ending.get(instance.pk)
        if codes and not any(instance.book.lots(code) for code in codes):
            del self._ending[instance.pk]
            alarms.end(alarms.EXPIRING, instance.row.key)

    def _calendar_of(self, day: int) -> TradingCalendar:
        """The calendar, read once a day: a day begins for every instance at one moment."""
        if self._calendar is None or self._calendar[0] != day:
            self._calendar = day, trading_calendar()
        return self._calendar[1]

    def _tell_ending(self, instance: Instance, leg: Leg, days_left: int) -> set[str]:
        """Call somebody for lots that nothing takes out of their contract; gives its code where there are some."""
        code = leg.instrument.code
        lots = instance.book.lots(code)
        if not lots:
            return set()
        say.line(instance, "expiring", say.EXPIRING, {"lots": lots, "code": code, "days": days_left},
                 level=LogLevel.WARNING)  # fmt: skip
        alarms.tell_expiring(instance.row.key, lots, code, days_left)
        return {code}

    # --- begin ------------------------------------------------------------------------------------------------

    def _begin(self, instance: Instance, row: StrategyRoll) -> None:
        """Subscribe the new contract; begin once it is quoted."""
        leg = instance.legs[row.leg]
        old, new = leg.instrument.code, row.to_instrument.code
        if row.from_instrument_id != leg.instrument.pk:
            self._unplan(row)
            roll_rows.fail(row, instance.at, stored(kept("The leg does not trade the old contract any more.")))
            return
        target = self._follow(instance, row.leg, row.to_instrument)
        closes = leg.contract.table.plan(instance.day).closes
        tick = self._loop.market.tick(new)
        if tick is None or tick.flags or tick.trading_day != instance.day:
            if instance.at >= hurry_at(closes) and row.pk not in self._unpriced:
                self._unpriced.add(row.pk)
                reason = kept("There are no prices of %(code)s today.", code=new)
                alarms.tell_roll_failed(instance.row.key, old, new, reason)
            return
        ends = leg.instrument.expires
        ends_at = closes if ends is not None and to_day_number(ends) == instance.day else 0
        terms = (target.contract.price_tick, target.contract.multiplier, instance.row.execution)
        at = max(instance.at, tick.time)
        day = from_day_number(instance.day)
        pair, ticks = (row.from_instrument, row.to_instrument), (self._loop.market.tick(old), tick)
        spread = spread_prices(pair, ticks, day, self._calendar_of(instance.day))
        given = RollIn(row.leg, new, *terms, at, hurry_at(closes), ends_at, *spread)
        self._unplan(row)
        self._under_way[instance.pk] = row
        instance.give(given, time.time_ns())
        if isinstance(instance.host, Local):
            self._take(instance, instance.host.report())
        self._loop.touch(instance)

    def _unplan(self, row: StrategyRoll) -> None:
        """It waits no more; another leg's may."""
        left = [each for each in self._planned.get(row.instance_id, ()) if each.pk != row.pk]
        if left:
            self._planned[row.instance_id] = left
        else:
            self._planned.pop(row.instance_id, None)

    def _note_begun(self, instance: Instance, row: StrategyRoll) -> None:
        """Its host rolls, and the state that is stored now says so."""
        old, new = row.from_instrument.code, row.to_instrument.code
        lots, at = instance.book.lots(old), instance.at or self._loop.market_time(instance)
        row.started_at = ns_to_utc(at)
        instance.also.append(partial(roll_rows.begun, row.pk, lots, instance.day, row.started_at))
        details = {"leg": row.leg, "from": old, "to": new, "lots": lots, "at": at}
        say.line(instance, "roll", say.ROLLS, {"old": old, "new": new}, details=details)
        self._hold(instance)

    def _follow(self, instance: Instance, number: int, instrument: Instrument) -> Leg:
        """Give it the ticks of another contract of a leg too."""
        known = instance.others.get(instrument.code)
        if known is not None:
            return known
        table = instance.legs[number].contract.table
        leg = instance.others[instrument.code] = Leg(number, instrument, contract_of(instrument, table))
        instance.book.know(instrument.code, leg.contract.multiplier)
        Subscription.objects.get_or_create(owner=owner_of(instance.pk), instrument=instrument)
        self._loop.feeding.trade(instance, number, instrument.code)
        return leg

    def _leave(self, instance: Instance, instrument: Instrument) -> None:
        """Nothing of this contract is held, nor to be traded any more."""
        instance.others.pop(instrument.code, None)
        self._loop.feeding.leave(instance, instrument.code)
        Subscription.objects.filter(owner=owner_of(instance.pk), instrument=instrument).delete()

    def _hold(self, instance: Instance) -> None:
        """Its state is stored with this step."""
        instance.touch()
        instance.urgent = True
        self._loop.touch(instance)

    # --- what hosts tell --------------------------------------------------------------------------------------

    def _take(self, instance: Instance, report: Report | None) -> None:
        self._notices.take(instance, report)
        if report is None:
            return
        for ended in report.ended:
            self._end(instance, ended)
        if report.roll is not None:
            row = self._row_of(instance, report.roll.leg)
            if row.started_at is None:
                self._note_begun(instance, row)
            self._show(instance, row, report.roll)

    def _row_of(self, instance: Instance, leg: int) -> StrategyRoll:
        """The row of the roll under way; of one that was begun, and not noted before the runner died, the open one."""
        if instance.pk not in self._under_way:
            row = roll_rows.rolls().get(instance=instance.pk, leg=leg, state__in=roll_rows.OPEN)
            self._under_way[instance.pk] = row
            self._unplan(row)
        return self._under_way[instance.pk]

    def _show(self, instance: Instance, row: StrategyRoll, told: RollTold) -> None:
        now = time.monotonic()
        if now - self._shown.get(row.pk, 0.0) >= SHOWN_SECONDS:
            self._shown[row.pk] = now
            roll_rows.show(row.pk, told)
        seconds = told.progress["worst_seconds"]
        late = told.progress["uncovered"] and seconds > _plan_seconds(instance) + GRACE_SECONDS
        if late and row.pk not in self._exposed:
            self._exposed.add(row.pk)
            codes = row.from_instrument.code, row.to_instrument.code
            alarms.tell_exposed(instance.row.key, *codes, seconds)
        elif not told.progress["uncovered"] and row.pk in self._exposed:
            self._exposed.discard(row.pk)
            alarms.end(alarms.ROLL_EXPOSED, instance.row.key)

    def _end(self, instance: Instance, told: RollTold) -> None:
        """The roll is over: the leg trades what it has led to."""
        row = self._row_of(instance, told.leg)
        del self._under_way[instance.pk]
        if row.started_at is None:
            self._note_begun(instance, row)
        instance.also.append(partial(roll_rows.show, row.pk, told))
        old, moved = instance.legs[row.leg], told.contract == row.to_instrument.code
        if moved:
            instance.legs[row.leg] = instance.others.pop(told.contract)
            instance.others[old.instrument.code] = old
            self._loop.feeding.regroup()
            instance.also.append(partial(roll_rows.move_leg, instance.pk, row.leg, row.to_instrument))
        left = row.from_instrument if moved else row.to_instrument
        if not instance.book.lots(left.code):
            instance.also.append(partial(self._leave, instance, left))
        self._hold(instance)
        self._tell_end(instance, row, told)
        if instance.book.lots(left.code):
            values = {"lots": _lots(instance)}
            self._loop.ending.fail(instance, "roll_failed", say.SPLIT, values)

    def _tell_end(self, instance: Instance, row: StrategyRoll, told: RollTold) -> None:
        key, old, new = instance.row.key, row.from_instrument.code, row.to_instrument.code
        progress, state = told.progress, roll_rows.state_of(told.progress)
        ROLLS.labels(state.value).inc()
        ROLL_EXPOSURE.observe(progress["exposed_seconds"])
        alarms.end(alarms.ROLL_EXPOSED, key)
        details = {"leg": row.leg, "from": old, "to": new, "lots": progress["new"], "gap": progress["gap"],
                   "exposed_seconds": progress["exposed_seconds"], "at": instance.at}  # fmt: skip
        if state is RollState.DONE:
            alarms.end(alarms.ROLL_FAILED, key)
            text = say.ROLLED if progress["gap"] is not None else say.ROLLED_FLAT
            values = {"old": old, "new": new, "lots": progress["new"], "gap": progress["gap"] or 0.0}
            say.line(instance, "rolled", text, values, details=details)
        else:
            values = {"old": old, "new": new, "reason": told.reason}
            say.line(instance, "roll_failed", say.NOT_ROLLED, values, level=LogLevel.ERROR, details=details)
            alarms.tell_roll_failed(key, old, new, told.reason)

    # --- the instance ends or begins ----------------------------------------------------------------------------

    def give_up(self, instance: Instance) -> None:
        """It is hosted no more: a roll that was under way is not gone on with."""
        self.forget(instance)
        self.give_up_rows(instance)

    def forget(self, instance: Instance) -> None:
        """What is kept of it here."""
        self._under_way.pop(instance.pk, None)
        self._planned.pop(instance.pk, None)

    @staticmethod
    def give_up_rows(instance: Instance) -> None:
        """What of it is rows, in any thread."""
        reason = stored(kept("The strategy was stopped before the roll was over."))
        for row in roll_rows.give_up(instance, reason):
            old, new = row.from_instrument.code, row.to_instrument.code
            values = {"old": old, "new": new, "reason": reason}
            say.line(instance, "roll_failed", say.NOT_ROLLED, values, level=LogLevel.ERROR)
            alarms.end(alarms.ROLL_EXPOSED, instance.row.key)
            alarms.tell_roll_failed(instance.row.key, old, new, reason)
            ROLLS.labels(RollState.FAILED.value).inc()

    def demand_whole(self, instance: Instance) -> None:
        """Before a fresh start. Raises ``ConflictError`` ``split_roll`` where it holds a contract of no leg."""
        self.give_up(instance)
        if any(instance.book.lots(code) for code in instance.others):
            text = _("A roll was not finished, it holds %(lots)s: flatten it, then start it again.")
            raise ConflictError("split_roll", text % {"lots": _lots(instance)})


def _planned() -> list[StrategyRoll]:
    return list(roll_rows.rolls().filter(state=RollState.PLANNED, started_at=None).order_by("pk"))


def _roll_contract(instrument: Instrument) -> RollContract | None:
    """The contract as the rule takes it; None for a series, which does not end."""
    year, month = instrument.delivery_year, instrument.delivery_month
    if year is None or month is None:
        return None
    return RollContract(instrument.code, (year, month), instrument.expires)


def _plan_seconds(instance: Instance) -> float:
    return parse(instance.row.execution, len(instance.legs)).roll.seconds


def _lots(instance: Instance) -> str:
    return ", ".join(f"{lots:+d} {code}" for code, lots in instance.book.held.items())
