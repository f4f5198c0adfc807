"""Researchers optimise; the trials of a lineage count from the runs that were made before anybody counted."""

from collections import Counter

from django.db import migrations

from accounts.roles import RESEARCHER, grant_role_permissions, revoke_role_permissions

# A researcher's permissions reach own and shared rows only: the querysets see to that.
GRANTS = {
    RESEARCHER: [
        f"backtests.{verb}_{model}"
        for model in ("optimizationrun", "walkforwardrun")
        for verb in ("view", "add", "change")
    ],
}


def grant(apps, schema_editor) -> None:  # type: ignore[no-untyped-def]
    """Roles get their permissions; administrators get all of this app."""
    grant_role_permissions(apps, GRANTS)


def revoke(apps, schema_editor) -> None:  # type: ignore[no-untyped-def]
    """And lose them again."""
    revoke_role_permissions(apps, GRANTS)


def count(apps, schema_editor) -> None:  # type: ignore[no-untyped-def]
    """One trial for each run with a result."""
    runs = apps.get_model("backtests", "BacktestRun").objects.filter(status="succeeded")
    rows = runs.values_list("strategy", "instrument__code", "legs").iterator()
    found = Counter((strategy, "+".join(sorted({code, *legs}))) for strategy, code, legs in rows)
    counts = apps.get_model("backtests", "TrialCount").objects
    counts.bulk_create(
        counts.model(strategy=strategy, instruments=instruments, trials=trials)
        for (strategy, instruments), trials in found.items()
    )


def forget(apps, schema_editor) -> None:  # type: ignore[no-untyped-def]
    """The table goes with the migration before."""


class Migration(migrations.Migration):
    """Needs the tables of the migration before, and the roles."""

    dependencies = [("backtests", "0004_optimisation"), ("accounts", "0001_initial")]

    operations = [migrations.RunPython(grant, revoke), migrations.RunPython(count, forget)]
