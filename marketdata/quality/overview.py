"""All instruments with judged days, the worst day first."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from django.db.models import Avg, Count, F, Max, Min, Q, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _

from marketdata.domain.quality_score import POOR_BELOW, grade
from marketdata.live_models import DayQuality
from marketdata.quality.links import calendar_url, day_url, mostly, tile
from marketdata.quality.texts import fault_name

SHOWN_INSTRUMENTS = 100
STRIP_DAYS = 40
"""Newest days in the strip of a line: eight weeks."""


class Line(NamedTuple):
    """One instrument of the list."""

    code: str
    interval: str
    url: str
    days: str
    poor: str
    mean: str
    letter: str
    worst: str
    worst_day: date
    worst_url: str
    fault: str
    strip: list[str]


def overview() -> dict[str, Any]:
    """The lines of the list, how many it leaves out, and the tiles."""
    rows = DayQuality.objects.order_by().values("instrument", "instrument__code", "interval")
    counted = rows.annotate(
        days=Count("pk"),
        poor=Count("pk", filter=Q(score__lt=POOR_BELOW)),
        worst=Min("score"),
        mean=Avg("score"),
        newest=Max("trading_day"),
    )
    found = list(counted.order_by("worst", "instrument__code"))
    shown = found[:SHOWN_INSTRUMENTS]
    keys = [row["instrument"] for row in shown]
    ranked, strips = _worst_days(keys), _strips(keys)
    lines = [_line(row, ranked[_series(row)], strips[_series(row)]) for row in shown]
    return {"lines": lines, "hidden_lines": len(found) - len(shown), "tiles": _overview_tiles(found)}


def _series(row: Mapping[str, Any]) -> tuple[int, str]:
    return row["instrument"], row["interval"]


def _line(row: Mapping[str, Any], worst: DayQuality, strip: list[str]) -> Line:
    return Line(
        code=row["instrument__code"],
        interval=row["interval"],
        url=calendar_url(row["instrument__code"], worst.trading_day.year, row["interval"]),
        days=f"{row['days']:,}",
        poor=f"{row['poor']:,}",
        mean=f"{row['mean']:.4f}",
        letter=grade(worst.score),
        worst=f"{worst.score:.3f}",
        worst_day=worst.trading_day,
        worst_url=day_url(worst.pk),
        fault=fault_name(worst.details.get("fault", "")),
        strip=strip,
    )


def _worst_days(keys: list[int]) -> dict[tuple[int, str], DayQuality]:
    """The worst day of each series, the newest of several."""
    order = [F("score").asc(), F("trading_day").desc()]
    rank = Window(RowNumber(), partition_by=[F("instrument"), F("interval")], order_by=order)
    rows = DayQuality.objects.filter(instrument__in=keys).annotate(rank=rank).filter(rank=1)
    return {(row.instrument_id, row.interval): row for row in rows}


def _strips(keys: list[int]) -> dict[tuple[int, str], list[str]]:
    """The grades of each series' newest days, the oldest of them first."""
    rank = Window(RowNumber(), partition_by=[F("instrument"), F("interval")], order_by=F("trading_day").desc())
    rows = DayQuality.objects.filter(instrument__in=keys).annotate(rank=rank).filter(rank__lte=STRIP_DAYS)
    found: dict[tuple[int, str], list[str]] = {}
    for key, interval, score in rows.order_by("trading_day").values_list("instrument", "interval", "score"):
        found.setdefault((key, interval), []).append(grade(score))
    return found


def _overview_tiles(found: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    if not found:
        return []
    days, poor = sum(row["days"] for row in found), sum(row["poor"] for row in found)
    newest = max(row["newest"] for row in found)
    last = DayQuality.objects.filter(trading_day=newest).select_related("instrument").order_by("score")[:1][0]
    return [
        tile(_("Poor days"), f"{poor:,}", _("of %(days)s judged") % {"days": f"{days:,}"}, warn=poor > 0),
        tile(_("Newest judged day"), f"{newest:%Y-%m-%d}", _("worst: %(code)s") % {"code": last.instrument.code}),
        tile(_("Its worst score"), f"{last.score:.3f} {grade(last.score)}", mostly(last)),
        tile(_("Instruments"), f"{len(found):,}", _("with judged days")),
    ]
