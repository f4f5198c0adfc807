"""What the audit trail says of strategies."""

from django.utils.translation import pgettext_lazy

THINGS = {
    "strategy": pgettext_lazy("audit", "strategy"),
}
DEEDS = {
    "demote": pgettext_lazy("audit", "taken back"),
    "fail": pgettext_lazy("audit", "failed"),
    "flatten": pgettext_lazy("audit", "to be flattened"),
    "gate": pgettext_lazy("audit", "gate changed"),
    "go_live": pgettext_lazy("audit", "gone live"),
    "loss_limit": pgettext_lazy("audit", "loss limit reached"),
    "parameters": pgettext_lazy("audit", "parameters set"),
    "pause": pgettext_lazy("audit", "paused"),
    "promote": pgettext_lazy("audit", "promoted"),
    "resume": pgettext_lazy("audit", "goes on"),
    "retire": pgettext_lazy("audit", "retired"),
    "roll": pgettext_lazy("audit", "roll"),
    "roll_asked": pgettext_lazy("audit", "roll asked for"),
    "rolled": pgettext_lazy("audit", "rolled"),
    "start": pgettext_lazy("audit", "started"),
    "stop": pgettext_lazy("audit", "stopped"),
}
