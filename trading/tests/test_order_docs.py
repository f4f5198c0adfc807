"""docs/trading/orders.md says what the code does."""

import re

import pytest

from quantsite.testing.servers import ROOT
from trading.domain.order import table
from trading.domain.simulated.outcomes import Reason

PAGE = (ROOT / "docs" / "trading" / "orders.md").read_text(encoding="utf-8")
DECIDED = (
    "loop/desk_rules.py",
    "loop/commands.py",
    "ledger/orders.py",
    "ledger/in_hand.py",
    "ledger/facts.py",
    "ledger/verbs.py",
    "verbs/funding.py",
    "domain/checks.py",
    "domain/account_refusals.py",
)
"""Where the reasons stand that refuse an order, or money."""
OF_DAYS_AND_FILLS = {
    *("amount_not_positive", "fill_exceeds_order", "settlement_price_missing", "working_orders"),
    *("unknown_order", "terms_unknown", "invalid_capital"),
}
UNTOLD = {Reason.CANCELLED, Reason.EXPIRED}
"""What somebody asked for, and the end of the day, need no reason."""


def test_the_table_of_states_is_the_one_that_is_printed() -> None:
    assert table().rstrip() in PAGE


@pytest.mark.parametrize("name", DECIDED)
def test_each_reason_to_refuse_an_order_is_told(name: str) -> None:
    source = (ROOT / "trading" / name).read_text(encoding="utf-8")
    codes = set(re.findall(r'(?:Reason|RuleError|MissingError)\(\s*"(\w+)"', source)) - OF_DAYS_AND_FILLS
    assert [code for code in sorted(codes) if f"`{code}`" not in PAGE] == []


def test_each_answer_of_the_simulated_exchange_is_told() -> None:
    assert [reason for reason in Reason if reason not in UNTOLD and f"`{reason}`" not in PAGE] == []
