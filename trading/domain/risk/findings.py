"""What a rule has found near or beyond a limit."""

from dataclasses import dataclass

from quantsite.common.texts import Kept
from trading.domain.risk.limits import Limit
from trading.domain.risk.rules import Rule


@dataclass(frozen=True, slots=True)
class Finding:
    """``value`` is in the rule's unit, ``level`` the warning level it has reached (1: the limit is broken).

    ``subject`` is the instrument, product, month or exchange it is about, empty for the account. ``text`` is a
    sentence with the value; where the limit comes from is ``limit.scope``.
    """

    limit: Limit
    value: float
    share: float
    level: float
    text: Kept
    subject: str = ""

    @property
    def rule(self) -> Rule:
        """Which."""
        return self.limit.rule

    @property
    def broken(self) -> bool:
        """Whether the limit is passed, not only near."""
        return self.level >= 1.0
