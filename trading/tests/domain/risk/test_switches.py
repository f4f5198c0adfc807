"""Stops: which orders each one concerns, and what it says."""

import pytest

from trading.domain.risk.scopes import PLATFORM, Scope, ScopeKind, scopes_of
from trading.domain.risk.switches import Strength, Switch, stop_reason, strongest

SCOPES = scopes_of(desk="main", account="A1", product="rb.SHFE", user="li", strategy="cta:1")
KEYS = {
    ScopeKind.PLATFORM: "",
    ScopeKind.DESK: "main",
    ScopeKind.PRODUCT: "rb.SHFE",
    ScopeKind.ACCOUNT: "A1",
    ScopeKind.ACCOUNT_PRODUCT: "A1/rb.SHFE",
    ScopeKind.USER: "li",
    ScopeKind.STRATEGY: "cta:1",
}


@pytest.mark.parametrize("kind", list(ScopeKind))
def test_a_stop_refuses_openings_in_its_scope_only_and_no_close_anywhere(kind: ScopeKind) -> None:
    ours = Switch(7, Scope(kind, KEYS[kind]), Strength.NO_OPENING)
    reason = stop_reason([ours], SCOPES, opening=True)
    assert reason is not None
    assert reason.code == "stopped"
    assert "Stop 7" in reason.text
    assert KEYS[kind] in reason.text
    assert stop_reason([ours], SCOPES, opening=False) is None
    assert stop_reason([Switch(8, Scope(kind, "elsewhere"), Strength.FLATTEN)], SCOPES, opening=True) is None


def test_the_strongest_counts_and_of_equals_the_oldest() -> None:
    mild = Switch(1, PLATFORM, Strength.NO_OPENING)
    late, early = (Switch(number, Scope(ScopeKind.ACCOUNT, "A1"), Strength.CANCEL_ALL) for number in (9, 4))
    assert strongest([mild, late, early], SCOPES) == early
    assert strongest([], SCOPES) is None
