"""What a reader must know before believing a result, in the reader's language.

Sentences stored with a run are English: those of ``run_warnings`` are translated as they stand, those of the
engine carry figures and are recognised by their pattern. A sentence that nobody knows is shown as it is.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backtests.reports.data_words import poor_days
from backtests.reports.format import count
from backtests.reports.report_input import ReportInput
from backtests.run_warnings import FEW_TRADES, NO_FEES, TOO_FEW


class Notice(NamedTuple):
    """One warning; ``level`` is ``warning`` or ``critical`` (the figures mean something else than they seem)."""

    level: str
    text: str


_FEES = re.compile(r"No fees are known before (?P<known>[\d-]+): the earliest row is used from (?P<day>[\d-]+) on\.")
_MARGINS = re.compile(
    r"No margins are known before (?P<known>[\d-]+): the earliest row is used from (?P<day>[\d-]+) on\."
)
_REFUSED = re.compile(r"An opening was refused for want of funds on (?P<day>[\d-]+): (?P<why>.+)\.")
_REFUSALS = re.compile(r"(?P<number>\d+) openings in all were refused for want of funds\.")

_FIGURES = (
    (_FEES, gettext_lazy("No fees are known before %(known)s: the earliest row is used from %(day)s on.")),
    (_MARGINS, gettext_lazy("No margin rates are known before %(known)s: the earliest row is used from %(day)s on.")),
    (_REFUSED, gettext_lazy("An opening was refused for want of funds on %(day)s: %(why)s.")),
    (_REFUSALS, gettext_lazy("%(number)s openings in all were refused for want of funds.")),
)


def notices(run: ReportInput) -> list[Notice]:
    """The warnings of a run, the gravest first, none twice."""
    found = dict.fromkeys([*_derived(run), *(Notice("warning", translated(text)) for text in run.warnings)])
    return sorted(found, key=lambda notice: notice.level != "critical")


def translated(sentence: str) -> str:
    """A stored sentence in the reader's language."""
    for pattern, template in _FIGURES:
        if match := pattern.fullmatch(sentence):
            return str(template) % match.groupdict()
    return _(sentence)


def _derived(run: ReportInput) -> Iterator[Notice]:
    """What the report sees by itself, also for a result that was never stored."""
    if run.simulated:
        yield Notice("critical", _("Simulated prices: the data was generated, no such market existed."))
    if len(run.fills) and not run.fills.commission.any():
        yield Notice("warning", _(NO_FEES))
    trades = run.statistics["standard"]["trade_count"]
    if isinstance(trades, int | float) and trades < FEW_TRADES:
        yield Notice("warning", _(TOO_FEW))
    if run.missing_bars:
        text = _("%(number)s bars that the session table expects are missing from the data.")
        yield Notice("warning", text % {"number": count(run.missing_bars)})
    if told := poor_days(run.data_quality):
        yield Notice("warning", told)
    yield from (Notice("warning", translated(sentence)) for sentence in _undated(run))


def _undated(run: ReportInput) -> Iterator[str]:
    """The engine's sentence for each cost table whose first row is later than the first day of the run."""
    if not len(run.days):
        return
    first = date.fromordinal(date(1970, 1, 1).toordinal() + int(run.days.trading_day[0]))
    for name in ("fees", "margins"):
        rows = run.costs.get(name, [])
        known = min((date.fromisoformat(row["valid_from"]) for row in rows), default=first)
        if known > first:
            yield f"No {name} are known before {known}: the earliest row is used from {first} on."
