"""The words for kinds of fault and grades, on pages and reports."""

from collections.abc import Iterable
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from marketdata.domain.quality_score import GRADES, POOR_BELOW, Fault


class FaultText(NamedTuple):
    """A kind's name and what it means."""

    name: str | Promise
    meaning: str | Promise


FAULTS: dict[str, FaultText] = {
    Fault.MISSING: FaultText(
        _("missing bars"), _("The session table has them, and the ticks or the contract's habits say that it traded.")
    ),
    Fault.ZERO_VOLUME: FaultText(
        _("bars without volume"), _("More, or longer on end, than is usual for this contract: a halt, or padding.")
    ),
    Fault.OFF_HOURS: FaultText(_("bars off the hours"), _("They start where the session table has no bar.")),
    Fault.INCONSISTENT: FaultText(
        _("contradictory prices"), _("The high is not the highest price, the low not the lowest, or a price is 0.")
    ),
    Fault.OFF_TICK: FaultText(_("prices off the tick grid"), _("No multiple of the price tick of that day.")),
    Fault.OUTSIDE_LIMITS: FaultText(
        _("prices outside the limits"), _("Above the upper or below the lower limit of the day.")
    ),
    Fault.JUMPS: FaultText(
        _("jumps"), _("A bar moved more than 25 times as far as is typical; the market may have done so.")
    ),
    Fault.PARTIAL: FaultText(_("partial bars"), _("The recording began inside the bar.")),
    Fault.MISSING_TICKS: FaultText(_("lost ticks"), _("They were published and could not be recorded.")),
    Fault.CROSSED: FaultText(_("crossed quotes"), _("The bid is at or above the ask.")),
    Fault.BACKWARD: FaultText(_("ticks that go back"), _("In time, or in the volume of the day.")),
    Fault.CLOCK_SKEW: FaultText(
        _("clock skew, ms"), _("The median tick came more than half a second off the exchange's time; ms beyond it.")
    ),
}

WORDS: dict[str, str | Promise] = {
    "A": _("sound"),
    "B": _("small faults"),
    "C": _("poor"),
    "D": _("bad"),
    "E": _("unusable"),
}


class Grade(NamedTuple):
    """One line of the legend."""

    letter: str
    word: str
    span: str


def legend() -> list[Grade]:
    """The grades with their words and spans of scores, the best first."""
    above, found = 1.0, []
    for letter, lowest in GRADES:
        span = f"{lowest:.2f} – {above:.2f}" if lowest else _t("below %(score)s") % {"score": f"{above:.2f}"}
        found.append(Grade(letter, str(WORDS[letter]), span))
        above = lowest
    return found


def fault_name(kind: str) -> str:
    """The name of a kind, '' for none."""
    return str(FAULTS[kind].name) if kind in FAULTS else ""


def counts_text(counts: Iterable[tuple[str, float]]) -> str:
    """``bars without volume 19 · jumps 2``; a word where there is nothing."""
    return " · ".join(f"{fault_name(kind)} {count:,.0f}" for kind, count in counts) or _t("no fault")


def threshold() -> str:
    """The score below which a day is poor, as text."""
    return f"{POOR_BELOW:.2f}"
