"""The checks of a strategy count with the parameters that are to run, where their gates stand as they were made."""

from typing import Any

from django.db import migrations

PLAIN = {"kind__in": ("look_ahead", "warm_up"), "minimum": 1, "max_age_days": None}


def own(apps: Any, schema_editor: Any) -> None:
    """Ask for the instance's own parameters."""
    apps.get_model("strategies", "StrategyGate").objects.filter(**PLAIN).update(same_parameters=True)


def any_parameters(apps: Any, schema_editor: Any) -> None:
    """As before."""
    apps.get_model("strategies", "StrategyGate").objects.filter(**PLAIN).update(same_parameters=False)


class Migration(migrations.Migration):
    """Needs the gates of 0002."""

    dependencies = [("strategies", "0004_waiting")]

    operations = [migrations.RunPython(own, any_parameters)]
