"""Sentences that a process without a reader stored, told to readers in their language."""

from collections.abc import Callable

import pytest
from django.utils import translation

from quantsite.common.errors import RuleError
from quantsite.common.texts import say
from quantsite.web.retold import retold
from trading.domain import account_refusals as refusals
from trading.domain.offsets import Side

LOTS = {"volume": 50, "today": 4, "older": 0, "frozen": 1, "reach": 3}
REFUSALS: list[Callable[[], RuleError]] = [
    lambda: refusals.close_exceeds("rb2501.SHFE", Side.LONG, **LOTS, propose_auto=False),
    lambda: refusals.close_exceeds("rb2501.SHFE", Side.SHORT, **LOTS, propose_auto=True),
    lambda: refusals.funds_short(1_000, 3_603_600.0, 963_924.79),
    lambda: refusals.withdrawal_short(2e7, 963_924.79),
    lambda: refusals.not_positive(-1e-7),
    lambda: refusals.no_terms("rb2501.SHFE"),
    lambda: refusals.no_price("rb2501.SHFE"),
    lambda: refusals.not_working(12),
    lambda: refusals.fill_too_large(12, 3, 2),
    lambda: refusals.still_working([3, 4]),
    lambda: RuleError("unknown_type", say("%(word)r is none of %(known)s.", word="it's", known="limit, fak")),
    lambda: RuleError("stop_price_missing", say("A stop order needs a stop price.")),
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_that_was_stored_in_english_is_told_to_each_reader(refusal: Callable[[], RuleError]) -> None:
    with translation.override("en"):
        stored = refusal().text
        assert retold(stored) == stored
    with translation.override("zh-hans"):
        assert retold(stored) == refusal().text != stored


def test_a_sentence_of_no_template_stays_as_it_is() -> None:
    with translation.override("zh-hans"):
        for text in ("", "The front is not ready. Try later", "资金不足。", "a: b"):
            assert retold(text) == text
