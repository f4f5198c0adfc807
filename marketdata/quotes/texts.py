"""The words of the quote page that its template loops over or its scripts write."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

ENVIRONMENTS = {"live": _("LIVE"), "paper": _("PAPER"), "replay": _("REPLAY")}

FACTS = (
    ("open", pgettext_lazy("price", "Open")),
    ("high", pgettext_lazy("price", "High")),
    ("low", pgettext_lazy("price", "Low")),
    ("average", pgettext_lazy("price", "Average")),
    ("preSettlement", _("Prev. settle")),
    ("preClose", _("Prev. close")),
    ("upperLimit", _("Limit up")),
    ("lowerLimit", _("Limit down")),
    ("volume", pgettext_lazy("market", "Volume")),
    ("openInterest", _("Open interest")),
    ("interestChange", _("OI change")),
    ("turnover", _("Turnover, yuan")),
)
"""The day's facts beside the last price: name in the script, heading."""

INTERVALS = {
    "1m": pgettext_lazy("bar interval", "1m"),
    "3m": pgettext_lazy("bar interval", "3m"),
    "5m": pgettext_lazy("bar interval", "5m"),
    "15m": pgettext_lazy("bar interval", "15m"),
    "30m": pgettext_lazy("bar interval", "30m"),
    "1h": pgettext_lazy("bar interval", "1h"),
    "2h": pgettext_lazy("bar interval", "2h"),
    "1d": pgettext_lazy("bar interval", "Day"),
}

TEXTS = {
    "up": _("Move %(code)s up"),
    "down": _("Move %(code)s down"),
    "remove": _("Take %(code)s off the list"),
    "nothing": _("Nothing has this code or name."),
    "auction": _("Auction"),
    "trading": pgettext_lazy("market", "Trading"),
    "pause": _("Break"),
    "closed": pgettext_lazy("market", "Closed"),
    "until": _("until %(time)s"),
    "tradingDay": _("Trading day %(day)s"),
    "connecting": _("Connecting…"),
    "lost": _("No connection. Trying again…"),
    "loggedOut": _("Your login has ended. Load the page again."),
    "forbidden": _("You may not receive market data."),
    "waiting": _("No live data yet"),
    "stale": _("Stale since %(time)s"),
    "fresh": _("Receiving"),
    "age": _("%(age)s old"),
    "lastBar": _("last bar %(time)s"),
    "speed": _("%(speed)s× speed"),
    "noBars": _("No bars of %(interval)s are stored for %(code)s."),
    "barsFailed": _("The bars could not be loaded: %(reason)s"),
    "barOpen": pgettext_lazy("bar", "O"),
    "barHigh": pgettext_lazy("bar", "H"),
    "barLow": pgettext_lazy("bar", "L"),
    "barClose": pgettext_lazy("bar", "C"),
    "barVolume": pgettext_lazy("bar", "Vol"),
    "barInterest": pgettext_lazy("bar", "OI"),
    "chart": _("%(code)s, %(interval)s candles: last bar %(time)s, close %(close)s"),
    "indicatorFailed": _("%(name)s: %(reason)s"),
    "removeIndicator": _("Take %(name)s off the chart"),
}
