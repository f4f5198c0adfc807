"""Can the switches of a request do anything on its instruments? Each refusal names what is missing and the fix."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from backtests.domain.rules import Sessions
from backtests.requests import RunRequest
from marketdata.domain.instrument import InstrumentKind
from marketdata.domain.intervals import DAY
from marketdata.models import Instrument, ProductSession
from quantsite.common.errors import RuleError
from quantsite.common.texts import sentences
from strategies import registry
from strategies.domain.forms import forms


def check_form(request: RunRequest) -> None:
    """The form must be one that the strategy can be driven in. Raises ``RuleError`` ``unknown_form``."""
    known = [form.value for form in forms(registry.get(request.strategy))]
    if request.form and request.form not in known:
        text = _("%(strategy)s has no form %(form)s: it has %(known)s.") % {
            "strategy": request.strategy,
            "form": repr(request.form),
            "known": ", ".join(known),
        }
        raise RuleError("unknown_form", text, fields={"form": text})


def check_rules(request: RunRequest, instruments: Sequence[Instrument], interval: str) -> None:
    """Every switch that is on must find what it needs. Raises ``RuleError`` ``rule_without_data``, keyed by switch."""
    rules = request.rules
    faults = {
        "price_limit": _lone_limit_fault() if rules.price_limit and not rules.price_limits else "",
        "expiry": _expiry_fault(instruments) if rules.expiry else "",
        "sessions": _sessions_fault(rules.sessions, instruments, interval) if rules.sessions != Sessions.ALL else "",
    }
    found = {name: text for name, text in faults.items() if text}
    if found:
        raise RuleError("rule_without_data", sentences(*dict.fromkeys(found.values())), fields=found)


def _lone_limit_fault() -> str:
    return _("price_limit does nothing without price_limits: give both.")


def _expiry_fault(instruments: Sequence[Instrument]) -> str:
    """Only a contract expires, and its last day must be known."""
    spliced = [row.code for row in instruments if row.kind == InstrumentKind.CONTINUOUS]
    if spliced:
        text = _("%(codes)s never expires: leave expiry out, or name contracts such as rb2410.SHFE.")
        return text % {"codes": ", ".join(spliced)}
    unknown = [row.code for row in instruments if row.expires is None]
    text = _("The last trading day of %(codes)s is not known: enter it with the instrument, or leave expiry out.")
    return text % {"codes": ", ".join(unknown)} if unknown else ""


def _sessions_fault(sessions: Sessions, instruments: Sequence[Instrument], interval: str) -> str:
    """A daily bar spans both sessions, and a product without a night session would never trade."""
    if interval == DAY:
        return _("A bar of a whole day spans both sessions: take bars of minutes, or leave sessions out.")
    if sessions == Sessions.DAY:
        return ""
    at_night = set(ProductSession.objects.exclude(night="").values_list("product", flat=True))
    without = [row.code for row in instruments if row.product_id not in at_night]
    text = _("%(codes)s has no night session: take the day session, or leave sessions out.")
    return text % {"codes": ", ".join(without)} if without else ""
