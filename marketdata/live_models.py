"""What the processes of live market data share as rows. Part of the app's models (``models.py`` names it to Django)."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from marketdata.ctp_login import CtpLogin
from quantsite.common.texts import respoken


class Subscription(models.Model):
    """Somebody wants the ticks of an instrument: a user, a strategy, an account. Feeds subscribe what is here."""

    owner = models.CharField(_("owner"), max_length=80, help_text=_("Such as user:7 or strategy:12."))
    instrument = models.ForeignKey("marketdata.Instrument", models.CASCADE, verbose_name=_("instrument"))
    position = models.PositiveIntegerField(_("place"), default=0, help_text=_("In a person's own list."))
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        ordering = ["instrument", "owner"]
        constraints = [models.UniqueConstraint(fields=["owner", "instrument"], name="marketdata_subscribed_once")]

    def __str__(self) -> str:
        return f"{self.owner}: {self.instrument}"


class FeedState(models.Model):
    """One source of ticks, as its feed process tells it about once a second. Only the holder of its lease writes."""

    source = models.CharField(_("source"), max_length=32, primary_key=True)
    kind = models.CharField(_("kind"), max_length=16)
    status = models.CharField(_("state"), max_length=16, help_text=_("starting, running, waiting, finished, stopped."))
    epoch = models.PositiveBigIntegerField(_("epoch"), default=0)
    market_time = models.DateTimeField(_("market clock"), null=True)
    trading_day = models.DateField(_("trading day"), null=True)
    speed = models.FloatField(_("speed"), default=1.0)
    instruments = models.PositiveIntegerField(_("instruments"), default=0)
    ticks = models.PositiveBigIntegerField(_("ticks published"), default=0)
    bars = models.PositiveBigIntegerField(_("bars published"), default=0)
    counters = models.JSONField(_("counters"), default=dict, help_text=_("Outside, stale, backward, refused ..."))
    stream_id = models.CharField(_("newest id in the stream"), max_length=64, blank=True)
    last_tick_at = models.DateTimeField(_("last tick (wall clock)"), null=True)
    updated_at = models.DateTimeField(_("told at"), auto_now=True)

    class Meta:
        verbose_name = _("feed")
        verbose_name_plural = _("feeds")
        ordering = ["source"]

    def __str__(self) -> str:
        return self.source


class FeedLogin(CtpLogin):
    """Where the feed of a source logs in for market data."""

    source = models.CharField(_("source"), max_length=32, primary_key=True)

    class Meta:
        verbose_name = _("login of a feed")
        verbose_name_plural = _("logins of feeds")
        ordering = ["source"]

    def __str__(self) -> str:
        return self.source

    @property
    def place(self) -> str:
        """What the secrets are bound to."""
        return f"feed:{self.source}"


class InstrumentFeed(models.Model):
    """Which source publishes an instrument: one at a time."""

    instrument = models.OneToOneField(
        "marketdata.Instrument", models.CASCADE, verbose_name=_("instrument"), primary_key=True, related_name="feed"
    )
    source = models.CharField(_("source"), max_length=32)
    epoch = models.PositiveBigIntegerField(_("epoch"))
    since = models.DateTimeField(_("since"), auto_now=True)
    last_tick_at = models.DateTimeField(_("last tick (wall clock)"), null=True, help_text=_("Of live feeds only."))

    class Meta:
        verbose_name = _("published instrument")
        verbose_name_plural = _("published instruments")
        ordering = ["instrument"]

    def __str__(self) -> str:
        return f"{self.instrument}: {self.source}"


class RecorderPosition(models.Model):
    """How far the recorder is in a source's stream; written in the transaction of the rows it stands for."""

    source = models.CharField(_("source"), max_length=32, primary_key=True)
    stream_id = models.CharField(_("last id recorded"), max_length=64)
    market_time = models.DateTimeField(_("market clock"), null=True)
    ticks = models.PositiveBigIntegerField(_("ticks recorded"), default=0)
    bars = models.PositiveBigIntegerField(_("bars recorded"), default=0)
    lag_ms = models.FloatField(_("behind by (ms)"), default=0.0)
    updated_at = models.DateTimeField(_("at"), auto_now=True)

    class Meta:
        verbose_name = _("recorder position")
        verbose_name_plural = _("recorder")
        ordering = ["source"]

    def __str__(self) -> str:
        return f"{self.source}: {self.stream_id}"


