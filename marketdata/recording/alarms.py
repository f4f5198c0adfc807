"""The alarms of the recorder; docs/runbook.md says what to do about them."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.alarms import Value, clear_alarm, raise_alarm, register_kind
from accounts.models import Severity
from marketdata.domain.calendar import from_day_number
from marketdata.domain.tick_gaps import MissingTicks
from quantsite.common.texts import Kept

LEASE = "recorder"
"""Name of the recorder's lease, or its beginning."""

TICK_GAP = register_kind("tick_gap", _("Ticks are missing"))
RECORDER_BEHIND = register_kind("recorder_behind", _("The recorder is behind"))
RECORDER_ASIDE = register_kind("recorder_aside", _("The recorder could not store something"))
TICKS_REPEATED = register_kind("ticks_repeated", _("Ticks came twice"))

GAP = gettext_noop("%(source)s: %(ticks)d ticks of %(instruments)d instruments are missing (%(first)s): %(reason)s.")
FRAMES = gettext_noop("%(source)s: frames %(frames)s are not in the stream any more; what was in them is missing.")
BEHIND = gettext_noop("%(source)s: recorded %(seconds)d s late. %(reason)s")
REPEATED = gettext_noop("%(source)s: %(ticks)d ticks were stored already under their numbers; the stored ones stay.")
DAMAGED = gettext_noop("%(source)s: frame %(id)s is damaged; it is kept in %(folder)s.")
UNKNOWN = gettext_noop("%(source)s: %(codes)s is not known; its ticks and bars are kept in %(folder)s.")
REFUSED = gettext_noop("%(source)s: the database refused frame %(id)s (%(reason)s); it is kept in %(folder)s.")


def tell_gap(source: str, missing: Sequence[MissingTicks], reasons: list[Kept]) -> None:
    """Ticks are missing."""
    first = missing[0]
    values: dict[str, Value] = {
        "source": source,
        "ticks": sum(gap.last - gap.first + 1 for gap in missing),
        "instruments": len({gap.instrument for gap in missing}),
        "first": f"{first.instrument} {from_day_number(first.trading_day)}: {first.first}-{first.last}",
        "reason": reasons,
    }
    raise_alarm(TICK_GAP, source, GAP, Severity.CRITICAL, values)


def tell_lost_frames(source: str, frames: str) -> None:
    """Frames went from the stream before they were read."""
    raise_alarm(TICK_GAP, source, FRAMES, Severity.CRITICAL, {"source": source, "frames": frames})


def tell_aside(source: str, text: str, **values: str) -> None:
    """Something is kept in a file: ``text`` is one of those above."""
    raise_alarm(RECORDER_ASIDE, source, text, Severity.CRITICAL, {"source": source, **values})


def tell_repeated(source: str, ticks: int) -> None:
    """Ticks of a live feed came under numbers that are stored; the stored ones stay."""
    raise_alarm(TICKS_REPEATED, source, REPEATED, Severity.WARNING, {"source": source, "ticks": ticks})


def tell_behind(source: str, seconds: float, reason: str | Kept) -> None:
    """The recorder is far behind."""
    values: dict[str, Value] = {"source": source, "seconds": round(seconds), "reason": reason}
    raise_alarm(RECORDER_BEHIND, source, BEHIND, Severity.WARNING, values)


def tell_caught_up(source: str) -> None:
    """It is not any more."""
    clear_alarm(RECORDER_BEHIND, source)
