"""Leases: who may do what only one process may do."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_roles"),
    ]

    operations = [
        migrations.CreateModel(
            name="Lease",
            fields=[
                (
                    "name",
                    models.CharField(
                        help_text="Such as feed:replay.",
                        max_length=80,
                        primary_key=True,
                        serialize=False,
                        verbose_name="name",
                    ),
                ),
                (
                    "holder",
                    models.CharField(blank=True, help_text="Host and process.", max_length=200, verbose_name="holder"),
                ),
                ("epoch", models.PositiveBigIntegerField(default=0, verbose_name="epoch")),
                ("expires_at", models.DateTimeField(null=True, verbose_name="ends")),
                ("taken_at", models.DateTimeField(null=True, verbose_name="taken")),
            ],
            options={
                "verbose_name": "lease",
                "verbose_name_plural": "leases",
                "ordering": ["name"],
                "default_permissions": ("view",),
            },
        ),
    ]
