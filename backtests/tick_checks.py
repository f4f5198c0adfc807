"""Can a request be run on ticks? What only bars can do is refused by name, with the fix."""

from datetime import date

from django.utils.translation import gettext as _

from backtests.domain.rules import ON_TICKS
from backtests.requests import RunRequest
from marketdata.models import Instrument
from marketdata.ticks.days import has_ticks
from quantsite.common.errors import RuleError
from quantsite.common.texts import sentences
from strategies import registry
from strategies.domain.forms import Form, takes_ticks

KNOWN_RULES = ON_TICKS | {"seed", "settlement"}


def check_driven_by_ticks(request: RunRequest) -> None:
    """Strategy, form, instruments, slippage and switches must make sense on ticks. Raises ``RuleError``."""
    cls = registry.get(request.strategy)
    found = {
        "strategy": "" if takes_ticks(cls) else _("%(strategy)s decides on bars only: name an interval of bars."),
        "form": "" if request.form in {"", Form.PLAIN.value} else _("On ticks there is the plain form only."),
        "instrument": _("A run on ticks takes one instrument.") if request.legs else "",
        "slippage_ticks": (
            _("Fills on ticks are at prices of the market: leave slippage_ticks out.")
            if request.costs.slippage_ticks
            else ""
        ),
    }
    for name in request.rules.given().keys() - KNOWN_RULES:
        found[name] = _("%(name)s is for bars: leave it out on ticks.") % {"name": name}
    faults = {name: text % {"strategy": request.strategy} for name, text in sorted(found.items()) if text}
    if faults:
        raise RuleError("not_on_ticks", sentences(*faults.values()), fields=faults)


def check_ticks(request: RunRequest, instrument: Instrument) -> None:
    """There must be ticks in the period. Raises ``RuleError`` ``no_ticks``."""
    if has_ticks(instrument, request.start or date.min, request.end or date.max):
        return
    text = _("%(code)s has no ticks in this period: import them with manage.py import_ticks FILE.")
    text %= {"code": instrument.code}
    raise RuleError("no_ticks", text, fields={"interval": text})
