"""Limits and stops as rows, set by a test in one line, and accounts of one control group on one market."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.utils import timezone

from trading import services
from trading.domain.risk.rules import Rule
from trading.domain.risk.switches import Strength
from trading.limit_models import KillSwitch, RiskLimit
from trading.tests.loop_bench import CAPITAL, Bench, bench, new_loop
from trading.verbs.risk_revision import bump


def limit(rule: Rule, maximum: float | None, kind: str = "platform", key: str = "", **params: Any) -> RiskLimit:
    """A limit that counts from now on."""
    row, _new = RiskLimit.objects.update_or_create(
        rule=rule.value, scope_kind=kind, scope_key=key, defaults={"maximum": maximum, "params": params}
    )
    changed()
    return row


def stop(strength: Strength, kind: str = "platform", key: str = "", reason: str = "fat finger") -> KillSwitch:
    """A stop that is set now."""
    row = KillSwitch.objects.create(
        scope_kind=kind, scope_key=key, strength=strength, reason=reason, set_at=timezone.now()
    )
    changed()
    return row


def release(row: KillSwitch) -> None:
    """The stop holds no more."""
    KillSwitch.objects.filter(pk=row.pk).update(released_at=timezone.now())
    changed()


def changed() -> None:
    """Tell the gateways, as every verb does that changes limits or stops."""
    with transaction.atomic():
        bump()


@contextmanager
def group(*codes: str) -> Iterator[list[Bench]]:
    """Accounts of a million each in one control group, on one market at 4000, each with its loop."""
    first, *others = codes
    with bench(first, control_group="one") as table:
        tables = [table]
        for code in others:
            account = services.add_account(None, code, capital=CAPITAL, control_group="one")
            tables.append(Bench(account, table.street, new_loop(account)))
        table.restart()  # it began when it was alone
        try:
            yield tables
        finally:
            for each in tables[1:]:
                each.loop.__exit__()
