"""The choices of the rows about risk, with their names for people; the values are the domain's own."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from trading.domain.risk.rules import BreachAction, Rule
from trading.domain.risk.scopes import ScopeKind
from trading.domain.risk.switches import Strength


class RuleName(models.TextChoices):
    """The rules (``trading.domain.risk.rules.Rule``)."""

    ORDER_VOLUME = Rule.ORDER_VOLUME.value, _("lots of one order")
    ORDER_NOTIONAL = Rule.ORDER_NOTIONAL.value, _("value of one order")
    PRICE_COLLAR = Rule.PRICE_COLLAR.value, _("distance from the last price")
    SETTLEMENT_COLLAR = Rule.SETTLEMENT_COLLAR.value, _("distance from the previous settlement")
    POSITION_INSTRUMENT = Rule.POSITION_INSTRUMENT.value, _("position in one instrument")
    POSITION_PRODUCT = Rule.POSITION_PRODUCT.value, _("position in one product")
    NOTIONAL = Rule.NOTIONAL.value, _("value of all positions")
    MARGIN = Rule.MARGIN.value, pgettext_lazy("risk rule", "margin")
    AVAILABLE = Rule.AVAILABLE.value, _("available funds left")
    ORDER_RATE = Rule.ORDER_RATE.value, _("orders a second")
    ORDERS_INSTRUMENT = Rule.ORDERS_INSTRUMENT.value, _("orders a day in one instrument")
    CANCELS_INSTRUMENT = Rule.CANCELS_INSTRUMENT.value, _("cancels a day in one instrument")
    LARGE_CANCELS = Rule.LARGE_CANCELS.value, _("large cancels a day in one instrument")
    DUPLICATES = Rule.DUPLICATES.value, _("same orders in a burst")
    SELF_TRADE = Rule.SELF_TRADE.value, _("self-trade")
    INSTRUMENTS = Rule.INSTRUMENTS.value, _("instruments allowed")
    DIRECTIONS = Rule.DIRECTIONS.value, _("directions allowed")
    RISK_DEGREE = Rule.RISK_DEGREE.value, pgettext_lazy("risk rule", "risk degree")
    DAILY_LOSS = Rule.DAILY_LOSS.value, _("loss of the day")
    DRAWDOWN = Rule.DRAWDOWN.value, _("drawdown from the peak")
    CONCENTRATION_PRODUCT = Rule.CONCENTRATION_PRODUCT.value, _("share of one product in the margin")
    CONCENTRATION_MONTH = Rule.CONCENTRATION_MONTH.value, _("share of one expiry month in the margin")
    MARGIN_STRESS = Rule.MARGIN_STRESS.value, _("margin call at the price limits")
    VALUE_AT_RISK = Rule.VALUE_AT_RISK.value, _("value at risk")
    SHORTFALL = Rule.SHORTFALL.value, _("expected shortfall")
    EXPIRY = Rule.EXPIRY.value, _("trading days to expiry")
    RESTING_CLOSED = Rule.RESTING_CLOSED.value, _("orders resting outside the session")
    BURSTS = Rule.BURSTS.value, _("seconds of programmatic trading")


class ScopeName(models.TextChoices):
    """Where a limit or a switch holds, the widest first."""

    PLATFORM = ScopeKind.PLATFORM.value, _("everything")
    DESK = ScopeKind.DESK.value, _("desk")
    PRODUCT = ScopeKind.PRODUCT.value, _("product")
    ACCOUNT = ScopeKind.ACCOUNT.value, _("account")
    ACCOUNT_PRODUCT = ScopeKind.ACCOUNT_PRODUCT.value, _("product on an account")
    USER = ScopeKind.USER.value, pgettext_lazy("scope", "person")
    STRATEGY = ScopeKind.STRATEGY.value, _("strategy")


class BreachActionName(models.TextChoices):
    """What follows a breach, the mildest first."""

    WARN = BreachAction.WARN.value, pgettext_lazy("breach", "warn")
    NO_OPENING = BreachAction.NO_OPENING.value, pgettext_lazy("breach", "stop opening")
    CANCEL = BreachAction.CANCEL.value, pgettext_lazy("breach", "cancel orders")
    FLATTEN = BreachAction.FLATTEN.value, pgettext_lazy("breach", "close positions")


class StrengthName(models.IntegerChoices):
    """How far a stop goes, the mildest first."""

    NO_OPENING = Strength.NO_OPENING.value, _("no opening")
    CANCEL_ALL = Strength.CANCEL_ALL.value, _("cancel all orders")
    FLATTEN = Strength.FLATTEN.value, _("close all positions")


class RiskEventKind(models.TextChoices):
    """What happened."""

    REFUSED = "refused", pgettext_lazy("risk event", "order refused")
    WARNING = "warning", pgettext_lazy("risk event", "limit is near")
    BREACH = "breach", pgettext_lazy("risk event", "limit broken")
    SWITCH = "switch", pgettext_lazy("risk event", "stop set or released")
    FLATTEN = "flatten", pgettext_lazy("risk event", "positions being closed")
    PROGRAMME = "programme", pgettext_lazy("risk event", "programmatic trading")


class PlanStatus(models.TextChoices):
    """Where a plan to close positions stands."""

    WAITING = "waiting", pgettext_lazy("plan", "waiting")
    RUNNING = "running", pgettext_lazy("plan", "running")
    DONE = "done", pgettext_lazy("plan", "done")
    STOPPED = "stopped", pgettext_lazy("plan", "stopped")
    FAILED = "failed", pgettext_lazy("plan", "failed")
