"""The four roles, and what they may do with people, the audit trail and alarms."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from accounts.roles import ADMINISTRATOR, RISK_OFFICER, ROLES, grant_role_permissions, revoke_role_permissions

GRANTS = {
    ADMINISTRATOR: ["auth.view_group", "auth.change_group", "axes.view_accessattempt"],
    RISK_OFFICER: ["accounts.view_auditentry", "accounts.view_alarm", "accounts.acknowledge_alarm"],
}


def make_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The groups, with the permissions of this app."""
    for role in ROLES:
        apps.get_model("auth", "Group").objects.get_or_create(name=role)
    grant_role_permissions(apps, GRANTS)


def remove_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The way back. The groups stay: people may be in them."""
    revoke_role_permissions(apps, GRANTS)


class Migration(migrations.Migration):
    """Needs the permission and content type tables of Django."""

    dependencies = [
        ("accounts", "0002_audit_triggers"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("axes", "0010_accessattemptexpiration"),
    ]

    operations = [migrations.RunPython(make_roles, remove_roles)]
