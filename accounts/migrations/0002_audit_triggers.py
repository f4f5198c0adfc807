"""The audit trail's head row, and triggers that refuse to change or remove what was written."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from accounts.audit import genesis_head

POSTGRESQL = [
    """
    CREATE FUNCTION accounts_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit trail is append-only: % on % refused', TG_OP, TG_TABLE_NAME;
    END $$
    """,
    """
    CREATE TRIGGER accounts_auditentry_append_only BEFORE UPDATE OR DELETE ON accounts_auditentry
    FOR EACH ROW EXECUTE FUNCTION accounts_audit_refuse()
    """,
    """
    CREATE TRIGGER accounts_auditentry_no_truncate BEFORE TRUNCATE ON accounts_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_refuse()
    """,
    """
    CREATE TRIGGER accounts_audithead_forward BEFORE UPDATE ON accounts_audithead
    FOR EACH ROW WHEN (NEW.count <> OLD.count + 1) EXECUTE FUNCTION accounts_audit_refuse()
    """,
    """
    CREATE TRIGGER accounts_audithead_no_delete BEFORE DELETE ON accounts_audithead
    FOR EACH ROW EXECUTE FUNCTION accounts_audit_refuse()
    """,
    """
    CREATE TRIGGER accounts_audithead_no_truncate BEFORE TRUNCATE ON accounts_audithead
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_refuse()
    """,
]
POSTGRESQL_BACK = [
    "DROP TRIGGER accounts_auditentry_append_only ON accounts_auditentry",
    "DROP TRIGGER accounts_auditentry_no_truncate ON accounts_auditentry",
    "DROP TRIGGER accounts_audithead_forward ON accounts_audithead",
    "DROP TRIGGER accounts_audithead_no_delete ON accounts_audithead",
    "DROP TRIGGER accounts_audithead_no_truncate ON accounts_audithead",
    "DROP FUNCTION accounts_audit_refuse()",
]
_SQLITE_BODY = "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
SQLITE = [
    f"CREATE TRIGGER accounts_auditentry_no_update BEFORE UPDATE ON accounts_auditentry {_SQLITE_BODY}",
    f"CREATE TRIGGER accounts_auditentry_no_delete BEFORE DELETE ON accounts_auditentry {_SQLITE_BODY}",
    "CREATE TRIGGER accounts_audithead_forward BEFORE UPDATE ON accounts_audithead "
    f"WHEN NEW.count <> OLD.count + 1 {_SQLITE_BODY}",
    f"CREATE TRIGGER accounts_audithead_no_delete BEFORE DELETE ON accounts_audithead {_SQLITE_BODY}",
]
SQLITE_BACK = [
    "DROP TRIGGER accounts_auditentry_no_update",
    "DROP TRIGGER accounts_auditentry_no_delete",
    "DROP TRIGGER accounts_audithead_forward",
    "DROP TRIGGER accounts_audithead_no_delete",
]


def make_head(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The head of an empty chain, under the key of this installation."""
    apps.get_model("accounts", "AuditHead").objects.create(**genesis_head())


def remove_head(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The way back: only an empty chain may lose its head."""
    apps.get_model("accounts", "AuditHead").objects.filter(count=0).delete()


def make_triggers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers in the words of the database in use."""
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement, params=None)


def drop_triggers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The way back."""
    for statement in POSTGRESQL_BACK if schema_editor.connection.vendor == "postgresql" else SQLITE_BACK:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    """Head row first, triggers second: back, the triggers go before the row."""

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunPython(make_head, remove_head),
        migrations.RunPython(make_triggers, drop_triggers),
    ]
