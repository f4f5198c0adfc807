"""What can be traded, when, what it costs, and the bars that are stored of it."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from marketdata.bar_rows import BarQuerySet
from marketdata.daily_facts import ContractRoll, DailySettlement, MainContractDay  # noqa: F401 - Django looks here
from marketdata.domain.hours import SessionHours, SpecialOpening, Suspension, parse_spans
from marketdata.domain.instrument import Dated, FeeRates, InstrumentKind, InstrumentSpec, MarginRates
from marketdata.domain.reference import ProductFacts
from marketdata.fact_rows import CalendarQuerySet, FactRow, money, rate
from marketdata.live_models import (  # noqa: F401
    BarNote,
    DayQuality,
    FeedLogin,
    FeedState,
    InstrumentFeed,
    RecorderPosition,
    Subscription,
    TickGap,
)
from marketdata.ticks.models import Tick, TickFile  # noqa: F401
from quantsite.common.errors import RuleError
from quantsite.common.times import SHANGHAI

KINDS = [(InstrumentKind.FUTURE.value, _("future")), (InstrumentKind.CONTINUOUS.value, _("continuous"))]


class Exchange(FactRow):
    """An exchange, or ``SIM`` for made-up data."""

    code = models.CharField(_("code"), max_length=8, primary_key=True)
    name_en = models.CharField(_("English name"), max_length=80)
    name_zh = models.CharField(_("Chinese name"), max_length=80)
    close_today_flag = models.BooleanField(
        _("own flag for closing today's lots"),
        default=False,
        help_text=_("SHFE and INE: close means yesterday's lots."),
    )
    simulated = models.BooleanField(_("simulated"), default=False)

    class Meta:
        verbose_name = _("exchange")
        verbose_name_plural = _("exchanges")
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class Product(FactRow):
    """A product of an exchange. Multiplier and tick are those of the newest contracts."""

    exchange = models.ForeignKey(Exchange, models.PROTECT, verbose_name=_("exchange"), related_name="products")
    code = models.CharField(_("code"), max_length=8, help_text=_("As the exchange writes it; case counts."))
    name_en = models.CharField(_("English name"), max_length=80)
    name_zh = models.CharField(_("Chinese name"), max_length=80)
    multiplier = money(_("multiplier"), help_text=_("Units of goods in one lot."))
    price_tick = money(_("price tick"))
    first_day = models.DateField(_("first trading day"))
    last_day = models.DateField(_("last trading day"), null=True, blank=True, help_text=_("Empty while it trades."))
    expiry_rule = models.CharField(_("expiry rule"), max_length=40)
    max_margin_side = models.BooleanField(_("margin of the larger side only"), default=False)
    margin_group = models.CharField(_("margin group"), max_length=20, blank=True)
    mark = models.CharField(_("how it is known"), max_length=4, blank=True)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["exchange", "code"]
        constraints = [models.UniqueConstraint(fields=["exchange", "code"], name="marketdata_product_code")]

    def __str__(self) -> str:
        return f"{self.code}.{self.exchange_id}"

    def to_domain(self) -> ProductFacts:
        """The product as the domain knows it."""
        return ProductFacts(
            exchange=self.exchange_id,
            code=self.code,
            name_en=self.name_en,
            name_zh=self.name_zh,
            multiplier=float(self.multiplier),
            price_tick=float(self.price_tick),
            first_day=self.first_day,
            last_day=self.last_day,
            expiry_rule=self.expiry_rule,
            max_margin_side=self.max_margin_side,
            margin_group=self.margin_group,
            mark=self.mark,
        )


class ProductSession(FactRow):
    """A product's trading hours from a trading day on."""

    product = models.ForeignKey(Product, models.CASCADE, verbose_name=_("product"), related_name="sessions")
    valid_from = models.DateField(_("valid from"))
    group = models.CharField(_("pattern"), max_length=40, blank=True)
    night = models.CharField(_("night session"), max_length=120, blank=True, help_text=_("Such as 21:00-02:30."))
    day = models.CharField(
        _("day session"), max_length=120, help_text=_("Such as 09:00-10:15 10:30-11:30 13:30-15:00.")
    )
    auctions = models.CharField(_("auctions"), max_length=120, blank=True, help_text=_("Order windows: 20:55-20:59."))

    class Meta:
        verbose_name = _("trading hours")
        verbose_name_plural = _("trading hours")
        ordering = ["product", "valid_from"]
        constraints = [models.UniqueConstraint(fields=["product", "valid_from"], name="marketdata_session_from")]

    def __str__(self) -> str:
        return f"{self.product} {self.valid_from}: {self.night} {self.day}"

    def to_domain(self) -> Dated[SessionHours]:
        """The hours with the day from which they hold. Raises ``RuleError`` ``invalid_hours``."""
        spans = (parse_spans(text) for text in (self.night, self.day, self.auctions))
        return Dated(self.valid_from, SessionHours(*spans))

    def clean(self) -> None:
        """Hours that the domain can read."""
        try:
            self.to_domain()
        except RuleError as error:
            raise ValidationError(error.text) from error


