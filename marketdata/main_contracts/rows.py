"""Decisions about main contracts as rows, with the reason that they keep."""

from dataclasses import asdict
from datetime import date
from math import isnan
from typing import Any

from django.utils.translation import override

from marketdata.daily_facts import ContractRoll, MainContractDay
from marketdata.domain.main_contract import ContractDay, Decision, Ground, RollRule, sentence_of
from marketdata.models import Instrument, Product


def day_row(
    product: Product, main: Instrument, found: Decision, rule: RollRule, *, day: date, trading_day: date
) -> MainContractDay:
    """The row of a decision from the figures of ``day``, not saved yet."""
    return MainContractDay(
        product=product,
        trading_day=trading_day,
        instrument=main,
        decided_from=day,
        rolled=found.rolled,
        rule=found.ground.value,
        reason=_reason(found, rule),
    )


def roll_row(series: Instrument, found: Decision, decided: MainContractDay, day: date) -> ContractRoll:
    """The roll of a decision that changes the contract, not saved yet: closes of ``day``, opens as they come.

    Raises ``ValueError`` for a first decision.
    """
    if found.present is None:
        raise ValueError("a first decision is no roll")
    return ContractRoll(
        instrument=series,
        trading_day=decided.trading_day,
        from_contract=found.present.code,
        to_contract=found.main.code,
        old_close=found.present.close,
        new_close=found.main.close,
        closes_day=day,
        rule=decided.rule,
        reason=decided.reason,
    )


def reason_text(row: MainContractDay) -> str:
    """Why the contract is the main one, as a sentence in the reader's language."""
    figures = row.reason
    rule = RollRule(figures["ratio"], figures["volume_share"], figures["leave_days"])
    return sentence_of(Ground(row.rule), rule)


def _reason(found: Decision, rule: RollRule) -> dict[str, Any]:
    """What the rule saw; stored in English, whoever decides."""
    with override("en"):
        said = sentence_of(found.ground, rule)
    weighed = {"main": found.main, "present": found.present, "rival": found.rival}
    return {"said": said, **asdict(rule), **{name: _figures(row) for name, row in weighed.items()}}


def _figures(row: ContractDay | None) -> dict[str, Any] | None:
    if row is None:
        return None
    values = {"open_interest": row.open_interest, "volume": row.volume, "close": row.close}
    known = {name: None if isnan(value) else value for name, value in values.items()}
    return {"contract": row.code, "expires": row.expires and str(row.expires), **known}
