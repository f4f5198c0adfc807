"""What an execution tells of itself: targets given up, pairs undone, legs of a pair that stand alone."""

from quantsite.common.times import NS_PER_SECOND
from strategies import alarms
from strategies.choices import LogLevel
from strategies.domain.execution.plan import parse
from strategies.running import log as say
from strategies.running.instance import Instance
from strategies.running.reports import NoticeTold, Report

GRACE = 5 * NS_PER_SECOND
"""Beyond the plan's seconds the pair is made even at the market: so long that may take."""
TEXTS = {"given_up": say.GIVEN_UP, "pair_undone": say.PAIR_UNDONE, "pair_failed": say.PAIR_FAILED}


class Notices:
    """Of all instances of a loop; remembers which pairs somebody was called for."""

    def __init__(self) -> None:
        self._called: set[int] = set()

    def called(self, instance: Instance) -> bool:
        """Whether somebody was called for it, and nothing has been heard of its end."""
        return instance.pk in self._called

    def take(self, instance: Instance, report: Report | None) -> None:
        """What a host has told; None where that was nothing."""
        exposed = None if report is None else report.exposed
        for notice in () if report is None else report.notices:
            self._tell(instance, notice)
        if exposed is None:
            if instance.pk in self._called:
                self._called.discard(instance.pk)
                alarms.end(alarms.PAIR_UNEVEN, instance.row.key)
            return
        since, lots = exposed
        seconds = (instance.at - since) / NS_PER_SECOND
        pair = parse(instance.row.execution).pair
        if pair is not None and seconds > pair.seconds + GRACE / NS_PER_SECOND and instance.pk not in self._called:
            self._called.add(instance.pk)
            alarms.tell_pair_exposed(instance.row.key, lots, seconds)

    def _tell(self, instance: Instance, notice: NoticeTold) -> None:
        failed = notice.kind == "pair_failed"
        values = {"reason": notice.sentence}
        level = LogLevel.ERROR if failed else LogLevel.WARNING
        details = {"leg": notice.leg, "at": notice.at}
        say.line(instance, notice.kind, TEXTS[notice.kind], values, level=level, details=details)
        if failed:
            self._called.add(instance.pk)
            alarms.tell_pair_failed(instance.row.key, notice.sentence)