class ScopedFact(FactRow):
    """A fact about one product, all products of an exchange, or (both empty) all there are."""

    exchange = models.ForeignKey(Exchange, models.CASCADE, verbose_name=_("exchange"), null=True, blank=True)
    product = models.ForeignKey(Product, models.CASCADE, verbose_name=_("product"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        abstract = True

    @classmethod
    def about(cls, product: Product) -> Q:
        """The filter for rows that concern ``product``."""
        everything = Q(exchange=None, product=None)
        return everything | Q(product=product) | Q(exchange=product.exchange_id, product=None)


class SessionSuspension(ScopedFact):
    """Trading days that opened without the night session their hours promise."""

    first = models.DateField(_("first trading day"))
    last = models.DateField(_("last trading day"))

    class Meta:
        verbose_name = _("suspended night session")
        verbose_name_plural = _("suspended night sessions")
        ordering = ["first"]
        constraints = [models.CheckConstraint(condition=Q(last__gte=F("first")), name="marketdata_suspension_order")]

    def __str__(self) -> str:
        return f"{self.first} .. {self.last}"

    def to_domain(self) -> Suspension:
        """The days without their night session."""
        return Suspension(self.first, self.last, self.reason)


class SpecialOpeningDay(ScopedFact):
    """A trading day that opened at another moment than its hours say."""

    trading_day = models.DateField(_("trading day"))
    opens = models.DateTimeField(_("opens at"))

    class Meta:
        verbose_name = _("special opening")
        verbose_name_plural = _("special openings")
        ordering = ["trading_day"]

    def __str__(self) -> str:
        return str(self.trading_day)

    def to_domain(self) -> SpecialOpening:
        """The moment on the Shanghai clock."""
        return SpecialOpening(self.trading_day, self.opens.astimezone(SHANGHAI).replace(tzinfo=None), self.reason)


class TradingDay(FactRow):
    """A weekday, open or closed. The calendar ends with the last row; a weekday without a row before that is open."""

    day = models.DateField(_("day"), primary_key=True)
    is_open = models.BooleanField(_("exchanges trade"), default=True)
    reason = models.CharField(_("reason"), max_length=80, blank=True)

    objects = CalendarQuerySet.as_manager()

    class Meta:
        verbose_name = _("calendar day")
        verbose_name_plural = _("trading calendar")
        ordering = ["-day"]

    def __str__(self) -> str:
        return str(self.day)


class Instrument(models.Model):
    """A futures contract or a continuous series."""

    code = models.CharField(_("code"), max_length=24, unique=True, help_text=_("Symbol, dot, exchange: rb2501.SHFE."))
    product = models.ForeignKey(Product, models.PROTECT, verbose_name=_("product"), related_name="instruments")
    symbol = models.CharField(_("symbol"), max_length=16)
    name = models.CharField(_("name"), max_length=80, blank=True)
    kind = models.CharField(_("kind"), max_length=12, choices=KINDS)
    series = models.CharField(_("continuous series"), max_length=4, blank=True)
    delivery_year = models.PositiveSmallIntegerField(_("delivery year"), null=True, blank=True)
    delivery_month = models.PositiveSmallIntegerField(_("delivery month"), null=True, blank=True)
    multiplier = money(_("multiplier"), help_text=_("Units of goods in one lot."))
    price_tick = money(_("price tick"))
    listed = models.DateField(_("first trading day"), null=True, blank=True)
    expires = models.DateField(_("last trading day"), null=True, blank=True)
    expiry_by_rule = models.BooleanField(
        _("last day computed"), default=False, help_text=_("By the product's rule, not told by the exchange.")
    )
    min_limit_volume = models.PositiveIntegerField(_("smallest limit order"), default=1)
    max_limit_volume = models.PositiveIntegerField(_("largest limit order"), null=True, blank=True)
    min_market_volume = models.PositiveIntegerField(_("smallest market order"), default=1)
    max_market_volume = models.PositiveIntegerField(_("largest market order"), null=True, blank=True)
    max_margin_side = models.BooleanField(_("margin of the larger side only"), default=False)
    simulated = models.BooleanField(_("simulated"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("instrument")
        verbose_name_plural = _("instruments")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(multiplier__gt=0), name="marketdata_multiplier_positive"),
            models.CheckConstraint(condition=Q(price_tick__gt=0), name="marketdata_tick_positive"),
        ]

    def __str__(self) -> str:
        return self.code

    def to_domain(self) -> InstrumentSpec:
        """The instrument as the domain knows it; reads ``product`` (select it along)."""
        return InstrumentSpec(
            code=self.code,
            exchange=self.product.exchange_id,
            product=self.product.code,
            multiplier=float(self.multiplier),
            price_tick=float(self.price_tick),
            kind=InstrumentKind(self.kind),
            listed=self.listed,
            expires=self.expires,
            simulated=self.simulated,
        )


class DatedRate(FactRow):
    """Rates from a trading day on, of one instrument or (default) of all instruments of a product."""

    product = models.ForeignKey(Product, models.CASCADE, verbose_name=_("product"), null=True, blank=True)
    instrument = models.ForeignKey(Instrument, models.CASCADE, verbose_name=_("instrument"), null=True, blank=True)
    valid_from = models.DateField(_("valid from"))

    class Meta:
        abstract = True
        ordering = ["-valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=Q(product=None, instrument__isnull=False) | Q(product__isnull=False, instrument=None),
                name="%(app_label)s_%(class)s_one_owner",
            ),
            models.UniqueConstraint(
                fields=["product", "valid_from"], condition=Q(instrument=None), name="%(app_label)s_%(class)s_product"
            ),
            models.UniqueConstraint(
                fields=["instrument", "valid_from"],
                condition=Q(product=None),
                name="%(app_label)s_%(class)s_instrument",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument or self.product} {self.valid_from}"

    def clean(self) -> None:
        """The table's own rule, in words."""
        if (self.product_id is None) == (self.instrument_id is None):
            raise ValidationError(_("Name a product or an instrument, one of them."))


class FeeRate(DatedRate):
    """Commission: by money a fraction of turnover, by volume yuan a lot; both terms are charged."""

    open_by_money = rate(_("open, of turnover"))
    open_by_volume = money(_("open, yuan a lot"), default=0)
    close_by_money = rate(_("close, of turnover"))
    close_by_volume = money(_("close, yuan a lot"), default=0)
    close_today_by_money = rate(_("close today, of turnover"))
    close_today_by_volume = money(_("close today, yuan a lot"), default=0)

    class Meta(DatedRate.Meta):
        verbose_name = _("commission rate")
        verbose_name_plural = _("commission rates")

    def to_domain(self) -> Dated[FeeRates]:
        """The rates as floats, with their first day."""
        return Dated(self.valid_from, FeeRates(**{name: float(getattr(self, name)) for name in FeeRates.__slots__}))


class MarginRate(DatedRate):
    """Margin: by money a fraction of the contract's value, by volume yuan a lot."""

    long_by_money = rate(_("long, of value"))
    long_by_volume = money(_("long, yuan a lot"), default=0)
    short_by_money = rate(_("short, of value"))
    short_by_volume = money(_("short, yuan a lot"), default=0)

    class Meta(DatedRate.Meta):
        verbose_name = _("margin rate")
        verbose_name_plural = _("margin rates")

    def to_domain(self) -> Dated[MarginRates]:
        """The rates as floats, with their first day."""
        return Dated(
            self.valid_from, MarginRates(**{name: float(getattr(self, name)) for name in MarginRates.__slots__})
        )


class Bar(models.Model):
    """One bar, stamped with its start; on PostgreSQL a table in yearly partitions (see the first migration).

    Written and read in columns by ``bar_store.py`` and :meth:`BarQuerySet.series`, hardly ever as objects.
    """

    # The foreign key has no index of its own: the primary key begins with it.
    pk = models.CompositePrimaryKey("instrument", "interval", "trading_day", "start")
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="+", db_index=False)
    interval = models.CharField(max_length=8)
    trading_day = models.DateField()
    start = models.DateTimeField()
    open = models.FloatField()
    high = models.FloatField()
    low = models.FloatField()
    close = models.FloatField()
    volume = models.BigIntegerField()
    turnover = models.FloatField(null=True)
    open_interest = models.FloatField(null=True)

    objects = BarQuerySet.as_manager()

    class Meta:
        verbose_name = _("bar")
        verbose_name_plural = _("bars")


class BarCoverage(models.Model):
    """What is stored of one instrument and interval. Whoever writes bars locks this row first."""

    instrument = models.ForeignKey(Instrument, models.CASCADE, related_name="coverage")
    interval = models.CharField(_("interval"), max_length=8)
    first_start = models.DateTimeField(_("first bar"), null=True)
    last_start = models.DateTimeField(_("last bar"), null=True)
    first_day = models.DateField(_("first trading day"), null=True)
    last_day = models.DateField(_("last trading day"), null=True)
    bars = models.PositiveBigIntegerField(_("bars"), default=0)
    revision = models.PositiveBigIntegerField(_("revision"), default=0, help_text=_("Raised by every change of bars."))
    # Of all the bars; the first reader after a change fills it (series_cache.py).
    data_hash = models.CharField(_("data hash"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("coverage")
        verbose_name_plural = _("coverage")
        ordering = ["instrument", "interval"]
        constraints = [models.UniqueConstraint(fields=["instrument", "interval"], name="marketdata_coverage_once")]

    def __str__(self) -> str:
        return f"{self.instrument} {self.interval}: {self.bars}"


class BarImport(models.Model):
    """One import that changed the stored bars: what came in, what was odd about it, and who did it."""

    instrument = models.ForeignKey(Instrument, models.PROTECT, verbose_name=_("instrument"), related_name="imports")
    interval = models.CharField(_("interval"), max_length=8)
    source = models.CharField(_("source"), max_length=255, help_text=_("Name of the file, or how the bars were made."))
    sha256 = models.CharField(_("SHA-256 of the file"), max_length=64, blank=True)
    bar_time = models.CharField(_("times in the file"), max_length=5, blank=True)
    rows_read = models.PositiveIntegerField(_("rows read"))
    stored = models.PositiveIntegerField(_("stored"))
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    replaced = models.PositiveIntegerField(_("replaced"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    merged_auctions = models.PositiveIntegerField(_("auctions merged"), default=0)
    warning_count = models.PositiveIntegerField(_("warnings"), default=0)
    warnings = models.JSONField(_("warnings in full"), default=list)
    after_expiry = models.PositiveIntegerField(_("bars after the last trading day"), default=0)
    simulated = models.BooleanField(_("simulated"), default=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("at"), auto_now_add=True)

    class Meta:
        verbose_name = _("import of bars")
        verbose_name_plural = _("imports of bars")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.source} -> {self.instrument} {self.interval}"
