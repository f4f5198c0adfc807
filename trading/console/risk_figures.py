"""The picture of an account's risk (``AccountRisk.figures``) as the console's pages read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.utils.dateparse import parse_datetime

from trading.account_models import TradingAccount
from trading.domain.risk.limits import DEFAULT
from trading.domain.risk.scopes import PLATFORM, Scope, ScopeKind

MUTE = timedelta(seconds=2.7)
"""A gateway writes once a second: after so long without a word the picture is stale, and seen as such within three."""
SILENT = timedelta(seconds=3)
"""A source of prices tells its state once a second too, and is read a moment later."""


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One limit and what is used of it; ``share`` None: nobody knows."""

    rule: str
    scope: Scope
    subject: str
    used: float | None
    maximum: float | None
    share: float | None
    unit: str
    floor: bool
    action: str

    @property
    def is_default(self) -> bool:
        """Whether nobody has set it: it is the rule's own."""
        return self.scope == DEFAULT


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst share of an account: of a limit, or its risk degree where no limit is worse. None: not known."""

    share: float | None
    limit: LimitUse | None


class RiskFigures:
    """One account's picture. Names are those of ``trading.domain.risk.picture``."""

    def __init__(self, account: TradingAccount) -> None:
        """Reads ``account.risk`` and ``account.state``; an account without a picture has its funds only."""
        self.account = account
        try:
            row = account.risk
        except ObjectDoesNotExist:
            row = None
        self.raw: Mapping[str, Any] = row.figures if row else _funds(account)
        self.as_of: datetime | None = _moment(self.raw.get("as_of")) or (row.updated_at if row else None)
        self.limits = [_limit(entry) for entry in self.entries("limits")]

    def number(self, name: str) -> float | None:
        """A figure."""
        return _number(self.raw.get(name))

    def entries(self, *path: str) -> list[Mapping[str, Any]]:
        """A list of things, empty where there is none."""
        found: Any = self.raw
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []

    def amounts(self, name: str) -> list[tuple[str, float | None]]:
        """Figures by key, the largest first."""
        found = self.raw.get(name)
        pairs = [(str(key), _number(value)) for key, value in found.items()] if isinstance(found, Mapping) else []
        return sorted(pairs, key=lambda pair: (-abs(pair[1] or 0.0), pair[0]))

    @property
    def call(self) -> float | None:
        """The margin call in yuan if every price ran to its limit."""
        stress = self.raw.get("stress")
        return _number(stress.get("call")) if isinstance(stress, Mapping) else None

    @property
    def gateway(self) -> str:
        """The state of the gateway by its own word."""
        return str(self.raw.get("gateway") or self.account.state.gateway)

    @property
    def cancels_left(self) -> Mapping[str, Any] | None:
        """The instrument with the fewest cancels left today."""
        return next(iter(self.entries("cancel_budget")), None)

    @property
    def worst(self) -> Worst:
        """What is nearest to its limit; a limit whose use nobody knows comes first."""
        first = min(self.limits, key=lambda use: (use.share is not None, -(use.share or 0.0)), default=None)
        if first is not None and first.share is None:
            return Worst(None, first)
        degree = self.number("risk_degree")
        if degree is None and (self.number("margin") or 0.0) > 0:
            return Worst(None, None)
        if first is None or first.share is None or (degree or 0.0) > first.share:
            return Worst(degree or 0.0, None)
        return Worst(first.share, first)

    def stale_since(self, now: datetime) -> datetime | None:
        """Since when the gateway, or the oldest price that it uses, has told nothing; None while both are fresh."""
        if self.as_of is None:
            return None
        prices = self.as_of - timedelta(seconds=self.data_age or 0.0)
        if now - prices > SILENT:
            return prices
        return self.as_of if now - self.as_of > MUTE else None

    @property
    def data_age(self) -> float | None:
        """Seconds since the oldest price in use was heard of, as of the picture."""
        ages = self.raw.get("data_age")
        return _number(ages.get("max")) if isinstance(ages, Mapping) else _number(ages)

    def told(self) -> dict[str, Any]:
        """The figures as the socket tells them."""
        as_of = self.as_of.isoformat() if self.as_of else None
        return {"gateway": self.gateway, **self.raw, "account": self.account.code, "as_of": as_of}


def _funds(account: TradingAccount) -> dict[str, Any]:
    state = account.state
    return {
        "balance": float(state.balance),
        "available": float(state.available),
        "day_profit": float(state.close_profit + state.position_profit - state.commission),
        "margin": float(state.margin + state.frozen_margin),
        "risk_degree": state.risk_degree,
    }


def _limit(entry: Mapping[str, Any]) -> LimitUse:
    kind = str(entry.get("scope_kind", ""))
    scope = Scope(ScopeKind(kind), str(entry.get("scope_key", ""))) if kind in set(ScopeKind) else PLATFORM
    return LimitUse(
        rule=str(entry.get("rule", "")),
        scope=scope,
        subject=str(entry.get("subject") or ""),
        used=_number(entry.get("used")),
        maximum=_number(entry.get("maximum")),
        share=_number(entry.get("share")),
        unit=str(entry.get("unit", "")),
        floor=bool(entry.get("floor")),
        action=str(entry.get("action", "")),
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _moment(value: Any) -> datetime | None:
    found = parse_datetime(value) if isinstance(value, str) else None
    return found if found is not None and found.tzinfo is not None else None
