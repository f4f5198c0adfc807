"""Who may see ticks, feeds and the quality of data, who may subscribe, and who may import ticks."""

from typing import Any

from django.db import migrations

from accounts.roles import grant_role_permissions, revoke_role_permissions

SHOWN = (
    "tick",
    "tickfile",
    "tickgap",
    "feedstate",
    "instrumentfeed",
    "recorderposition",
    "barnote",
    "dayquality",
    "maincontractday",
    "subscription",
)
EVERYBODY = [f"marketdata.view_{name}" for name in SHOWN]
SUBSCRIBES = ["marketdata.add_subscription", "marketdata.delete_subscription"]
IMPORTS = ["marketdata.add_tick", "marketdata.add_maincontractday", "marketdata.add_dayquality"]
LEASES = ["accounts.view_lease"]

ROLES = {
    "administrator": [*EVERYBODY, *SUBSCRIBES, *IMPORTS, *LEASES],
    "risk officer": [*EVERYBODY, *SUBSCRIBES, *LEASES],
    "trader": [*EVERYBODY, *SUBSCRIBES],
    "researcher": [*EVERYBODY, *SUBSCRIBES, *IMPORTS],
}


def grant(apps: Any, schema_editor: Any) -> None:
    grant_role_permissions(apps, ROLES)


def withdraw(apps: Any, schema_editor: Any) -> None:
    revoke_role_permissions(apps, ROLES)


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0007_live"), ("accounts", "0004_leases")]

    operations = [migrations.RunPython(grant, withdraw)]
