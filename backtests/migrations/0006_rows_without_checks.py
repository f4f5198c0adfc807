"""Fills and days without a check of every row's reference: a trigger deletes them with their run instead.

They are inserted by the transaction that holds the run's row locked, so that there is a run; a foreign key looked for
it once more for each of thousands of rows when the transaction committed. Whoever deletes a run waits for that lock,
and the trigger then sees all that was inserted. On SQLite, which has one writer, Django's own cascade does it.
"""

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

POSTGRESQL = [
    """
    CREATE FUNCTION backtests_run_rows_go_too() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM backtests_backtestfill WHERE run_id = OLD.id;
        DELETE FROM backtests_backtestday WHERE run_id = OLD.id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER backtests_run_rows_go_too AFTER DELETE ON backtests_backtestrun
    FOR EACH ROW EXECUTE FUNCTION backtests_run_rows_go_too()
    """,
]
POSTGRESQL_BACK = [
    "DROP TRIGGER backtests_run_rows_go_too ON backtests_backtestrun",
    "DROP FUNCTION backtests_run_rows_go_too()",
]


def forwards(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the trigger."""
    if schema_editor.connection.vendor == "postgresql":
        for statement in POSTGRESQL:
            schema_editor.execute(statement, params=None)


def backwards(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop it."""
    if schema_editor.connection.vendor == "postgresql":
        for statement in POSTGRESQL_BACK:
            schema_editor.execute(statement, params=None)


def run_of(related_name: str) -> models.Field:  # type: ignore[type-arg] # a class that takes none at run time
    """The reference of a row to its run."""
    return models.ForeignKey(
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.CASCADE,
        related_name=related_name,
        to="backtests.backtestrun",
    )


class Migration(migrations.Migration):
    """Both tables, then the trigger."""

    dependencies = [("backtests", "0005_optimisation_roles")]

    operations = [
        migrations.AlterField(model_name="backtestfill", name="run", field=run_of("fills")),
        migrations.AlterField(model_name="backtestday", name="run", field=run_of("days")),
        migrations.RunPython(forwards, backwards),
    ]
