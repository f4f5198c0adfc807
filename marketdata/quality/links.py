"""Addresses of the pages of judged days, and the tiles that stand on top of them."""

from django.urls import reverse
from django.utils.translation import gettext as _

from marketdata.live_models import DayQuality
from marketdata.quality.texts import fault_name

BASE = "admin:marketdata_dayquality"


def list_url() -> str:
    """The list of instruments."""
    return reverse(f"{BASE}_changelist")


def day_url(key: int) -> str:
    """The page of one judged day."""
    return reverse(f"{BASE}_change", args=[key])


def calendar_url(code: str, year: int, interval: str) -> str:
    """The calendar of an instrument."""
    return f"{list_url()}?instrument={code}&year={year}&interval={interval}"


def mostly(row: DayQuality) -> str:
    """The name of the fault that costs the day most, or that there is none."""
    return fault_name(row.details.get("fault", "")) or _("no fault")


def tile(title: str, value: str, note: str, *, warn: bool = False) -> dict[str, str]:
    """One figure with what it is and a word beside it."""
    return {"title": title, "value": value, "note": note, "tone": "warning" if warn else ""}
