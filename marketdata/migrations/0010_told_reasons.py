"""Why ticks are missing becomes a list of kept sentences; rules of main contracts get names."""

from typing import Any

from django.db import migrations, models


def to_sentences(apps: Any, _schema_editor: Any) -> None:
    """What was stored in English stays English."""
    rows = apps.get_model("marketdata", "TickGap").objects.exclude(reason="")
    for row in rows.iterator():
        row.reasons = [{"text": row.reason.replace("%", "%%"), "values": {}}]
        row.save(update_fields=["reasons"])


def to_text(apps: Any, _schema_editor: Any) -> None:
    """The sentences in English, cut to the column."""
    for row in apps.get_model("marketdata", "TickGap").objects.exclude(reasons=[]).iterator():
        row.reason = "; ".join(told["text"] % told["values"] for told in row.reasons)[:200]
        row.save(update_fields=["reason"])


RULES = [
    ("first", "first decision"),
    ("kept", "no change"),
    ("open_interest", "larger open interest"),
    ("expiry", "expiry comes near"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("marketdata", "0009_watchlist_order"),
    ]

    operations = [
        migrations.AddField(
            model_name="tickgap",
            name="reasons",
            field=models.JSONField(default=list, editable=False, verbose_name="reason"),
        ),
        migrations.RunPython(to_sentences, to_text),
        migrations.RemoveField(model_name="tickgap", name="reason"),
        migrations.AlterField(
            model_name="contractroll",
            name="rule",
            field=models.CharField(
                blank=True,
                choices=RULES,
                help_text="By which the desk decided; empty: imported.",
                max_length=64,
                verbose_name="rule",
            ),
        ),
        migrations.AlterField(
            model_name="maincontractday",
            name="rule",
            field=models.CharField(choices=RULES, max_length=64, verbose_name="rule"),
        ),
    ]
