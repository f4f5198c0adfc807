"""What is known of a trading day beside its bars: settlement prices with their limits, and rolls of spliced series.

Part of the app's models (``models.py`` names it to Django).
"""

from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from marketdata.domain.adjust import Splice
from marketdata.domain.calendar import to_day_number
from marketdata.domain.main_contract import Ground

if TYPE_CHECKING:
    from marketdata.models import Instrument

RAW_SERIES = "88"
"""The series whose rolls are stored: the main contract's prices as they were."""


class RuleName(models.TextChoices):
    """What the grounds of a decision are called (``marketdata.domain.main_contract.Ground``)."""

    FIRST = Ground.FIRST.value, _("first decision")
    KEPT = Ground.KEPT.value, _("no change")
    OPEN_INTEREST = Ground.OPEN_INTEREST.value, _("larger open interest")
    EXPIRY = Ground.EXPIRY.value, _("expiry comes near")


class DayQuerySet(models.QuerySet[Any]):
    """Reads by trading day."""

    def within(self, first: date, last: date) -> "DayQuerySet":
        """Rows of the trading days from ``first`` to ``last``, both included, ascending."""
        return self.filter(trading_day__range=(first, last)).order_by("trading_day")


class RollQuerySet(DayQuerySet):
    """Reads of rolls."""

    def of(self, instrument: "Instrument") -> "RollQuerySet":
        """The rolls of a raw series, ascending; adjusted series have none left, contracts never had any."""
        rows = self.filter(instrument=instrument.pk) if instrument.series == RAW_SERIES else self.none()
        return rows.order_by("trading_day")


class ContractRoll(models.Model):
    """A change of the contract behind a main-contract series, in force from the first (night) bar of a trading day.

    Prices are unadjusted. ``closes_day`` tells of which trading day the two closes are: the one before by rule,
    some sources take those of the day itself.
    """

    instrument = models.ForeignKey("marketdata.Instrument", models.PROTECT, verbose_name=_("series"), related_name="+")
    trading_day = models.DateField(_("in force from"), help_text=_("The trading day whose first bar is the new one's."))
    from_contract = models.CharField(_("from"), max_length=24)
    to_contract = models.CharField(_("to"), max_length=24)
    old_close = models.FloatField(_("close of the old contract"))
    new_close = models.FloatField(_("close of the new contract"))
    closes_day = models.DateField(_("day of the closes"))
    old_open = models.FloatField(_("open of the old contract"), null=True, blank=True)
    new_open = models.FloatField(_("open of the new contract"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=255, blank=True)
    rule = models.CharField(
        _("rule"),
        max_length=64,
        blank=True,
        choices=RuleName.choices,
        help_text=_("By which the desk decided; empty: imported."),
    )
    reason = models.JSONField(_("what the rule saw"), default=dict, blank=True)
    created_at = models.DateTimeField(_("stored"), auto_now_add=True)

    objects = RollQuerySet.as_manager()

    class Meta:
        verbose_name = _("contract roll")
        verbose_name_plural = _("contract rolls")
        ordering = ["-trading_day", "instrument"]
        constraints = [
            models.UniqueConstraint(fields=["instrument", "trading_day"], name="marketdata_roll_once"),
            models.CheckConstraint(
                condition=Q(old_close__gt=0) & Q(new_close__gt=0), name="marketdata_roll_closes_positive"
            ),
            models.CheckConstraint(
                condition=~Q(from_contract=F("to_contract")), name="marketdata_roll_changes_contract"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.trading_day}: {self.from_contract} -> {self.to_contract}"

    def to_domain(self) -> Splice:
        """The roll as prices; one of our own rule is exact, the series is built by it."""
        day, closes = to_day_number(self.trading_day), (self.old_close, self.new_close)
        return Splice(day, *closes, self.old_open, self.new_open, exact=bool(self.rule))


class DailySettlement(models.Model):
    """What an exchange published for one instrument and trading day; the prices may lie off the tick grid."""

    instrument = models.ForeignKey(
        "marketdata.Instrument", models.PROTECT, verbose_name=_("instrument"), related_name="+"
    )
    trading_day = models.DateField(_("trading day"))
    settlement_price = models.FloatField(_("settlement price"))
    pre_settlement = models.FloatField(_("settlement price of the day before"), null=True, blank=True)
    upper_limit = models.FloatField(_("upper limit"), null=True, blank=True)
    lower_limit = models.FloatField(_("lower limit"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=255, blank=True)
    created_at = models.DateTimeField(_("stored"), auto_now_add=True)

    objects = DayQuerySet.as_manager()

    class Meta:
        verbose_name = _("daily settlement")
        verbose_name_plural = _("daily settlements")
        ordering = ["-trading_day", "instrument"]
        constraints = [
            models.UniqueConstraint(fields=["instrument", "trading_day"], name="marketdata_settlement_once"),
            models.CheckConstraint(condition=Q(settlement_price__gt=0), name="marketdata_settlement_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.trading_day}: {self.settlement_price:g}"


class MainContractDay(models.Model):
    """Which contract of a product is the main one on a trading day: decided once, after the close of the day before.

    ``reason`` holds what the rule saw: volume and open interest of this contract and of the runner-up, and a sentence.
    """

    product = models.ForeignKey("marketdata.Product", models.CASCADE, verbose_name=_("product"))
    trading_day = models.DateField(_("in force on"))
    instrument = models.ForeignKey("marketdata.Instrument", models.PROTECT, verbose_name=_("main contract"))
    decided_from = models.DateField(_("decided from the data of"), null=True)
    rolled = models.BooleanField(_("rolled"), default=False)
    rule = models.CharField(_("rule"), max_length=64, choices=RuleName.choices)
    reason = models.JSONField(_("reason"), default=dict)
    created_at = models.DateTimeField(_("decided at"), auto_now_add=True)

    objects = DayQuerySet.as_manager()

    class Meta:
        verbose_name = _("main contract")
        verbose_name_plural = _("main contracts")
        ordering = ["-trading_day", "product"]
        constraints = [models.UniqueConstraint(fields=["product", "trading_day"], name="marketdata_main_once")]

    def __str__(self) -> str:
        return f"{self.product} {self.trading_day}: {self.instrument}"
