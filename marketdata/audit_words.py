"""What the audit trail says of market data."""

from django.utils.translation import pgettext_lazy

THINGS = {
    "bars": pgettext_lazy("audit", "bars"),
    "calendar": pgettext_lazy("audit", "calendar"),
    "continuous": pgettext_lazy("audit", "continuous series"),
    "feed_login": pgettext_lazy("audit", "login of a feed"),
    "instruments": pgettext_lazy("audit", "instruments"),
    "main_contracts": pgettext_lazy("audit", "main contracts"),
    "quality": pgettext_lazy("audit", "quality of data"),
    "rolls": pgettext_lazy("audit", "changes of contract"),
    "settlements": pgettext_lazy("audit", "settlement prices"),
    "subscription": pgettext_lazy("audit", "subscription"),
    "ticks": pgettext_lazy("audit", "ticks"),
    "watchlist": pgettext_lazy("audit", "watch list"),
}
DEEDS = {
    "archive": pgettext_lazy("audit", "archived"),
    "backfill": pgettext_lazy("audit", "filled up"),
    "build": pgettext_lazy("audit", "built"),
    "check": pgettext_lazy("audit", "checked"),
    "decide": pgettext_lazy("audit", "decided"),
    "extend": pgettext_lazy("audit", "extended"),
    "import": pgettext_lazy("audit", "imported"),
    "order": pgettext_lazy("audit", "put in order"),
    "redecide": pgettext_lazy("audit", "decided anew"),
}
