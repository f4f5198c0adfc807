"""What a reader is told of the data that a run rests on."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from backtests.reports.format import count
from marketdata.quality.texts import fault_name


def data_fact(document: Mapping[str, Any]) -> str:
    """``2 of 977 judged days are poor, 3 of 980 days were never judged``; '' for a run without the document."""
    if not document:
        return ""
    parts = []
    if document["judged"]:
        text = _("%(poor)s of %(judged)s judged days are poor")
        parts.append(text % {"poor": count(document["poor"]), "judged": count(document["judged"])})
    if document["unjudged"]:
        text = _("%(unjudged)s of %(days)s days were never judged")
        parts.append(text % {"unjudged": count(document["unjudged"]), "days": count(document["days"])})
    return ", ".join(parts)


def poor_days(document: Mapping[str, Any]) -> str:
    """The sentence about poor days, the worst of them named; '' where there is none."""
    if not document or not document["poor"]:
        return ""
    text = _("%(poor)s of %(days)s trading days rest on poor data (score below %(score)s): %(worst)s.")
    worst = [_one(day) for day in document["worst"]]
    if document["poor"] > len(worst):
        worst.append("…")
    about = {"poor": count(document["poor"]), "days": count(document["days"]), "score": f"{document['poor_below']:g}"}
    return text % {**about, "worst": ", ".join(worst)}


def _one(day: Mapping[str, Any]) -> str:
    """``2016-01-07 IF88.CFFEX 0.08 bars without volume``."""
    return " ".join((day["trading_day"], day["instrument"], f"{day['score']:.2f}", fault_name(day["fault"])))
