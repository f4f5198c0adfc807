"""A run keeps on how sound data it rests."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("backtests", "0006_rows_without_checks")]

    operations = [
        migrations.AddField(
            model_name="backtestrun",
            name="data_quality",
            field=models.JSONField(blank=True, default=dict, verbose_name="data quality"),
        ),
    ]
