"""Everything that can be traded, and the partitioned table of bars."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from marketdata.partitions import create_bar_table, drop_bar_table


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Exchange",
            fields=[
                (
                    "origin",
                    models.CharField(
                        choices=[("reference", "reference files"), ("desk", "this desk")],
                        default="desk",
                        editable=False,
                        max_length=10,
                        verbose_name="origin",
                    ),
                ),
                ("code", models.CharField(max_length=8, primary_key=True, serialize=False, verbose_name="code")),
                ("name_en", models.CharField(max_length=80, verbose_name="English name")),
                ("name_zh", models.CharField(max_length=80, verbose_name="Chinese name")),
                (
                    "close_today_flag",
                    models.BooleanField(
                        default=False,
                        help_text="SHFE and INE: close means yesterday's lots.",
                        verbose_name="own flag for closing today's lots",
                    ),
                ),
                ("simulated", models.BooleanField(default=False, verbose_name="simulated")),
            ],
            options={
                "verbose_name": "exchange",
                "verbose_name_plural": "exchanges",
                "ordering": ["code"],
            },
        ),
        migrations.CreateModel(
            name="Instrument",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "code",
                    models.CharField(
                        help_text="Symbol, dot, exchange: rb2501.SHFE.", max_length=24, unique=True, verbose_name="code"
                    ),
                ),
                ("symbol", models.CharField(max_length=16, verbose_name="symbol")),
                ("name", models.CharField(blank=True, max_length=80, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[("future", "future"), ("continuous", "continuous")], max_length=12, verbose_name="kind"
                    ),
                ),
                ("series", models.CharField(blank=True, max_length=4, verbose_name="continuous series")),
                (
                    "delivery_year",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="delivery year"),
                ),
                (
                    "delivery_month",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="delivery month"),
                ),
                (
                    "multiplier",
                    models.DecimalField(
                        decimal_places=6,
                        help_text="Units of goods in one lot.",
                        max_digits=20,
                        verbose_name="multiplier",
                    ),
                ),
                ("price_tick", models.DecimalField(decimal_places=6, max_digits=20, verbose_name="price tick")),
                ("listed", models.DateField(blank=True, null=True, verbose_name="first trading day")),
                ("expires", models.DateField(blank=True, null=True, verbose_name="last trading day")),
                (
                    "expiry_by_rule",
                    models.BooleanField(
                        default=False,
                        help_text="By the product's rule, not told by the exchange.",
                        verbose_name="last day computed",
                    ),
                ),
                ("min_limit_volume", models.PositiveIntegerField(default=1, verbose_name="smallest limit order")),
                (
                    "max_limit_volume",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="largest limit order"),
                ),
                ("min_market_volume", models.PositiveIntegerField(default=1, verbose_name="smallest market order")),
                (
                    "max_market_volume",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="largest market order"),
                ),
                ("max_margin_side", models.BooleanField(default=False, verbose_name="margin of the larger side only")),
                ("simulated", models.BooleanField(default=False, verbose_name="simulated")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
            ],
            options={
                "verbose_name": "instrument",
                "verbose_name_plural": "instruments",
                "ordering": ["code"],
            },
        ),
        migrations.CreateModel(
            name="TradingDay",
            fields=[
                (
                    "origin",
                    models.CharField(
                        choices=[("reference", "reference files"), ("desk", "this desk")],
                        default="desk",
                        editable=False,
                        max_length=10,
                        verbose_name="origin",
                    ),
                ),
                ("day", models.DateField(primary_key=True, serialize=False, verbose_name="day")),
                ("is_open", models.BooleanField(default=True, verbose_name="exchanges trade")),
                ("reason", models.CharField(blank=True, max_length=80, verbose_name="reason")),
            ],
            options={
                "verbose_name": "calendar day",
                "verbose_name_plural": "trading calendar",
                "ordering": ["-day"],
            },
        ),
        migrations.CreateModel(
            name="BarImport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("interval", models.CharField(max_length=8, verbose_name="interval")),
                (
                    "source",
                    models.CharField(
                        help_text="Name of the file, or how the bars were made.", max_length=255, verbose_name="source"
                    ),
                ),
                ("sha256", models.CharField(blank=True, max_length=64, verbose_name="SHA-256 of the file")),
                ("bar_time", models.CharField(blank=True, max_length=5, verbose_name="times in the file")),
                ("rows_read", models.PositiveIntegerField(verbose_name="rows read")),
                ("stored", models.PositiveIntegerField(verbose_name="stored")),
                ("unchanged", models.PositiveIntegerField(default=0, verbose_name="unchanged")),
                ("replaced", models.PositiveIntegerField(default=0, verbose_name="replaced")),
                ("refused", models.PositiveIntegerField(default=0, verbose_name="refused")),
                ("merged_auctions", models.PositiveIntegerField(default=0, verbose_name="auctions merged")),
                ("warning_count", models.PositiveIntegerField(default=0, verbose_name="warnings")),
                ("warnings", models.JSONField(default=list, verbose_name="warnings in full")),
                ("simulated", models.BooleanField(default=False, verbose_name="simulated")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="at")),
                (
                    "actor",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="imports",
                        to="marketdata.instrument",
                        verbose_name="instrument",
                    ),
                ),
            ],
            options={
                "verbose_name": "import of bars",
                "verbose_name_plural": "imports of bars",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "origin",
                    models.CharField(
                        choices=[("reference", "reference files"), ("desk", "this desk")],
                        default="desk",
                        editable=False,
                        max_length=10,
                        verbose_name="origin",
                    ),
                ),
                (
                    "code",
                    models.CharField(
                        help_text="As the exchange writes it; case counts.", max_length=8, verbose_name="code"
                    ),
                ),
                ("name_en", models.CharField(max_length=80, verbose_name="English name")),
                ("name_zh", models.CharField(max_length=80, verbose_name="Chinese name")),
                (
                    "multiplier",
                    models.DecimalField(
                        decimal_places=6,
                        help_text="Units of goods in one lot.",
                        max_digits=20,
                        verbose_name="multiplier",
                    ),
                ),
                ("price_tick", models.DecimalField(decimal_places=6, max_digits=20, verbose_name="price tick")),
                ("first_day", models.DateField(verbose_name="first trading day")),
                (
                    "last_day",
                    models.DateField(
                        blank=True, help_text="Empty while it trades.", null=True, verbose_name="last trading day"
                    ),
                ),
                ("expiry_rule", models.CharField(max_length=40, verbose_name="expiry rule")),
                ("max_margin_side", models.BooleanField(default=False, verbose_name="margin of the larger side only")),
                ("margin_group", models.CharField(blank=True, max_length=20, verbose_name="margin group")),
                ("mark", models.CharField(blank=True, max_length=4, verbose_name="how it is known")),
                (
                    "exchange",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="products",
                        to="marketdata.exchange",
                        verbose_name="exchange",
                    ),
                ),
            ],
            options={
                "verbose_name": "product",
                "verbose_name_plural": "products",
                "ordering": ["exchange", "code"],
            },
        ),
        migrations.CreateModel(
            name="MarginRate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "origin",
                    models.CharField(
                        choices=[("reference", "reference files"), ("desk", "this desk")],
                        default="desk",
                        editable=False,
                        max_length=10,
                        verbose_name="origin",
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                (
                    "long_by_money",
                    models.DecimalField(decimal_places=10, default=0, max_digits=12, verbose_name="long, of value"),
                ),
                (
                    "long_by_volume",
                    models.DecimalField(decimal_places=6, default=0, max_digits=20, verbose_name="long, yuan a lot"),
                ),
                (
                    "short_by_money",
                    models.DecimalField(decimal_places=10, default=0, max_digits=12, verbose_name="short, of value"),
                ),
                (
                    "short_by_volume",
                    models.DecimalField(decimal_places=6, default=0, max_digits=20, verbose_name="short, yuan a lot"),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="marketdata.instrument",
                        verbose_name="instrument",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="marketdata.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "margin rate",
                "verbose_name_plural": "margin rates",
                "ordering": ["-valid_from"],
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="instrument",
            name="product",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="instruments",
                to="marketdata.product",
                verbose_name="product",
            ),
        ),
        migrations.CreateModel(
            name="FeeRate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "origin",
                    models.CharField(
                        choices=[("reference", "reference files"), ("desk", "this desk")],
                        default="desk",
                        editable=False,
                        max_length=10,
                        verbose_name="origin",
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                (
                    "open_by_money",
                    models.DecimalField(decimal_places=10, default=0, max_digits=12, verbose_name="open, of turnover"),
                ),
                (
                    "open_by_volume",
                    models.DecimalField(decimal_places=6, default=0, max_digits=20, verbose_name="open, yuan a lot"),
                ),
                (
                    "close_by_money",
                    models.DecimalField(decimal_places=10, default=0, max_digits=12, verbose_name="close, of turnover"),
                ),
                (
                    "close_by_volume",
                    models.DecimalField(decimal_places=6, default=0, max_digits=20, verbose_name="close, yuan a lot"),
                ),
                (
                    "close_today_by_money",
                    models.DecimalField(
                        decimal_places=10, default=0, max_digits=12, verbose_name="close today, of turnover"
                    ),
                ),
                (
                    "close_today_by_volume",
                    models.DecimalField(
                        decimal_places=6, default=0, max_digits=20, verbose_name="close today, yuan a lot"
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="marketdata.instrument",
                        verbose_name="instrument",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="marketdata.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "commission rate",
                "verbose_name_plural": "commission rates",
                "ordering": ["-valid_from"],
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ProductSession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "origin",
                    models.CharField(
                        choices=[("reference", "reference files"), ("desk", "this desk")],
                        default="desk",
                        editable=False,
                        max_length=10,
                        verbose_name="origin",
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("group", models.CharField(blank=True, max_length=40, verbose_name="pattern")),
                (
                    "night",
                    models.CharField(
                        blank=True, help_text="Such as 21:00-02:30.", max_length=120, verbose_name="night session"
                    ),
                ),
                (
                    "day",
                    models.CharField(
                        help_text="Such as 09:00-10:15 10:30-11:30 13:30-15:00.",
                        max_length=120,
                        verbose_name="day session",
                    ),
                ),
                (
                    "auctions",
                    models.CharField(
                        blank=True, help_text="Order windows: 20:55-20:59.", max_length=120, verbose_name="auctions"
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sessions",
                        to="marketdata.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "trading hours",
                "verbose_name_plural": "trading hours",
                "ordering": ["product", "valid_from"],
            },
        ),
        migrations.CreateModel(
            name="SessionSuspension",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "origin",
                    models.CharField(
                        choices=[("reference", "reference files"), ("desk", "this desk")],
                        default="desk",
                        editable=False,
                        max_length=10,
                        verbose_name="origin",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("first", models.DateField(verbose_name="first trading day")),
                ("last", models.DateField(verbose_name="last trading day")),
                (
                    "exchange",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="marketdata.exchange",
                        verbose_name="exchange",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="marketdata.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "suspended night session",
                "verbose_name_plural": "suspended night sessions",
                "ordering": ["first"],
            },
        ),
        migrations.CreateModel(
            name="SpecialOpeningDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "origin",
                    models.CharField(
                        choices=[("reference", "reference files"), ("desk", "this desk")],
                        default="desk",
                        editable=False,
                        max_length=10,
                        verbose_name="origin",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("trading_day", models.DateField(verbose_name="trading day")),
                ("opens", models.DateTimeField(verbose_name="opens at")),
                (
                    "exchange",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="marketdata.exchange",
                        verbose_name="exchange",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="marketdata.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "special opening",
                "verbose_name_plural": "special openings",
                "ordering": ["trading_day"],
            },
        ),
        migrations.CreateModel(
            name="BarCoverage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("interval", models.CharField(max_length=8, verbose_name="interval")),
                ("first_start", models.DateTimeField(null=True, verbose_name="first bar")),
                ("last_start", models.DateTimeField(null=True, verbose_name="last bar")),
                ("first_day", models.DateField(null=True, verbose_name="first trading day")),
                ("last_day", models.DateField(null=True, verbose_name="last trading day")),
                ("bars", models.PositiveBigIntegerField(default=0, verbose_name="bars")),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="coverage", to="marketdata.instrument"
                    ),
                ),
            ],
            options={
                "verbose_name": "coverage",
                "verbose_name_plural": "coverage",
                "ordering": ["instrument", "interval"],
                "constraints": [
                    models.UniqueConstraint(fields=("instrument", "interval"), name="marketdata_coverage_once")
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.UniqueConstraint(fields=("exchange", "code"), name="marketdata_product_code"),
        ),
        migrations.AddConstraint(
            model_name="marginrate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("instrument__isnull", False), ("product", None)),
                    models.Q(("instrument", None), ("product__isnull", False)),
                    _connector="OR",
                ),
                name="marketdata_marginrate_one_owner",
            ),
        ),
        migrations.AddConstraint(
            model_name="marginrate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("instrument", None)),
                fields=("product", "valid_from"),
                name="marketdata_marginrate_product",
            ),
        ),
        migrations.AddConstraint(
            model_name="marginrate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("product", None)),
                fields=("instrument", "valid_from"),
                name="marketdata_marginrate_instrument",
            ),
        ),
        migrations.AddConstraint(
            model_name="instrument",
            constraint=models.CheckConstraint(
                condition=models.Q(("multiplier__gt", 0)), name="marketdata_multiplier_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="instrument",
            constraint=models.CheckConstraint(
                condition=models.Q(("price_tick__gt", 0)), name="marketdata_tick_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="feerate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("instrument__isnull", False), ("product", None)),
                    models.Q(("instrument", None), ("product__isnull", False)),
                    _connector="OR",
                ),
                name="marketdata_feerate_one_owner",
            ),
        ),
        migrations.AddConstraint(
            model_name="feerate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("instrument", None)),
                fields=("product", "valid_from"),
                name="marketdata_feerate_product",
            ),
        ),
        migrations.AddConstraint(
            model_name="feerate",
            constraint=models.UniqueConstraint(
                condition=models.Q(("product", None)),
                fields=("instrument", "valid_from"),
                name="marketdata_feerate_instrument",
            ),
        ),
        migrations.AddConstraint(
            model_name="productsession",
            constraint=models.UniqueConstraint(fields=("product", "valid_from"), name="marketdata_session_from"),
        ),
        migrations.AddConstraint(
            model_name="sessionsuspension",
            constraint=models.CheckConstraint(
                condition=models.Q(("last__gte", models.F("first"))), name="marketdata_suspension_order"
            ),
        ),
        # The table itself is made by hand: PostgreSQL needs it partitioned from the start.
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(create_bar_table, drop_bar_table)],
            state_operations=[
                migrations.CreateModel(
                    name="Bar",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "instrument",
                                "interval",
                                "trading_day",
                                "start",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("interval", models.CharField(max_length=8)),
                        ("trading_day", models.DateField()),
                        ("start", models.DateTimeField()),
                        ("open", models.FloatField()),
                        ("high", models.FloatField()),
                        ("low", models.FloatField()),
                        ("close", models.FloatField()),
                        ("volume", models.BigIntegerField()),
                        ("turnover", models.FloatField(null=True)),
                        ("open_interest", models.FloatField(null=True)),
                        (
                            "instrument",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="marketdata.instrument",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name": "bar",
                        "verbose_name_plural": "bars",
                    },
                ),
            ],
        ),
    ]