class TickGap(models.Model):
    """Ticks that were published and could not be recorded: the numbers that are missing, and why."""

    instrument = models.ForeignKey("marketdata.Instrument", models.CASCADE, verbose_name=_("instrument"))
    trading_day = models.DateField(_("trading day"))
    source = models.CharField(_("source"), max_length=32)
    first_seq = models.BigIntegerField(_("first missing number"))
    last_seq = models.BigIntegerField(_("last missing number"))
    reasons = models.JSONField(_("reason"), default=list, editable=False)  # kept sentences: each reader's language
    created_at = models.DateTimeField(_("found"), auto_now_add=True)

    class Meta:
        verbose_name = _("gap in the ticks")
        verbose_name_plural = _("gaps in the ticks")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["instrument", "trading_day", "first_seq"], name="marketdata_gap_once"),
            models.CheckConstraint(condition=Q(last_seq__gte=F("first_seq")), name="marketdata_gap_order"),
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.trading_day}: {self.first_seq}-{self.last_seq}"

    @property
    def reason(self) -> str:
        """Why they are missing, in the reader's language; '' where nobody has told."""
        return str(respoken(self.reasons))


class BarNote(models.Model):
    """What a reader should know of one stored bar: that the recording began inside it."""

    instrument = models.ForeignKey("marketdata.Instrument", models.CASCADE, verbose_name=_("instrument"))
    interval = models.CharField(_("interval"), max_length=8)
    start = models.DateTimeField(_("start"))
    kind = models.CharField(_("what"), max_length=16, default="partial")

    class Meta:
        verbose_name = _("note on a bar")
        verbose_name_plural = _("notes on bars")
        ordering = ["instrument", "interval", "start"]
        constraints = [models.UniqueConstraint(fields=["instrument", "interval", "start"], name="marketdata_note_once")]

    def __str__(self) -> str:
        return f"{self.instrument} {self.interval} {self.start:%Y-%m-%d %H:%M}: {self.kind}"


class DayQuality(models.Model):
    """How sound one contract's data of one trading day is; ``score`` is 0 to 1, from the counts beside it."""

    instrument = models.ForeignKey("marketdata.Instrument", models.CASCADE, verbose_name=_("instrument"))
    interval = models.CharField(_("interval"), max_length=8, default="1m")
    trading_day = models.DateField(_("trading day"))
    score = models.FloatField(_("score"))
    expected_bars = models.PositiveIntegerField(_("bars by the session table"))
    bars = models.PositiveIntegerField(_("bars"))
    missing = models.PositiveIntegerField(_("missing bars"), default=0)
    zero_volume = models.PositiveIntegerField(_("bars without volume"), default=0)
    off_tick = models.PositiveIntegerField(_("prices off the tick grid"), default=0)
    outside_limits = models.PositiveIntegerField(_("prices outside the limits"), default=0)
    jumps = models.PositiveIntegerField(_("jumps"), default=0)
    partial = models.PositiveIntegerField(_("partial bars"), default=0)
    ticks = models.PositiveIntegerField(_("ticks"), default=0)
    missing_ticks = models.PositiveIntegerField(_("ticks lost"), default=0)
    crossed = models.PositiveIntegerField(_("crossed quotes"), default=0)
    backward = models.PositiveIntegerField(_("ticks back in time"), default=0)
    clock_skew_ms = models.FloatField(_("clock skew (ms)"), null=True)
    details = models.JSONField(_("details"), default=dict)
    computed_at = models.DateTimeField(_("computed"), auto_now=True)

    class Meta:
        verbose_name = _("data quality of a day")
        verbose_name_plural = _("data quality")
        ordering = ["-trading_day", "score", "instrument"]
        constraints = [
            models.UniqueConstraint(fields=["instrument", "interval", "trading_day"], name="marketdata_quality_once"),
            models.CheckConstraint(condition=Q(score__gte=0) & Q(score__lte=1), name="marketdata_quality_score"),
        ]

    def __str__(self) -> str:
        return f"{self.instrument} {self.trading_day}: {self.score:.2f}"
