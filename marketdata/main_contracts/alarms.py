"""The alarm about main contracts that are not decided; docs/runbook.md says what to do about it."""

from datetime import datetime

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm, raise_alarm, register_kind, register_subject
from accounts.models import Severity
from marketdata.instruments import trading_calendar
from marketdata.main_contracts.state import late_products, named

MAIN_CONTRACT_LATE = register_kind("main_contract_late", _("Main contracts are not decided"))
SUBJECT = register_subject("main contracts", _("main contracts"))
LATE = gettext_noop(
    "%(count)d products have no main contract for the coming trading day, the data of the last one are missing: "
    "%(products)s."
)


def check_main_contracts(now: datetime | None = None) -> int:
    """Raise the alarm while products that the desk follows lack a decision, clear it otherwise; gives how many do."""
    late = [product for product, _day in late_products(trading_calendar(), now)]
    if not late:
        clear_alarm(MAIN_CONTRACT_LATE, SUBJECT)
        return 0
    values: dict[str, str | int] = {"count": len(late), "products": named(late)}
    raise_alarm(MAIN_CONTRACT_LATE, SUBJECT, LATE, Severity.WARNING, values)
    return len(late)
