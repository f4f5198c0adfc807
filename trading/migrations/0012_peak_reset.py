from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trading", "0011_foreign_orders")]

    operations = [
        migrations.AddField("accountrisk", "reset", models.JSONField(null=True)),
        migrations.AddField("riskrevision", "rates", models.BigIntegerField(default=0)),
    ]
