"""The kinds of executions in words: a title and a sentence each."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

KIND_WORDS: dict[str, tuple[str | Promise, str | Promise]] = {
    "market": (_("At the market"), _("All of the gap at once, at the best prices of the other side.")),
    "chase": (_("Chase with a limit"), _("One limit order near the market, moved after it, at last at the market.")),
    "twap": (_("TWAP"), _("The gap in equal slices over time.")),
    "iceberg": (_("Iceberg"), _("Limit orders one after another, none of them showing more than the peak.")),
}
