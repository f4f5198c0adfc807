"""What each role may do with strategy instances, and the gates that stand unless the desk sets others.

Traders and researchers reach their own instances and those granted to them; whoever starts one needs the right to
trade on its account besides.
"""

from typing import Any

from django.db import migrations

from accounts.roles import RESEARCHER, RISK_OFFICER, TRADER, grant_role_permissions, revoke_role_permissions

ROWS = ("signal", "strategyorder", "strategylog", "strategyposition", "strategyday", "strategyroll", "evidence")
READS = [f"strategies.view_{name}" for name in ("strategyinstance", "strategygate", *ROWS)]
OWN = [f"strategies.{verb}_strategyinstance" for verb in ("add", "change", "operate")]
WATCHES = [f"strategies.{verb}_strategyinstance" for verb in ("view_every", "halt_every", "approve")]

GRANTS = {
    TRADER: [*READS, *OWN],
    RESEARCHER: [*READS, *OWN],
    RISK_OFFICER: [*READS, *WATCHES, "strategies.change_strategygate"],
}

GATES = [
    {"stage": "backtested", "kind": "backtest", "minimum": 1, "same_parameters": True, "is_active": True},
    {"stage": "backtested", "kind": "look_ahead", "minimum": 1, "same_parameters": False, "is_active": True},
    {"stage": "paper", "kind": "warm_up", "minimum": 1, "same_parameters": False, "is_active": False},
    {"stage": "approved", "kind": "paper_day", "minimum": 5, "same_parameters": True, "is_active": True},
    {"stage": "approved", "kind": "drift", "minimum": 5, "same_parameters": True, "is_active": False},
]


def grant(apps: Any, schema_editor: Any) -> None:
    """Roles get their permissions; administrators get all of this app."""
    grant_role_permissions(apps, GRANTS)
    gates = apps.get_model("strategies", "StrategyGate").objects
    for gate in GATES:
        gates.get_or_create(stage=gate["stage"], kind=gate["kind"], defaults=gate)


def revoke(apps: Any, schema_editor: Any) -> None:
    """And lose them again."""
    revoke_role_permissions(apps, GRANTS)
    apps.get_model("strategies", "StrategyGate").objects.all().delete()


class Migration(migrations.Migration):
    """Needs the roles and this app's tables."""

    dependencies = [("strategies", "0001_initial"), ("accounts", "0003_roles")]

    operations = [migrations.RunPython(grant, revoke)]
