"""What each role may do with limits, stops, risk events and proposals, and the row that counts their changes."""

from typing import Any

from django.db import migrations

from accounts.roles import RISK_OFFICER, TRADER, grant_role_permissions, revoke_role_permissions

SEEN = [f"trading.view_{name}" for name in ("risklimit", "killswitch", "riskevent", "flattenplan")]
HISTORY = [f"trading.view_{name}" for name in ("risklimitchange", "switcheffect", "risknote")]
VERBS = [f"trading.{name}" for name in ("change_risklimit", "set_killswitch", "release_killswitch", "handle_riskevent")]
FOUR_EYES = ["accounts.view_proposal", "accounts.approve_proposal"]

GRANTS = {
    TRADER: SEEN,
    RISK_OFFICER: [*SEEN, *HISTORY, *VERBS, *FOUR_EYES],
}


def grant(apps: Any, schema_editor: Any) -> None:
    """Roles get their permissions; administrators get all of these apps."""
    grant_role_permissions(apps, GRANTS)
    apps.get_model("trading", "RiskRevision").objects.get_or_create(pk=1)


def revoke(apps: Any, schema_editor: Any) -> None:
    """And lose them again."""
    revoke_role_permissions(apps, GRANTS)


class Migration(migrations.Migration):
    """Needs the roles, and the tables of limits and proposals."""

    dependencies = [("trading", "0003_risk"), ("accounts", "0005_proposals")]

    operations = [migrations.RunPython(grant, revoke)]
