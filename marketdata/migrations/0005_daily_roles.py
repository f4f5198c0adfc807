"""Who may see and import rolls and settlements."""

from typing import Any

from django.db import migrations

from accounts.roles import grant_role_permissions, revoke_role_permissions

EVERYBODY = ["marketdata.view_contractroll", "marketdata.view_dailysettlement"]
IMPORTS = ["marketdata.add_contractroll", "marketdata.add_dailysettlement"]

ROLES = {
    "administrator": EVERYBODY,
    "risk officer": EVERYBODY,
    "trader": EVERYBODY,
    "researcher": [*EVERYBODY, *IMPORTS],
}


def grant(apps: Any, schema_editor: Any) -> None:
    grant_role_permissions(apps, ROLES)


def withdraw(apps: Any, schema_editor: Any) -> None:
    revoke_role_permissions(apps, ROLES)


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0004_rolls_and_settlements")]

    operations = [migrations.RunPython(grant, withdraw)]
