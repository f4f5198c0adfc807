"""Where instances stand: stored state, virtual positions, days and rolls. The runner writes it. Part of the models."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from marketdata.fact_rows import money
from marketdata.models import Instrument
from strategies.choices import RollState
from strategies.event_models import InstanceRows
from strategies.instance_models import StrategyInstance


class StrategyState(models.Model):
    """All that an instance needs to go on after a restart, and how far it has read.

    Written in the transaction of the signals and orders that it led to. ``frames``: source -> id of the newest frame
    taken in; ``account_seq``: the newest of the account's events. ``document`` is the host's own.
    """

    instance = models.OneToOneField(
        StrategyInstance, models.CASCADE, primary_key=True, related_name="stored", verbose_name=_("strategy")
    )
    document = models.JSONField(_("document"), default=dict)
    frames = models.JSONField(_("frames"), default=dict)
    account_seq = models.BigIntegerField(_("last event of the account"), default=0)
    trading_day = models.DateField(_("trading day"), null=True, blank=True)
    at = models.DateTimeField(_("market clock"), null=True, blank=True)
    epoch = models.PositiveBigIntegerField(_("epoch"), default=0)
    parameters_version = models.PositiveIntegerField(_("version of the parameters"), default=1)
    updated_at = models.DateTimeField(_("at"), auto_now=True)

    class Meta:
        verbose_name = _("stored state of a strategy")
        verbose_name_plural = _("stored states of strategies")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.instance_id} {self.at}"


class StrategyPosition(models.Model):
    """What an instance holds of an instrument by its own fills: a picture for people.

    ``lots`` is signed. Profit in total is ``realised - commission + (marked - average) * lots * multiplier``; of the
    day that less ``day_base``.
    """

    instance = models.ForeignKey(
        StrategyInstance, models.CASCADE, related_name="positions", verbose_name=_("strategy"), db_index=False
    )
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="+", verbose_name=_("instrument"))
    leg = models.PositiveSmallIntegerField(_("leg"), default=0)
    lots = models.IntegerField(_("lots"), default=0)
    average = money(_("average price"), null=True, blank=True)
    realised = money(_("realised profit"), default=0)
    commission = money(_("commission"), default=0)
    turnover = money(_("turnover"), default=0)
    marked = money(_("marked at"), null=True, blank=True)
    profit = money(_("profit in total"), default=0)
    day_base = money(_("profit before the day"), default=0)
    trading_day = models.DateField(_("trading day"), null=True, blank=True)
    updated_at = models.DateTimeField(_("at"), auto_now=True)

    objects = InstanceRows.as_manager()

    class Meta:
        verbose_name = _("position of a strategy")
        verbose_name_plural = _("positions of strategies")
        ordering = ["instance", "leg", "instrument"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["instance", "instrument"], name="strategies_position_once"),
            models.CheckConstraint(condition=Q(lots=0) | Q(average__isnull=False), name="strategies_position_average"),
        ]

    def __str__(self) -> str:
        return f"{self.instance_id} {self.lots} {self.instrument_id}"


class StrategyDay(models.Model):
    """One trading day of an instance. Money in yuan; ``slippage`` is what fills cost against the decision's price.

    ``opening``: ``document`` (as in ``StrategyState``), ``at`` (market time in ns UTC up to which everything is in it),
    ``parameters``, ``source_hash``; written once, when the instance begins the day or is started within it.
    """

    instance = models.ForeignKey(
        StrategyInstance, models.CASCADE, related_name="days", verbose_name=_("strategy"), db_index=False
    )
    trading_day = models.DateField(_("trading day"))
    stage = models.CharField(_("stage"), max_length=12, blank=True)
    source_hash = models.CharField(_("source hash"), max_length=64, blank=True)
    parameters_version = models.PositiveIntegerField(_("version of the parameters"), default=1)
    profit = money(_("profit"), default=0)
    commission = money(_("commission"), default=0)
    slippage = money(_("slippage"), default=0)
    turnover = money(_("turnover"), default=0)
    fills = models.PositiveIntegerField(_("fills"), default=0)
    orders = models.PositiveIntegerField(_("orders"), default=0)
    cancels = models.PositiveIntegerField(_("cancels"), default=0)
    refusals = models.PositiveIntegerField(_("refusals"), default=0)
    signals = models.PositiveIntegerField(_("signals"), default=0)
    bars = models.PositiveIntegerField(_("bars"), default=0)
    ticks = models.PositiveBigIntegerField(_("ticks"), default=0)
    errors = models.PositiveIntegerField(_("errors"), default=0)
    gaps = models.PositiveIntegerField(_("gaps"), default=0)
    worst_latency_ms = models.FloatField(_("worst latency (ms)"), null=True, blank=True)
    ended = models.BooleanField(pgettext_lazy("trading day", "over"), default=False)
    opening = models.JSONField(default=dict, blank=True)  # the state that it began with, for the evening's comparison
    updated_at = models.DateTimeField(_("at"), auto_now=True)

    objects = InstanceRows.as_manager()

    class Meta:
        verbose_name = _("day of a strategy")
        verbose_name_plural = _("days of strategies")
        ordering = ["-trading_day", "instance"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["instance", "trading_day"], name="strategies_day_once")]
        indexes = [models.Index(fields=["trading_day"], name="strategies_day_day")]

    def __str__(self) -> str:
        return f"{self.instance_id} {self.trading_day}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """By which the instance decided as the day began; those of today where that was not kept."""
        decided_by: Mapping[str, Any] = (self.opening or {}).get("parameters", self.instance.parameters)
        return decided_by


class StrategyRoll(models.Model):
    """A change from one contract to the next, as an order on two legs that is watched until both are done.

    ``exposure_seconds``: how long only one of them was filled, by the market clock.
    """

    instance = models.ForeignKey(
        StrategyInstance, models.PROTECT, related_name="rolls", verbose_name=_("strategy"), db_index=False
    )
    leg = models.PositiveSmallIntegerField(_("leg"), default=0)
    from_instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="+", verbose_name=_("from"))
    to_instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="+", verbose_name=_("to"))
    lots = models.IntegerField(_("lots"))
    state = models.CharField(_("state"), max_length=8, choices=RollState.choices, default=RollState.PLANNED)
    exposure_seconds = models.FloatField(_("one leg open for (s)"), default=0.0)
    closed_price = money(_("closed at"), null=True, blank=True)
    opened_price = money(_("opened at"), null=True, blank=True)
    trading_day = models.DateField(_("trading day"), null=True, blank=True)
    started_at = models.DateTimeField(_("started (market clock)"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended (market clock)"), null=True, blank=True)
    document = models.JSONField(default=dict, blank=True)

    objects = InstanceRows.as_manager()

    class Meta:
        verbose_name = _("roll of a strategy")
        verbose_name_plural = _("rolls of strategies")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "leg"],
                condition=Q(state__in=("planned", "rolling", "exposed")),
                name="strategies_roll_one_open",
            ),
            models.CheckConstraint(condition=Q(exposure_seconds__gte=0), name="strategies_roll_exposure"),
        ]
        indexes = [models.Index(fields=["instance", "-id"], name="strategies_roll_instance")]

    def __str__(self) -> str:
        return f"{self.instance_id}/{self.leg} {self.from_instrument_id} -> {self.to_instrument_id}"
