"""What the page of one judged day shows, as texts and addresses."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from marketdata.domain.quality_score import WEIGHTS, Fault, grade
from marketdata.live_models import DayQuality
from marketdata.quality.links import calendar_url, day_url
from marketdata.quality.strip import strips_of
from marketdata.quality.texts import FAULTS, WORDS, fault_name, threshold
from quantsite.common.times import SHANGHAI

BY_NUMBER = frozenset({Fault.MISSING_TICKS})
"""Their examples are tick numbers, not moments."""


def day_context(row: DayQuality) -> dict[str, Any]:
    """Tiles, the strip of bars, the faults with their examples, remarks, and the days before and after."""
    same = DayQuality.objects.filter(instrument=row.instrument, interval=row.interval)
    before = same.filter(trading_day__lt=row.trading_day).order_by("-trading_day").first()
    after = same.filter(trading_day__gt=row.trading_day).order_by("trading_day").first()
    letter = grade(row.score)
    return {
        "row": row,
        "letter": letter,
        "word": WORDS[letter],
        "tiles": _tiles(row, letter),
        "strips": strips_of(row),
        "faults": _faults(row),
        "remarks": _remarks(row),
        "threshold": threshold(),
        "calendar_url": calendar_url(row.instrument.code, row.trading_day.year, row.interval),
        "before": before and (before.trading_day, day_url(before.pk)),
        "after": after and (after.trading_day, day_url(after.pk)),
    }


def _tiles(row: DayQuality, letter: str) -> list[dict[str, str]]:
    fault = row.details.get("fault", "")
    mostly = _("mostly %(fault)s") % {"fault": fault_name(fault)} if fault else _("no fault")
    expected = _("of %(number)s by the session table") % {"number": f"{row.expected_bars:,}"}
    tiles = [
        (_("Score"), f"{row.score:.3f} {letter}", mostly, "warning" if letter > "B" else ""),
        (_("Bars"), f"{row.bars:,}", expected, ""),
        (_("Bars without volume"), f"{row.zero_volume:,}", _zero(row), ""),
        (_("Ticks"), f"{row.ticks:,}" if row.ticks else "–", _skew(row), ""),
    ]
    return [dict(zip(("title", "value", "note", "tone"), tile, strict=True)) for tile in tiles]


def _zero(row: DayQuality) -> str:
    unusual = row.details.get("faults", {}).get(Fault.ZERO_VOLUME, {}).get("count", 0)
    return _("%(count)s of them unusual") % {"count": f"{unusual:,.0f}"} if unusual else _("as usual")


def _skew(row: DayQuality) -> str:
    if row.clock_skew_ms is None:
        return _("none recorded live") if row.ticks else _("none recorded")
    told = {"median": f"{row.clock_skew_ms:.0f}", "p99": f"{row.details.get('skew_p99_ms') or 0.0:.0f}"}
    return _("clock skew %(median)s ms, 99 %%: %(p99)s ms") % told


def _faults(row: DayQuality) -> list[dict[str, Any]]:
    """The kinds that were found, the dearest first."""
    found = sorted(row.details.get("faults", {}).items(), key=lambda item: -item[1]["cost"])
    return [
        {
            "name": FAULTS[kind].name,
            "meaning": FAULTS[kind].meaning,
            "count": f"{told['count']:,.0f}",
            "cost": f"{told['cost']:.3f}",
            "weight": f"{WEIGHTS[Fault(kind)]:g}",
            "examples": [_example(example) for example in told["examples"]],
            "more": max(0, int(told["count"]) - len(told["examples"])) if told["examples"] else 0,
            "by_number": kind in BY_NUMBER,
            "priced": any("value" in example for example in told["examples"]),
        }
        for kind, told in found
        if kind in FAULTS
    ]


def _example(example: dict[str, Any]) -> dict[str, str]:
    moment = example.get("time")
    return {
        "time": f"{datetime.fromisoformat(moment).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}" if moment else "",
        "name": example.get("name", "").replace("_", " "),
        "value": _number(example.get("value")),
        "against": _number(example.get("against")),
    }


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.10g}"


def _remarks(row: DayQuality) -> list[tuple[str, str]]:
    """What is worth knowing and is no fault."""
    details = row.details
    usual = details.get("usual")
    found = [
        (_("Bars without a trade that are no fault"), f"{details.get('quiet', 0):,}"),
        (_("Bars at one price only"), f"{details.get('flat', 0):,}"),
        (_("Quotes with bid equal to ask"), f"{details['locked']:,}" if details.get("locked") else ""),
        (_("Longest quiet stretch of a usual day, bars"), f"{usual['stretch']:g}" if usual else _("not known")),
        (_("Quiet share of a usual day"), f"{usual['share']:.1%}" if usual else _("not known")),
        (_("Judged at"), f"{row.computed_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"),
    ]
    return [(name, value) for name, value in found if value]
