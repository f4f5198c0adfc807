"""The alarms about feeds and their streams; docs/runbook.md says what to do about each."""

from collections.abc import Mapping
from datetime import timedelta

from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm, raise_alarm, register_kind
from accounts.models import Alarm, Lease, Severity
from marketdata.domain.market_hours import open_at
from marketdata.instruments import session_table
from marketdata.live_models import FeedState, InstrumentFeed
from marketdata.models import Product
from marketdata.publishing.claims import lease_name
from quantsite.common.errors import RuleError
from quantsite.common.times import utc_to_ns

FEED_STOPPED = register_kind("feed_stopped", _("A feed has stopped without saying so"))
FEED_SILENT = register_kind("feed_silent", _("The market is open and a feed publishes nothing"))
FEED_REFUSED = register_kind("feed_refused", _("An instrument has two sources"))
STREAM_TROUBLE = register_kind("stream_trouble", _("A feed cannot reach the tick stream"))
TICKS_DROPPED = register_kind("ticks_dropped", _("Ticks were lost before they reached the stream"))

STOPPED = gettext_noop("The feed %(source)s told last at %(at)s that it runs, and its lease has ended.")
SILENT = gettext_noop("The feed %(source)s runs, its market is open, and its last tick came at %(at)s.")
REFUSED = gettext_noop("The feed %(source)s does not publish %(instrument)s: %(other)s does.")
TROUBLE = gettext_noop("The feed %(source)s keeps its ticks in memory: %(reason)s.")
DROPPED = gettext_noop("The feed %(source)s has lost %(number)d messages: the stream was away for too long.")

ALIVE = ("starting", "running", "waiting")
SILENT_AFTER = timedelta(seconds=60)
"""Of a market that is open; the least traded contracts may be silent for longer, a source as a whole is not."""

CODES = (FEED_STOPPED, FEED_SILENT)


def check_feeds() -> list[str]:
    """Raise and clear ``feed_stopped`` and ``feed_silent``, seen from outside; gives the sources they are about."""
    found: dict[str, set[str]] = {code: set() for code in CODES}
    living = set(Lease.objects.filter(expires_at__gt=Now()).values_list("name", flat=True))
    for state in FeedState.objects.filter(status__in=ALIVE):
        if lease_name(state.source) not in living:
            found[FEED_STOPPED].add(state.source)
            about = {"source": state.source, "at": _clock(state.updated_at)}
            raise_alarm(FEED_STOPPED, state.source, STOPPED, Severity.CRITICAL, about)
        elif _silent(state):
            found[FEED_SILENT].add(state.source)
            about = {"source": state.source, "at": _clock(state.last_tick_at)}
            raise_alarm(FEED_SILENT, state.source, SILENT, Severity.CRITICAL, about)
    for code, subject in Alarm.objects.open().filter(code__in=CODES).values_list("code", "subject"):
        if subject not in found[code]:
            clear_alarm(code, subject)
    return sorted(set().union(*found.values()))


def tell_stream(source: str, trouble: str, dropped: int, dropped_before: int) -> None:
    """What a feed tells of its own publisher: that it cannot reach the stream, and that messages were lost."""
    if trouble:
        about: Mapping[str, str | int] = {"source": source, "reason": trouble}
        raise_alarm(STREAM_TROUBLE, source, TROUBLE, Severity.CRITICAL, about)
    else:
        clear_alarm(STREAM_TROUBLE, source)
    if dropped > dropped_before:
        raise_alarm(TICKS_DROPPED, source, DROPPED, Severity.CRITICAL, {"source": source, "number": dropped})


def tell_refused(source: str, others: Mapping[str, str]) -> None:
    """Raise ``feed_refused`` for each instrument (code -> the source that has it), clear it for the others of ours."""
    for code, other in others.items():
        about = {"source": source, "instrument": code, "other": other}
        raise_alarm(FEED_REFUSED, f"{source} {code}", REFUSED, Severity.WARNING, about)
    mine = Alarm.objects.open().filter(code=FEED_REFUSED, subject__startswith=f"{source} ")
    for subject in mine.values_list("subject", flat=True):
        if subject.removeprefix(f"{source} ") not in others:
            clear_alarm(FEED_REFUSED, subject)


def clear_own(source: str) -> None:
    """A feed that ends has no trouble and wants nothing any more; what it lost stays an alarm."""
    clear_alarm(STREAM_TROUBLE, source)
    tell_refused(source, {})


def _silent(state: FeedState) -> bool:
    """Whether ticks should come and do not. One that has just begun is given its time."""
    last = state.last_tick_at
    if state.status != "running" or last is None or state.market_time is None:
        return False
    if timezone.now() - last < SILENT_AFTER:
        return False
    products = Product.objects.filter(
        pk__in=InstrumentFeed.objects.filter(source=state.source).values("instrument__product")
    )
    try:
        return any(open_at(session_table(product), utc_to_ns(state.market_time)) for product in products)
    except RuleError:  # beyond the calendar: there is an alarm of its own about that
        return False


def _clock(moment: object) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M:%S") if moment else "-"  # type: ignore[arg-type]
