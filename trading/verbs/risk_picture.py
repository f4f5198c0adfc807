"""The picture of an account's risk as it is stored, with what whoever watches next must remember."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Sum
from django.utils import timezone

from quantsite.common.times import iso_utc
from trading.account_models import TradingAccount
from trading.choices import CashKind
from trading.domain.risk.findings import Finding
from trading.domain.risk.levels import LevelMemory, Usage
from trading.domain.risk.peak import Peak, Reset
from trading.domain.risk.rules import Rule
from trading.ledger_models import CashEntry
from trading.risk_models import AccountRisk

PAID_IN, LEVELS, RESETS = "paid_in", "levels", "peak_resets"
"""Figures: what was paid in when the peak was found, which warning levels have been told, and the number of the last
reset that the peak has taken in."""
RUNNING, UNWATCHED = "running", "unwatched"
"""Who computed a picture: the account's gateway, or the sweep from rows."""
COLUMNS = ("figures", "peak", "revision", "trading_day", "market_time", "updated_at")


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was stored last of an account. ``at`` is when (wall time), None where nothing was.

    ``resets`` is the number of the reset that the peak comes after.
    """

    peak: Peak | None
    resets: int
    told: LevelMemory
    at: datetime | None


def remembered(account: TradingAccount) -> Remembered:
    """What the one who watched before has stored."""
    row = AccountRisk.objects.filter(account=account).first()
    if row is None:
        return Remembered(None, 0, LevelMemory(), None)
    paid, resets, reset = row.figures.get(PAID_IN), row.figures.get(RESETS, 0), _reset(row.reset)
    peak = None if row.peak is None or paid is None else Peak(row.peak, paid)
    if reset is not None and reset.number > resets:  # whoever wrote the picture had not heard of it yet
        resets, peak = reset
    told = {(Rule(rule), subject): level for rule, subject, level in row.figures.get(LEVELS, [])}
    return Remembered(peak, resets, LevelMemory(told), row.updated_at)


def last_reset(account: TradingAccount) -> Reset | None:
    """The last time that the account's peak was set anew; None where it never was."""
    return _reset(AccountRisk.objects.filter(account=account).values_list("reset", flat=True).first())


def reset_peak(account: TradingAccount, peak: Peak) -> int:
    """From now on the drawdown counts from this peak; gives the number of the reset. For the caller's transaction,
    which holds the revision of risk: resets follow one another."""
    before = last_reset(account)
    number = 1 if before is None else before.number + 1
    AccountRisk.objects.filter(account=account).update(peak=peak.balance, reset={"number": number, **peak._asdict()})
    return number


def paid_in(account: TradingAccount) -> float:
    """All deposits less all withdrawals, in yuan."""
    sums = dict(CashEntry.objects.filter(account=account).order_by().values_list("kind").annotate(Sum("amount")))
    return float(sums.get(CashKind.DEPOSIT, 0) - sums.get(CashKind.WITHDRAW, 0))


def bookkeeping(peak: Peak, resets: int, memory: LevelMemory) -> dict[str, Any]:
    """The peak, and what whoever watches next must remember, as figures."""
    told = [[rule.value, subject, level] for (rule, subject), level in memory.told.items()]
    return {"peak": peak.balance, PAID_IN: peak.paid_in, RESETS: resets, LEVELS: told}


class Look(NamedTuple):
    """What usages say after what was told before: what is new, what has been told now, and ``kept`` where no limit is
    broken any more that was."""

    findings: list[Finding]
    memory: LevelMemory
    kept: bool


def looked_at(usages: Sequence[Usage], told: LevelMemory) -> Look:
    """What has reached a higher level than was told before; ``told`` stays as it is."""
    memory = LevelMemory(told.told)
    memory.forget_all_but((usage.limit.rule, usage.subject) for usage in usages)
    findings = memory.risen(usages)
    return Look(findings, memory, bool(told.broken()) and not memory.broken())


def store_picture(account: TradingAccount, row: AccountRisk, epoch: int) -> bool:
    """Write the picture as of now; False where a later gateway than ``epoch`` has the account: nothing is written."""
    values = _values(row)
    if AccountRisk.objects.filter(account=account, account__state__epoch=epoch).update(**values):
        return True
    return AccountRisk.objects.get_or_create(account=account, defaults=values)[1]


def replace_picture(account: TradingAccount, row: AccountRisk, before: datetime | None) -> bool:
    """Write it in the place of the one of that moment (None: there was none); False where there is another one now."""
    values = _values(row)
    if before is None:
        return AccountRisk.objects.get_or_create(account=account, defaults=values)[1]
    return bool(AccountRisk.objects.filter(account=account, updated_at=before).update(**values))


def _reset(stored: dict[str, Any] | None) -> Reset | None:
    return None if stored is None else Reset(stored["number"], Peak(stored["balance"], stored["paid_in"]))


def _values(row: AccountRisk) -> dict[str, Any]:
    row.updated_at = timezone.now()
    row.figures["as_of"] = iso_utc(row.updated_at)
    return {name: getattr(row, name) for name in COLUMNS}
