"""A limit, a stop, a risk event, a plan and proposals about one account, for tests of who sees what."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import Proposal, User
from trading import services
from trading.domain.risk.scopes import Scope, ScopeKind
from trading.tests.desk import Desk
from trading.verbs.risk_events import Found, found


def risk_keys(desk: Desk, people: dict[str, User], third: User) -> dict[str, str]:
    """The keys of such rows, by the subject of their addresses. ``third`` proposes what everybody may decide on."""
    code = desk.account.code
    limit = services.set_limit(None, "max_order_volume", "account", code, 50, reason="canary").limit
    assert limit is not None
    switch = services.set_switch(people["ada"], "account", code, 1, "canary")
    event = found(Found("warning", "near", account=desk.account, scope=Scope(ScopeKind.ACCOUNT, code)))
    plan = services.make_plan(people["bob"], code, reason="canary")
    asked = _proposal(third, f"max_order_volume account {code}")
    own = _proposal(people["ada"], f"max_order_notional account {code}")
    return {
        "risklimit": str(limit.pk),
        "killswitch": str(switch.pk),
        "riskevent": str(event.pk),
        "flattenplan": str(plan.pk),
        "proposal": str(asked.pk),
        "admin/accounts/proposal/<proposal_id>/withdraw/": str(own.pk),
        "risk-limits": str(limit.pk),
        "kill-switches": str(switch.pk),
        "risk-events": str(event.pk),
        "flatten-plans": str(plan.pk),
        "plan_id": str(plan.pk),
        "risk-proposals": str(asked.pk),
        "api/v1/risk-proposals/<pk>/withdraw/": str(own.pk),
    }


def _proposal(person: User, target: str) -> Proposal:
    now = timezone.now()
    return Proposal.objects.create(
        kind="raise_limit",
        target=target,
        before={"limit": None, "inherited": [None]},
        after={"limit": {"maximum": 60.0, "action": "warn", "params": {}}},
        reason="canary",
        proposed_by=person,
        proposed_at=now,
        expires_at=now + timedelta(hours=1),
    )
