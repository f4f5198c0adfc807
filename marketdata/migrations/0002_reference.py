"""Exchanges, products, hours, calendar and default rates from the reference files, and who may see and change what."""

from typing import Any

from django.db import migrations

from accounts.roles import grant_role_permissions, revoke_role_permissions
from marketdata.reference_rows import load_reference

FACTS = (
    "exchange",
    "product",
    "productsession",
    "sessionsuspension",
    "specialopeningday",
    "tradingday",
    "instrument",
    "feerate",
    "marginrate",
    "bar",
    "barcoverage",
)
EVERYBODY = [f"marketdata.view_{name}" for name in FACTS]
RATES = [f"marketdata.{verb}_{name}" for name in ("feerate", "marginrate") for verb in ("add", "change", "delete")]
IMPORTS = ["marketdata.view_barimport", "marketdata.add_barimport", "marketdata.add_instrument"]

ROLES = {
    "administrator": EVERYBODY,
    "risk officer": [*EVERYBODY, *RATES, "marketdata.view_barimport"],
    "trader": EVERYBODY,
    "researcher": [*EVERYBODY, *IMPORTS],
}


def load(apps: Any, schema_editor: Any) -> None:
    load_reference(apps)
    grant_role_permissions(apps, ROLES)


def withdraw(apps: Any, schema_editor: Any) -> None:
    revoke_role_permissions(apps, ROLES)


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0001_initial"), ("accounts", "0001_initial")]

    operations = [migrations.RunPython(load, withdraw)]
