"""Ticks and their files, feeds, the recorder, subscriptions, main contracts and the quality of days."""

import django.db.models.deletion
from django.db import migrations, models

from marketdata.partitions import create_tick_table, drop_tick_table


class Migration(migrations.Migration):
    dependencies = [
        ("marketdata", "0006_bars_after_expiry"),
    ]

    operations = [
        migrations.CreateModel(
            name="FeedState",
            fields=[
                ("source", models.CharField(max_length=32, primary_key=True, serialize=False, verbose_name="source")),
                ("kind", models.CharField(max_length=16, verbose_name="kind")),
                (
                    "status",
                    models.CharField(
                        help_text="starting, running, waiting, finished, stopped.", max_length=16, verbose_name="state"
                    ),
                ),
                ("epoch", models.PositiveBigIntegerField(default=0, verbose_name="epoch")),
                ("market_time", models.DateTimeField(null=True, verbose_name="market clock")),
                ("trading_day", models.DateField(null=True, verbose_name="trading day")),
                ("speed", models.FloatField(default=1.0, verbose_name="speed")),
                ("instruments", models.PositiveIntegerField(default=0, verbose_name="instruments")),
                ("ticks", models.PositiveBigIntegerField(default=0, verbose_name="ticks published")),
                ("bars", models.PositiveBigIntegerField(default=0, verbose_name="bars published")),
                (
                    "counters",
                    models.JSONField(
                        default=dict, help_text="Outside, stale, backward, refused ...", verbose_name="counters"
                    ),
                ),
                ("stream_id", models.CharField(blank=True, max_length=64, verbose_name="newest id in the stream")),
                ("last_tick_at", models.DateTimeField(null=True, verbose_name="last tick (wall clock)")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="told at")),
            ],
            options={
                "verbose_name": "feed",
                "verbose_name_plural": "feeds",
                "ordering": ["source"],
            },
        ),
        migrations.CreateModel(
            name="InstrumentFeed",
            fields=[
                (
                    "instrument",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="feed",
                        serialize=False,
                        to="marketdata.instrument",
                        verbose_name="instrument",
                    ),
                ),
                ("source", models.CharField(max_length=32, verbose_name="source")),
                ("epoch", models.PositiveBigIntegerField(verbose_name="epoch")),
                ("since", models.DateTimeField(auto_now=True, verbose_name="since")),
            ],
            options={
                "verbose_name": "published instrument",
                "verbose_name_plural": "published instruments",
                "ordering": ["instrument"],
            },
        ),
        migrations.CreateModel(
            name="RecorderPosition",
            fields=[
                ("source", models.CharField(max_length=32, primary_key=True, serialize=False, verbose_name="source")),
                ("stream_id", models.CharField(max_length=64, verbose_name="last id recorded")),
                ("market_time", models.DateTimeField(null=True, verbose_name="market clock")),
                ("ticks", models.PositiveBigIntegerField(default=0, verbose_name="ticks recorded")),
                ("bars", models.PositiveBigIntegerField(default=0, verbose_name="bars recorded")),
                ("lag_ms", models.FloatField(default=0.0, verbose_name="behind by (ms)")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="at")),
            ],
            options={
                "verbose_name": "recorder position",
                "verbose_name_plural": "recorder",
                "ordering": ["source"],
            },
        ),
        migrations.AddField(
            model_name="contractroll",
            name="reason",
            field=models.JSONField(blank=True, default=dict, verbose_name="what the rule saw"),
        ),
        migrations.AddField(
            model_name="contractroll",
            name="rule",
            field=models.CharField(
                blank=True, help_text="By which the desk decided; empty: imported.", max_length=64, verbose_name="rule"
            ),
        ),
        # The table itself is made by hand: PostgreSQL needs it partitioned from the start.
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(create_tick_table, drop_tick_table)],
            state_operations=[
                migrations.CreateModel(
                    name="Tick",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "instrument",
                                "trading_day",
                                "seq",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("trading_day", models.DateField()),
                        ("seq", models.BigIntegerField()),
                        ("time", models.DateTimeField()),
                        ("received", models.DateTimeField(null=True)),
                        ("flags", models.SmallIntegerField(default=0)),
                        ("volume", models.BigIntegerField()),
                        ("bid_volume", models.BigIntegerField()),
                        ("ask_volume", models.BigIntegerField()),
                        ("last", models.FloatField(null=True)),
                        ("turnover", models.FloatField(null=True)),
                        ("open_interest", models.FloatField(null=True)),
                        ("bid_price", models.FloatField(null=True)),
                        ("ask_price", models.FloatField(null=True)),
                        ("open", models.FloatField(null=True)),
                        ("high", models.FloatField(null=True)),
                        ("low", models.FloatField(null=True)),
                        ("close", models.FloatField(null=True)),
                        ("average", models.FloatField(null=True)),
                        ("settlement", models.FloatField(null=True)),
                        ("pre_settlement", models.FloatField(null=True)),
                        ("pre_close", models.FloatField(null=True)),
                        ("pre_open_interest", models.FloatField(null=True)),
                        ("upper_limit", models.FloatField(null=True)),
                        ("lower_limit", models.FloatField(null=True)),
                        ("depth", models.BinaryField(null=True)),
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
                        "verbose_name": "tick",
                        "verbose_name_plural": "ticks",
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name="BarNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("interval", models.CharField(max_length=8, verbose_name="interval")),
                ("start", models.DateTimeField(verbose_name="start")),
                ("kind", models.CharField(default="partial", max_length=16, verbose_name="what")),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="marketdata.instrument",
                        verbose_name="instrument",
                    ),
                ),
            ],
            options={
                "verbose_name": "note on a bar",
                "verbose_name_plural": "notes on bars",
                "ordering": ["instrument", "interval", "start"],
                "constraints": [
                    models.UniqueConstraint(fields=("instrument", "interval", "start"), name="marketdata_note_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="DayQuality",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("interval", models.CharField(default="1m", max_length=8, verbose_name="interval")),
                ("trading_day", models.DateField(verbose_name="trading day")),
                ("score", models.FloatField(verbose_name="score")),
                ("expected_bars", models.PositiveIntegerField(verbose_name="bars by the session table")),
                ("bars", models.PositiveIntegerField(verbose_name="bars")),
                ("missing", models.PositiveIntegerField(default=0, verbose_name="missing bars")),
                ("zero_volume", models.PositiveIntegerField(default=0, verbose_name="bars without volume")),
                ("off_tick", models.PositiveIntegerField(default=0, verbose_name="prices off the tick grid")),
                ("outside_limits", models.PositiveIntegerField(default=0, verbose_name="prices outside the limits")),
                ("jumps", models.PositiveIntegerField(default=0, verbose_name="jumps")),
                ("partial", models.PositiveIntegerField(default=0, verbose_name="partial bars")),
                ("ticks", models.PositiveIntegerField(default=0, verbose_name="ticks")),
                ("missing_ticks", models.PositiveIntegerField(default=0, verbose_name="ticks lost")),
                ("crossed", models.PositiveIntegerField(default=0, verbose_name="crossed quotes")),
                ("backward", models.PositiveIntegerField(default=0, verbose_name="ticks back in time")),
                ("clock_skew_ms", models.FloatField(null=True, verbose_name="clock skew (ms)")),
                ("details", models.JSONField(default=dict, verbose_name="details")),
                ("computed_at", models.DateTimeField(auto_now=True, verbose_name="computed")),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="marketdata.instrument",
                        verbose_name="instrument",
                    ),
                ),
            ],
            options={
                "verbose_name": "data quality of a day",
                "verbose_name_plural": "data quality",
                "ordering": ["-trading_day", "score", "instrument"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("instrument", "interval", "trading_day"), name="marketdata_quality_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("score__gte", 0), ("score__lte", 1)), name="marketdata_quality_score"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MainContractDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("trading_day", models.DateField(verbose_name="in force on")),
                ("decided_from", models.DateField(null=True, verbose_name="decided from the data of")),
                ("rolled", models.BooleanField(default=False, verbose_name="rolled")),
                ("rule", models.CharField(max_length=64, verbose_name="rule")),
                ("reason", models.JSONField(default=dict, verbose_name="reason")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="decided at")),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="marketdata.instrument",
                        verbose_name="main contract",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="marketdata.product", verbose_name="product"
                    ),
                ),
            ],
            options={
                "verbose_name": "main contract",
                "verbose_name_plural": "main contracts",
                "ordering": ["-trading_day", "product"],
                "constraints": [
                    models.UniqueConstraint(fields=("product", "trading_day"), name="marketdata_main_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "owner",
                    models.CharField(help_text="Such as user:7 or strategy:12.", max_length=80, verbose_name="owner"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="since")),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="marketdata.instrument",
                        verbose_name="instrument",
                    ),
                ),
            ],
            options={
                "verbose_name": "subscription",
                "verbose_name_plural": "subscriptions",
                "ordering": ["instrument", "owner"],
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "instrument"), name="marketdata_subscribed_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="TickFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("trading_day", models.DateField(verbose_name="trading day")),
                ("path", models.CharField(help_text="Below the folder of ticks.", max_length=255, verbose_name="file")),
                ("rows", models.PositiveBigIntegerField(verbose_name="ticks")),
                ("bytes", models.PositiveBigIntegerField(verbose_name="bytes")),
                ("checksum", models.CharField(max_length=64, verbose_name="checksum of the ticks")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="archived")),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="marketdata.instrument",
                        verbose_name="instrument",
                    ),
                ),
            ],
            options={
                "verbose_name": "tick file",
                "verbose_name_plural": "tick files",
                "ordering": ["-trading_day", "instrument"],
                "constraints": [
                    models.UniqueConstraint(fields=("instrument", "trading_day"), name="marketdata_tick_file_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="TickGap",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("trading_day", models.DateField(verbose_name="trading day")),
                ("source", models.CharField(max_length=32, verbose_name="source")),
                ("first_seq", models.BigIntegerField(verbose_name="first missing number")),
                ("last_seq", models.BigIntegerField(verbose_name="last missing number")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="found")),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="marketdata.instrument",
                        verbose_name="instrument",
                    ),
                ),
            ],
            options={
                "verbose_name": "gap in the ticks",
                "verbose_name_plural": "gaps in the ticks",
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("instrument", "trading_day", "first_seq"), name="marketdata_gap_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("last_seq__gte", models.F("first_seq"))), name="marketdata_gap_order"
                    ),
                ],
            },
        ),
    ]
