"""What the audit trail says of backtests."""

from django.utils.translation import pgettext_lazy

THINGS = {
    "backtest": pgettext_lazy("audit", "backtest"),
    "fills": pgettext_lazy("audit", "fills"),
    "optimization": pgettext_lazy("audit", "optimisation"),
    "walk_forward": pgettext_lazy("audit", "walk-forward"),
}
DEEDS = {
    "analyse": pgettext_lazy("audit", "analysed"),
    "cancel": pgettext_lazy("audit", "cancelled"),
    "compare_day": pgettext_lazy("audit", "day compared again"),
    "resume": pgettext_lazy("audit", "goes on"),
    "run": pgettext_lazy("audit", "asked for"),
    "share": pgettext_lazy("audit", "shared"),
    "unshare": pgettext_lazy("audit", "share taken back"),
}
