"""Lines of an instance's own log, gathered in a step and written with it, and the sentences that the runner says."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_noop

from quantsite.common.times import ns_to_utc
from strategies.choices import LogLevel
from strategies.event_models import StrategyLog
from strategies.running.instance import Instance

WAITS = gettext_noop("It begins when orders of its former run have ended (%(orders)d): they are withdrawn.")
STARTED = gettext_noop("It runs, warmed up with %(bars)d bars.")
RESTORED = gettext_noop("The runner was started again: it goes on where it stood.")
STOPPED = gettext_noop("It is stopped.")
PAUSED = gettext_noop("It is paused.")
RESUMED = gettext_noop("It goes on.")
FLATTEN = gettext_noop("Its orders are withdrawn and its lots closed.")
FLAT = gettext_noop("It holds nothing any more.")
CHANGED = gettext_noop("Parameters of version %(version)d hold from the next bar on.")
RAISED = gettext_noop("The strategy raised an error: %(error)s")
SLOW = gettext_noop("One event took %(took)d ms, the budget is %(budget)d ms.")
REFUSED = gettext_noop("Order %(number)d was refused: %(reason)s")
GAP = gettext_noop("Market data of %(sources)s were missed; %(bars)d bars were taken from the store.")
SILENT = gettext_noop("Nothing was heard of %(codes)s for %(seconds)d seconds of trading.")
HEARD = gettext_noop("All of its contracts are heard of again.")
LEFT = gettext_noop("%(lots)s stay: %(times)d closing orders in a row came to nothing (%(reason)s).")
NOT_BEGUN = gettext_noop("Strategy %(key)s cannot run: %(error)s")
HUNG = gettext_noop("Strategy %(key)s did not come back within its time of %(budget)d ms for one event.")
ATE = gettext_noop("Strategy %(key)s took more memory than its %(memory)d MB.")
BEHIND = gettext_noop(
    "Strategy %(key)s is %(seconds)d s behind the market: it takes longer for its events than they take to come."
)
UNFIT = gettext_noop("Strategy %(key)s wants or keeps what cannot be: %(error)s")
NOT_STORED = gettext_noop("What strategy %(key)s has led to cannot be stored: %(error)s")
UNREADABLE = gettext_noop(
    "Where strategy %(key)s stood cannot be read (%(error)s). Its lots and orders are known: they are the account's."
)
GREW = gettext_noop("The state of strategy %(key)s has grown beyond %(most)d MB: it must be read and stored whole.")
DIED = gettext_noop("The process of strategy %(key)s has died: %(error)s.")
RAISES = gettext_noop("Strategy %(key)s raised an error %(times)d times in a row: %(error)s")
TAKEN = gettext_noop("An order or a signal of strategy %(key)s bears a number that is taken: %(error)s")
NO_RIGHT = gettext_noop("Strategy %(key)s may not trade any more: %(error)s")
ROLLS = gettext_noop("It rolls from %(old)s to %(new)s.")
ROLLED = gettext_noop("It has rolled from %(old)s to %(new)s: %(lots)d lots, the new contract %(gap)+.2f.")
ROLLED_FLAT = gettext_noop("It trades %(new)s in place of %(old)s from now on.")
NOT_ROLLED = gettext_noop("The roll from %(old)s to %(new)s has failed: %(reason)s")
SPLIT = gettext_noop("Strategy %(key)s stands in two contracts after a roll that failed: %(lots)s")
EXPIRING = gettext_noop("Nothing rolls %(lots)d lots of %(code)s, which trades for %(days)d more days.")
GIVEN_UP = gettext_noop("A target was given up: %(reason)s")
PAIR_UNDONE = gettext_noop("A pair was undone: %(reason)s")
PAIR_FAILED = gettext_noop("A leg of a pair stands alone: %(reason)s")


def line(
    instance: Instance,
    kind: str,
    text: str,
    values: Mapping[str, Any] | None = None,
    *,
    level: str = LogLevel.INFO,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write one line, stamped with the instance's market time."""
    line_of(instance.pk, kind, text, values, level=level, details=details, at=instance.at)


def line_of(
    instance: int,
    kind: str,
    text: str,
    values: Mapping[str, Any] | None = None,
    *,
    level: str = LogLevel.INFO,
    details: Mapping[str, Any] | None = None,
    at: int = 0,
) -> None:
    """The same of one that is not in hand; ``at`` is market time (ns), 0 for none."""
    StrategyLog.objects.create(
        instance_id=instance,
        kind=kind,
        text=text,
        values=dict(values or {}),
        level=level,
        details=dict(details or {}),
        market_time=ns_to_utc(at) if at else None,
    )
