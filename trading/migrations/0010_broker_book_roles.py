"""Who sees what brokers say of accounts, who proposes to adopt it, and who confirms their statements."""

from typing import Any

from django.db import migrations

from accounts.roles import RISK_OFFICER, TRADER, grant_role_permissions, revoke_role_permissions

SEEN = [f"trading.view_{name}" for name in ("brokercomparison", "brokerstatement", "bookadoption", "brokerrate")]
VERBS = ["trading.adopt_broker_figures", "trading.confirm_brokerstatement"]

GRANTS = {TRADER: SEEN, RISK_OFFICER: [*SEEN, *VERBS]}


def grant(apps: Any, schema_editor: Any) -> None:
    """Administrators get all of this app."""
    grant_role_permissions(apps, GRANTS)


def revoke(apps: Any, schema_editor: Any) -> None:
    """And lose them again."""
    revoke_role_permissions(apps, GRANTS)


class Migration(migrations.Migration):
    """Needs the tables of comparisons and statements."""

    dependencies = [("trading", "0009_broker_books")]

    operations = [migrations.RunPython(grant, revoke)]
