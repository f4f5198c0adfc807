"""What one person may do with many instances, asked with few questions: the rules are those of ``permissions``."""

from accounts.models import User
from strategies.choices import ActivityName
from strategies.domain.lifecycle import Verb, verbs_from
from strategies.instance_models import StrategyInstance
from strategies.permissions import Rights
from trading.account_models import TradingAccount
from trading.permissions import may_reduce, may_trade

OPERATING = frozenset({Verb.START, Verb.RESUME, Verb.GO_LIVE})
"""Verbs that need the right to trade on the account besides."""
HALTING = frozenset({Verb.PAUSE, Verb.STOP, Verb.TO_PAPER, Verb.TO_BACKTESTED, Verb.TO_DRAFT})
CHANGING = frozenset({Verb.PROMOTE, Verb.RETIRE})


class Able(Rights):
    """One person's rights, remembered while a page is made."""

    def __init__(self, user: User) -> None:
        super().__init__(user)
        self.user = user
        self._trade: dict[int, bool] = {}
        self._reduce: dict[int, bool] = {}
        self._has: dict[str, bool] = {}
        self._granted: dict[str, frozenset[int]] = {}

    def verbs(self, instance: StrategyInstance) -> list[Verb]:
        """What this person may do with the instance as it stands; whether it succeeds is asked by the verb."""
        return [verb for verb in verbs_from(instance.state) if self._may(verb, instance)]

    def may_roll(self, instance: StrategyInstance) -> bool:
        """Have a contract changed: as for a start, of one that runs."""
        running = instance.activity != ActivityName.STOPPED
        return running and self.may_operate(instance) and self._may_trade(instance, Verb.START)

    def has(self, codename: str) -> bool:
        """Asked once a permission."""
        if codename not in self._has:
            self._has[codename] = super().has(codename)
        return self._has[codename]

    def granted(self, codename: str, instance: StrategyInstance) -> bool:
        """Asked once for every instance."""
        if codename not in self._granted:
            rows = StrategyInstance.objects.all().granted(self.user, codename)
            self._granted[codename] = frozenset(rows.values_list("pk", flat=True))
        return instance.pk in self._granted[codename]

    def _may(self, verb: Verb, instance: StrategyInstance) -> bool:
        if verb in OPERATING:
            return self.may_operate(instance) and self._may_trade(instance, verb)
        if verb in HALTING:
            return self.may_halt(instance)
        if verb is Verb.FLATTEN:
            return self.may_halt(instance) and self._may_reduce(instance.account)
        if verb is Verb.APPROVE:
            return self.may_change(instance) or self.may_approve(instance)
        return verb in CHANGING and self.may_change(instance)

    def _may_trade(self, instance: StrategyInstance, verb: Verb) -> bool:
        account = instance.live_account if verb is Verb.GO_LIVE and instance.live_account else instance.account
        if account.pk not in self._trade:
            self._trade[account.pk] = may_trade(self.user, account)
        return self._trade[account.pk]

    def _may_reduce(self, account: TradingAccount) -> bool:
        if account.pk not in self._reduce:
            self._reduce[account.pk] = may_reduce(self.user, account)
        return self._reduce[account.pk]
