"""Legs that nothing is heard of while their market trades and their source tells of others: told once, and when over.

A source that says nothing at all is alarmed by the market data itself (``feed_silent``). Time is the market's.
"""

from collections.abc import Iterable

from django.conf import settings

from accounts.models import Alarm
from marketdata.domain.market_hours import open_at
from quantsite.common.times import NS_PER_SECOND
from strategies import alarms
from strategies.choices import LogLevel
from strategies.running import log as say
from strategies.running.feeding import Feeding
from strategies.running.instance import Instance, Leg

AT_ONCE = 20
"""Instances looked at in one go: nobody waits for more."""


class Silence:
    """Watches the legs of a loop's instances; some of them a look."""

    def __init__(self, feeding: Feeding) -> None:
        self._feeding = feeding
        self._told: dict[str, list[str]] | None = None
        self._since: dict[tuple[int, str], int] = {}
        self._left: list[Instance] = []

    def look(self, instances: Iterable[Instance], *, every: bool = False) -> None:
        """Look at the next few; ``every``: at all of them."""
        if self._feeding.catching_up:
            return
        if not self._left or every:
            self._begin_round(list(instances))
        chosen, self._left = (self._left, []) if every else (self._left[:AT_ONCE], self._left[AT_ONCE:])
        for instance in chosen:
            if instance.hosted and not instance.closing:
                self._tell(instance, [leg.instrument.code for leg in instance.legs if self._silent(instance, leg)])

    def _begin_round(self, instances: list[Instance]) -> None:
        """All of them again; of those that do not run any more nothing is left open, nor of an earlier runner's."""
        running = {each.row.key for each in instances if each.hosted and not each.closing}
        if self._told is None:
            subjects = Alarm.objects.open().filter(code=alarms.LEG_SILENT).values_list("subject", flat=True)
            self._told = {key: [] for key in subjects}
        for key in [key for key in self._told if key not in running]:
            del self._told[key]
            alarms.end(alarms.LEG_SILENT, key)
        self._left = instances

    def _silent(self, instance: Instance, leg: Leg) -> bool:
        code, market = leg.instrument.code, self._feeding.market
        source = market.sources_of([code]).get(code, "")
        now, limit = self._feeding.times.get(source, 0), settings.INSTRUMENT_SILENT_SECONDS * NS_PER_SECOND
        tick = market.tick(code)
        heard = max(self._since_of(instance, code, now), tick.time if tick is not None else 0)
        if now - heard <= limit or market.spoke(source) < now - limit:
            return False
        return open_at(leg.contract.table, now) and open_at(leg.contract.table, now - limit)

    def _since_of(self, instance: Instance, code: str, now: int) -> int:
        """Since when we listen; what an earlier runner has told of goes on as long as it is so."""
        known = self._since.get((instance.pk, code))
        if known is None or known > now:
            known = 0 if known is None and instance.row.key in (self._told or ()) else now
            self._since[instance.pk, code] = known
        return known

    def _tell(self, instance: Instance, codes: list[str]) -> None:
        told, key = self._told, instance.row.key
        assert told is not None  # noqa: S101 - a round has begun
        if codes == told.get(key, []) and (codes or key not in told):
            return
        if not codes:
            del told[key]
            alarms.end(alarms.LEG_SILENT, key)
            say.line(instance, "heard", say.HEARD)
            return
        told[key] = codes
        named, seconds = ", ".join(codes), settings.INSTRUMENT_SILENT_SECONDS
        alarms.tell_silent(key, named, seconds)
        say.line(instance, "silent", say.SILENT, {"codes": named, "seconds": seconds}, level=LogLevel.WARNING)
