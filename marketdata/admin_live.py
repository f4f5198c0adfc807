"""The console's pages about live market data: feeds, what they publish, who wants it, the recorder and its gaps."""

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter
from unfold.decorators import display

from accounts.admin_base import ReadOnlyModelAdmin
from marketdata.live_models import FeedState, InstrumentFeed, RecorderPosition, Subscription, TickGap

KINDS = {"replay": _("replay"), "generator": _("made-up"), "ctp": "CTP"}
STATES = {
    "starting": _("starting"),
    "running": _("running"),
    "waiting": _("waiting"),
    "finished": _("finished"),
    "stopped": _("stopped"),
}


def _kind(_page: Any, row: FeedState) -> str:
    """The kind of feed in the reader's language."""
    return str(KINDS.get(row.kind, row.kind))


def _state(_page: Any, row: FeedState) -> str:
    """What the feed is doing, in the reader's language."""
    return str(STATES.get(row.status, row.status))


def _age(_page: Any, row: FeedState | InstrumentFeed) -> str:
    """How long ago the last tick came, in seconds of the wall clock."""
    if row.last_tick_at is None:
        return "–"
    return f"{(timezone.now() - row.last_tick_at).total_seconds():,.1f} s"


def _odd(_page: Any, row: FeedState) -> str:
    """The counters that are not zero."""
    return ", ".join(f"{name} {value:,}" for name, value in row.counters.items() if value) or "–"


def _missing(_page: Any, row: TickGap) -> int:
    """How many numbers are missing."""
    return row.last_seq - row.first_seq + 1


def _reason(_page: Any, row: TickGap) -> str:
    """Why they are missing, in the reader's language."""
    return row.reason


@admin.register(FeedState)
class FeedStateAdmin(ReadOnlyModelAdmin):
    """Sources of ticks, as their feeds tell them once a second."""

    list_display = [
        "source",
        "shown_kind",
        "shown_state",
        "market_time",
        "trading_day",
        "speed",
        "instruments",
        "ticks",
        "bars",
        "shown_age",
        "shown_odd",
        "updated_at",
    ]
    list_filter = ["kind", "status"]
    search_fields = ["source"]
    shown_kind = display(description=_("kind"), ordering="kind")(_kind)
    shown_state = display(description=_("state"), ordering="status")(_state)
    shown_age = display(description=_("Last tick"))(_age)
    shown_odd = display(description=_("Counters"))(_odd)


@admin.register(InstrumentFeed)
class InstrumentFeedAdmin(ReadOnlyModelAdmin):
    """Which source publishes an instrument."""

    list_display = ["instrument", "source", "epoch", "since", "shown_age"]
    shown_age = display(description=_("Last tick"), ordering="last_tick_at")(_age)
    list_filter = ["source", ("instrument", AutocompleteSelectFilter)]
    list_filter_submit = True
    list_select_related = ["instrument"]
    search_fields = ["instrument__code", "source"]


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyModelAdmin):
    """Who wants the ticks of what. People subscribe on the quote page, strategies and accounts by themselves."""

    list_display = ["instrument", "owner", "created_at"]
    list_filter = [("instrument", AutocompleteSelectFilter)]
    list_filter_submit = True
    list_select_related = ["instrument"]
    search_fields = ["instrument__code", "=owner"]


@admin.register(RecorderPosition)
class RecorderPositionAdmin(ReadOnlyModelAdmin):
    """How far the recorder is in each stream."""

    list_display = ["source", "stream_id", "market_time", "ticks", "bars", "lag_ms", "updated_at"]
    search_fields = ["source"]


@admin.register(TickGap)
class TickGapAdmin(ReadOnlyModelAdmin):
    """Ticks that were published and could not be recorded."""

    list_display = ["instrument", "trading_day", "source", "first_seq", "last_seq", "shown_missing", "shown_reason"]
    list_filter = ["source", ("instrument", AutocompleteSelectFilter), ("trading_day", RangeDateFilter)]
    list_filter_submit = True
    list_select_related = ["instrument"]
    search_fields = ["instrument__code", "source"]
    readonly_fields = ["shown_reason"]
    shown_reason = display(description=_("reason"))(_reason)
    shown_missing = display(description=_("Missing"))(_missing)
