"""What each role may do with backtests; traders and risk officers see nothing here."""

from django.db import migrations

from accounts.roles import RESEARCHER, grant_role_permissions, revoke_role_permissions

# A researcher's permissions reach own and shared runs only: the querysets see to that.
GRANTS = {
    RESEARCHER: [
        "backtests.view_backtestrun",
        "backtests.add_backtestrun",
        "backtests.change_backtestrun",
    ],
}


def grant(apps, schema_editor) -> None:  # type: ignore[no-untyped-def]
    """Roles get their permissions; administrators get all of this app."""
    grant_role_permissions(apps, GRANTS)


def revoke(apps, schema_editor) -> None:  # type: ignore[no-untyped-def]
    """And lose them again."""
    revoke_role_permissions(apps, GRANTS)


class Migration(migrations.Migration):
    """Needs the roles and this app's permissions."""

    dependencies = [("backtests", "0001_initial"), ("accounts", "0001_initial")]

    operations = [migrations.RunPython(grant, revoke)]
