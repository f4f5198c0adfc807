"""Pages of market data outside the console: the traders' quotes."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.audit import record_refusal
from accounts.models import User
from marketdata.domain.intervals import COMMON_INTERVALS
from marketdata.quotes import watchlist
from marketdata.quotes.api import WatchedSerializer
from marketdata.quotes.texts import ENVIRONMENTS, FACTS, INTERVALS, TEXTS

VIEW = "marketdata.view_tick"
VIEW_FILLS = "trading.view_fill"
"""Named, not imported: this app knows none above it. The API decides whose fills they are."""
BOOK = (*(("ask", level) for level in range(5, 0, -1)), *(("bid", level) for level in range(1, 6)))
"""Rows of the order book from above to below."""
INDICATOR_SETS = ("MA", "EMA", "BOLL", "MACD", "KDJ", "RSI")
"""What has a button of its own; studies.js knows what each one draws."""
NO_CODE = "-"
"""Stands for the code in the addresses that the page's scripts fill."""


@never_cache
@require_safe
def quotes(request: HttpRequest) -> HttpResponseBase:
    """Watchlist, last price and chart, for who may see ticks; strangers are asked to log in. 403 for the others."""
    user = request.user
    if not isinstance(user, User):
        return redirect_to_login(request.get_full_path())
    if not user.has_perm(VIEW):
        record_refusal(user, "quotes.open", reason=VIEW)
        raise PermissionDenied
    return _page(request, user)


def _page(request: HttpRequest, user: User) -> HttpResponse:
    context = {
        "environment": settings.ENVIRONMENT,
        "environment_word": ENVIRONMENTS[settings.ENVIRONMENT],
        "facts": FACTS,
        "book": BOOK,
        "intervals": [(name, INTERVALS[name], key) for key, name in enumerate(COMMON_INTERVALS, 1)],
        "sets": INDICATOR_SETS,
        "settings": _settings(user),
    }
    return render(request, "quotes/quotes.html", context)


def _settings(user: User) -> dict[str, Any]:
    """What the scripts need to know: addresses, texts in the page's language, the watchlist."""
    return {
        "language": get_language(),
        "texts": {name: str(text) for name, text in TEXTS.items()},
        "intervals": list(COMMON_INTERVALS),
        "watchlist": WatchedSerializer(watchlist.watched(user), many=True).data,
        "mayWatch": user.has_perms(["marketdata.add_subscription", "marketdata.delete_subscription"]),
        "addresses": {
            "bars": reverse("bar-list"),
            "indicators": reverse("indicator-list"),
            "latest": reverse("ticks-latest"),
            "instruments": reverse("instrument-list"),
            "instrument": reverse("instrument-detail", args=[NO_CODE]),
            "hours": reverse("instrument-hours", args=[NO_CODE]),
            "watchlist": reverse("watchlist"),
            "watched": reverse("watched", args=[NO_CODE]),
            "socket": "/ws/market/",
            "fills": reverse("fill-list") if user.has_perm(VIEW_FILLS) else "",
        },
    }
