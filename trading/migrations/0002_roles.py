"""What each role may do with accounts; traders and researchers reach those accounts only that are granted to them."""

from typing import Any

from django.db import migrations

from accounts.roles import RESEARCHER, RISK_OFFICER, TRADER, grant_role_permissions, revoke_role_permissions

READS = [f"trading.view_{name}" for name in ("tradingaccount", "order", "fill", "position")]
BOOKS = [f"trading.view_{name}" for name in ("cashentry", "balancesnapshot", "accountcommand")]
GROUPS = ["trading.view_desk", "trading.view_controlgroup"]
WATCHES = [f"trading.{verb}_tradingaccount" for verb in ("view_every", "reduce_every", "settle")]

GRANTS = {
    TRADER: [*READS, *BOOKS, "trading.trade_tradingaccount"],
    RESEARCHER: READS,
    RISK_OFFICER: [*READS, *BOOKS, *GROUPS, *WATCHES],
}


def grant(apps: Any, schema_editor: Any) -> None:
    """Roles get their permissions; administrators get all of this app."""
    grant_role_permissions(apps, GRANTS)


def revoke(apps: Any, schema_editor: Any) -> None:
    """And lose them again."""
    revoke_role_permissions(apps, GRANTS)


class Migration(migrations.Migration):
    """Needs the roles and this app's permissions."""

    dependencies = [("trading", "0001_initial"), ("accounts", "0003_roles")]

    operations = [migrations.RunPython(grant, revoke)]
