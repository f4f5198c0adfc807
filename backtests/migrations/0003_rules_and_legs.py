"""The rules of a run, its further instruments, its form; the leg of each fill."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("backtests", "0002_roles"),
    ]

    operations = [
        migrations.AddField(
            model_name="backtestfill",
            name="leg",
            field=models.SmallIntegerField(default=0, verbose_name="leg"),
        ),
        migrations.AddField(
            model_name="backtestrun",
            name="form",
            field=models.CharField(
                blank=True, help_text="Empty for the fastest there is.", max_length=8, verbose_name="form"
            ),
        ),
        migrations.AddField(
            model_name="backtestrun",
            name="legs",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Codes, in the order of their legs from 1 on.",
                verbose_name="further instruments",
            ),
        ),
        migrations.AddField(
            model_name="backtestrun",
            name="rules",
            field=models.JSONField(
                blank=True, default=dict, help_text="Those that differ from the plain run.", verbose_name="rules"
            ),
        ),
    ]
