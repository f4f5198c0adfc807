"""Recorded ticks, and the files that old ones move to. Part of the app's models (``models.py`` names it to Django)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from marketdata.ticks.rows import TickQuerySet


class Tick(models.Model):
    """One recorded snapshot; on PostgreSQL a table in monthly partitions by trading day (``partitions.py``).

    Written and read in columns (``store.py``, :class:`TickQuerySet`), hardly ever as objects. Units as in
    ``domain.ticks.Tick``; NaN there is null here. ``depth`` is 16 little-endian float64.
    """

    pk = models.CompositePrimaryKey("instrument", "trading_day", "seq")
    instrument = models.ForeignKey("marketdata.Instrument", models.PROTECT, related_name="+", db_index=False)
    trading_day = models.DateField()
    seq = models.BigIntegerField()
    time = models.DateTimeField()
    received = models.DateTimeField(null=True)
    flags = models.SmallIntegerField(default=0)
    volume = models.BigIntegerField()
    bid_volume = models.BigIntegerField()
    ask_volume = models.BigIntegerField()
    last = models.FloatField(null=True)
    turnover = models.FloatField(null=True)
    open_interest = models.FloatField(null=True)
    bid_price = models.FloatField(null=True)
    ask_price = models.FloatField(null=True)
    open = models.FloatField(null=True)
    high = models.FloatField(null=True)
    low = models.FloatField(null=True)
    close = models.FloatField(null=True)
    average = models.FloatField(null=True)
    settlement = models.FloatField(null=True)
    pre_settlement = models.FloatField(null=True)
    pre_close = models.FloatField(null=True)
    pre_open_interest = models.FloatField(null=True)
    upper_limit = models.FloatField(null=True)
    lower_limit = models.FloatField(null=True)
    depth = models.BinaryField(null=True)

    objects = TickQuerySet.as_manager()

    class Meta:
        verbose_name = _("tick")
        verbose_name_plural = _("ticks")


class TickFile(models.Model):
    """The catalogue of archived ticks: one Parquet file an instrument and trading day, proved before its rows went."""

    instrument = models.ForeignKey("marketdata.Instrument", models.PROTECT, verbose_name=_("instrument"))
    trading_day = models.DateField(_("trading day"))
    path = models.CharField(_("file"), max_length=255, help_text=_("Below the folder of ticks."))
    rows = models.PositiveBigIntegerField(_("ticks"))
    bytes = models.PositiveBigIntegerField(_("bytes"))
    checksum = models.CharField(_("checksum of the ticks"), max_length=64)
    created_at = models.DateTimeField(_("archived"), auto_now_add=True)

    class Meta:
        verbose_name = _("tick file")
        verbose_name_plural = _("tick files")
        ordering = ["-trading_day", "instrument"]
        constraints = [models.UniqueConstraint(fields=["instrument", "trading_day"], name="marketdata_tick_file_once")]

    def __str__(self) -> str:
        return self.path
