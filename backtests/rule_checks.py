"""Can the switches of a request do anything on its instruments? Each refusal names what is missing and the fix."""

from collections.abc import Sequence

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from backtests.domain.rules import ON_TICKS, Adjust, Sessions
from backtests.requests import RunRequest
from backtests.tick_days import TICK
from marketdata.daily_facts import ContractRoll, DailySettlement
from marketdata.domain.instrument import InstrumentKind
from marketdata.domain.intervals import DAY
from marketdata.models import Instrument, ProductSession
from quantsite.common.errors import RuleError
from quantsite.common.texts import sentences
from strategies import registry


def check_form(request: RunRequest) -> None:
    """The form must be one that the strategy can be driven in. Raises ``RuleError`` ``unknown_form``."""
    known = [form.value for form in registry.forms(request.strategy)]
    if not known:
        text = _("%(strategy)s decides on ticks only: ask for the interval tick.") % {"strategy": request.strategy}
        raise RuleError("ticks_only", text, fields={"interval": text})
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
        "roll": _roll_fault(instruments) if rules.roll else "",
        "adjust": _roll_fault(instruments) if rules.adjust != Adjust.NONE else "",
        "settlement": _settlement_fault(request, instruments) if rules.settlement else "",
        "price_limits": _limits_fault(request, instruments) if rules.price_limits and not rules.price_limit else "",
        "price_limit": _lone_limit_fault() if rules.price_limit and not rules.price_limits else "",
        "expiry": _expiry_fault(instruments) if rules.expiry else "",
        "sessions": _sessions_fault(rules.sessions, instruments, interval) if rules.sessions != Sessions.ALL else "",
    }
    if interval != TICK and not rules.ticks:
        faults |= {name: _only_on_ticks(name) for name in ON_TICKS & rules.given().keys()}
    found = {name: text for name, text in faults.items() if text}
    if found:
        raise RuleError("rule_without_data", sentences(*dict.fromkeys(found.values())), fields=found)


def _only_on_ticks(name: str) -> str:
    text = _("%(name)s is for runs on ticks: leave it out on bars, or give ticks along with it.")
    return text % {"name": name}


def _lone_limit_fault() -> str:
    return _("price_limit does nothing without price_limits: give both.")


def _roll_fault(instruments: Sequence[Instrument]) -> str:
    """Of continuous series the rolls must be stored; contracts beside them have none."""
    spliced = [row for row in instruments if row.kind == InstrumentKind.CONTINUOUS]
    if not spliced:
        text = _(
            "%(codes)s is one contract and never rolls: leave roll and adjust out, or name a series such as %(near)s."
        )
        return text % {"codes": ", ".join(row.code for row in instruments), "near": "rb88.SHFE"}
    without = [row.code for row in spliced if not ContractRoll.objects.of(row).exists()]
    text = _(
        "No rolls of %(codes)s are stored: import them with manage.py import_rolls FILE, or leave roll and adjust out."
    )
    return text % {"codes": ", ".join(without)} if without else ""


def _settlement_fault(request: RunRequest, instruments: Sequence[Instrument]) -> str:
    """At least one settlement price in the period; the run's warnings count those that lack."""
    without = [row.code for row in instruments if not _settled(request, row).exists()]
    text = _(
        "No settlement prices of %(codes)s are stored in this period: import them with"
        " manage.py import_settlements FILE, or leave settlement out."
    )
    return text % {"codes": ", ".join(without)} if without else ""


def _limits_fault(request: RunRequest, instruments: Sequence[Instrument]) -> str:
    """Limits come from the rows of settlements, or are estimated."""
    known = Q(upper_limit__isnull=False) | Q(lower_limit__isnull=False)
    without = [row.code for row in instruments if not _settled(request, row).filter(known).exists()]
    text = _(
        "No price limits of %(codes)s are stored in this period: give price_limit (such as 0.05) to estimate them, or"
        " import them with manage.py import_settlements FILE."
    )
    return text % {"codes": ", ".join(without)} if without else ""


def _settled(request: RunRequest, instrument: Instrument) -> QuerySet[DailySettlement]:
    """The stored settlements of an instrument, or of the contracts behind it, in the period of the request."""
    behind = ContractRoll.objects.of(instrument).values_list("from_contract", "to_contract")
    codes = {instrument.code, *(code for pair in behind for code in pair)}
    rows = DailySettlement.objects.filter(instrument__code__in=codes)
    if request.start:
        rows = rows.filter(trading_day__gte=request.start)
    return rows.filter(trading_day__lte=request.end) if request.end else rows


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
