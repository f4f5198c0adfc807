"""Can a request be run on ticks? What only bars can do is refused by name, with the fix."""

from collections.abc import Mapping
from datetime import date

from django.utils.translation import gettext as _

from backtests.domain.rules import ON_TICKS
from backtests.requests import RunRequest
from marketdata.models import Instrument
from marketdata.ticks.days import has_ticks
from quantsite.common.errors import RuleError
from quantsite.common.texts import sentences
from strategies import registry
from strategies.domain.forms import Form

KNOWN_RULES = ON_TICKS | {"seed", "settlement"}
HOSTED_RULES = KNOWN_RULES | {"ticks"}


def check_driven_by_ticks(request: RunRequest) -> None:
    """Strategy, form, instruments, slippage and switches must make sense on ticks. Raises ``RuleError``."""
    on_ticks = registry.facts(request.strategy).ticks
    found = {
        "strategy": "" if on_ticks else _("%(strategy)s decides on bars only: name an interval of bars."),
        "form": "" if request.form in {"", Form.PLAIN.value} else _("On ticks there is the plain form only."),
        "instrument": _("A run on ticks takes one instrument.") if request.legs else "",
    }
    if request.rules.ticks:
        found["ticks"] = _("With the interval tick every tick decides: leave ticks out, or name an interval of bars.")
    _refuse(request, found | _bars_only(request, HOSTED_RULES))


def check_hosted(request: RunRequest) -> None:
    """The same for a run on which bars decide and ticks fill. Raises ``RuleError``."""
    alone = registry.get(request.strategy).legs == 1
    portfolio = _("%(strategy)s under the live host trades its own instruments: a portfolio needs a run for each.")
    found = {
        "form": _("The live host drives a strategy in its own way: leave form out.") if request.form else "",
        "instrument": portfolio if alone and request.legs else "",
    }
    _refuse(request, found | _bars_only(request, HOSTED_RULES))


def _bars_only(request: RunRequest, known: frozenset[str]) -> dict[str, str]:
    """What is given and only bars can do, by name."""
    text = _("%(name)s is for bars: leave it out on ticks.")
    found = {name: text % {"name": name} for name in request.rules.given().keys() - known}
    if request.costs.slippage_ticks:
        found["slippage_ticks"] = _("Fills on ticks are at prices of the market: leave slippage_ticks out.")
    return found


def _refuse(request: RunRequest, found: Mapping[str, str]) -> None:
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
