"""What the audit trail says of accounts, orders and limits."""

from django.utils.translation import pgettext_lazy

THINGS = {
    "account": pgettext_lazy("audit", "account"),
    "broker_login": pgettext_lazy("audit", "login at a broker"),
    "limit": pgettext_lazy("audit", "limit"),
    "order": pgettext_lazy("audit", "order"),
    "orders": pgettext_lazy("audit", "orders"),
    "plan": pgettext_lazy("audit", "plan to close"),
    "position": pgettext_lazy("audit", "position"),
    "risk_event": pgettext_lazy("audit", "risk event"),
    "switch": pgettext_lazy("audit", "stop of the desk"),
}
DEEDS = {
    "adopt": pgettext_lazy("audit", "broker's figures adopted"),
    "begin": pgettext_lazy("audit", "begun"),
    "broker_terms": pgettext_lazy("audit", "told by the broker"),
    "cancel": pgettext_lazy("audit", "cancelled"),
    "cancel_all": pgettext_lazy("audit", "all cancelled"),
    "close": pgettext_lazy("audit", "closed"),
    "confirm_statement": pgettext_lazy("audit", "statement confirmed"),
    "deposit": pgettext_lazy("audit", "deposit"),
    "done": pgettext_lazy("audit", "done"),
    "fail": pgettext_lazy("audit", "failed"),
    "live_off": pgettext_lazy("audit", "live trading off"),
    "live_on": pgettext_lazy("audit", "live trading on"),
    "make": pgettext_lazy("audit", "made"),
    "open": pgettext_lazy("audit", "opened"),
    "peak_reset": pgettext_lazy("audit", "peak set anew"),
    "release": pgettext_lazy("audit", "released"),
    "settle": pgettext_lazy("audit", "settled"),
    "stop": pgettext_lazy("audit", "stopped"),
    "undo_settlement": pgettext_lazy("audit", "settlement undone"),
    "withdraw": pgettext_lazy("audit", "withdrawal"),
}
