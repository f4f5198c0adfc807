"""Logins at brokers are the administrators'; risk officers see that there are some."""

from typing import Any

from django.db import migrations

from accounts.roles import RISK_OFFICER, grant_role_permissions, revoke_role_permissions

GRANTS = {RISK_OFFICER: ["trading.view_brokerlogin", "marketdata.view_feedlogin"]}


def grant(apps: Any, schema_editor: Any) -> None:
    """Administrators get all of these apps."""
    grant_role_permissions(apps, GRANTS)


def revoke(apps: Any, schema_editor: Any) -> None:
    """And lose them again."""
    revoke_role_permissions(apps, GRANTS)


class Migration(migrations.Migration):
    """Needs the tables of logins."""

    dependencies = [("trading", "0007_broker_logins"), ("marketdata", "0011_feed_logins")]

    operations = [migrations.RunPython(grant, revoke)]
