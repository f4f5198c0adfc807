"""Orders of programs inside the platform: several of one account in the transaction of what they were decided by.

``verbs.placing.create_order`` is the definition: the same rows, the same checks, the same right asked for at this very
moment. What differs is that the caller's transaction takes them all, that a refused order is an answer in its place
instead of an error, and that what was read of an instrument is kept for a minute.
"""

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from marketdata.instruments import find_instrument
from marketdata.models import Instrument
from quantsite.common.errors import ConflictError, RuleError
from quantsite.common.times import ns_to_utc
from quantsite.web import request_id
from trading.account_models import TradingAccount
from trading.choices import OrderTypeName, StatusName
from trading.domain.checks import ContractFacts
from trading.ledger.facts import contract_facts, day_at, day_within_life
from trading.ledger.placed import placed_statement, placed_values
from trading.ledger.verbs import CLOSED
from trading.order_models import Order
from trading.permissions import may_trade_now
from trading.verbs.new_order import NewOrder
from trading.verbs.placing import check_draft, check_form, subscribe, write_placed
from trading.wake import wake_soon

if TYPE_CHECKING:
    from accounts.models import User

KEPT_SECONDS = 60.0
"""So long a change of an instrument's row, or the end of an account's subscription, may go unnoticed here."""


class OrderDesk:
    """Places orders for one process; not for several threads at once."""

    def __init__(self) -> None:
        self._facts: dict[str, tuple[Instrument, ContractFacts]] = {}
        self._subscribed: set[tuple[int, int]] = set()
        self._read_at = time.monotonic()

    def place(
        self,
        actor: "User | None",
        account: TradingAccount,
        asked: Sequence[tuple[NewOrder, str]],
        now: int | None,
    ) -> list[Order | RuleError]:
        """Store these orders, each with its strategy key; call it inside the transaction that decided on them.

        Each is answered by its row, pending, or by why it is refused whatever the market does. ``now`` is the market
        clock (ns UTC) of the instruments, None where nobody tells it. Raises ``IntegrityError`` where a client order id
        is there already: the transaction is lost then, and :func:`create_order` says which order it names.
        """
        refused = self._objection(actor, account)
        if refused is not None:
            return [refused for _order in asked]
        answers = self.draft(actor, account, asked, now)
        rows = [answer for answer in answers if isinstance(answer, Order)]
        for row in rows:
            self._subscribe(account, row.instrument)
        _store(account, rows)
        return answers

    def draft(
        self,
        actor: "User | None",
        account: TradingAccount,
        asked: Sequence[tuple[NewOrder, str]],
        now: int | None,
    ) -> list[Order | RuleError]:
        """The answers of :meth:`place` as far as rights do not count, and nothing is stored.

        For :mod:`trading.ledger.placed_together`, whose statement asks for rights and accounts itself.
        """
        self._forget_old()
        answers: list[Order | RuleError] = []
        for order, key in asked:
            try:
                answers.append(self._row(actor, account, order, key, now))
            except RuleError as error:
                answers.append(error)
        return answers

    def _objection(self, actor: "User | None", account: TradingAccount) -> RuleError | None:
        """Why nothing of this actor's may be placed on the account now."""
        if actor is not None and not may_trade_now(actor.pk, account.pk):
            text = _("%(name)s may not do this with account %(code)s.")
            return RuleError("permission_denied", text % {"name": actor.username, "code": account.code})
        if not TradingAccount.objects.filter(pk=account.pk, is_active=True).exists():
            return ConflictError("account_closed", _(CLOSED) % {"account": account.code})
        return None

    def _row(self, actor: "User | None", account: TradingAccount, asked: NewOrder, key: str, now: int | None) -> Order:
        """Raises ``RuleError``, ``MissingError``."""
        check_form(asked)
        instrument, facts = self._known(asked.instrument)
        day = None if now is None else day_within_life(facts, ns_to_utc(now)) or day_at(now)
        check_draft(asked, facts, day, aggressive=asked.type == OrderTypeName.MARKET)
        columns: dict[str, Any] = asked.columns(facts.price_tick)
        return Order(
            account=account,
            instrument=instrument,
            created_by=actor,
            created_at=timezone.now(),
            status=StatusName.PENDING.value,
            strategy_key=key,
            **columns,
        )

    def _subscribe(self, account: TradingAccount, instrument: Instrument) -> None:
        place = account.pk, instrument.pk
        if place not in self._subscribed:
            subscribe(account, instrument)
            self._subscribed.add(place)

    def _known(self, code: str) -> tuple[Instrument, ContractFacts]:
        found = self._facts.get(code)
        if found is None:
            row = find_instrument(code)
            found = self._facts[code] = row, contract_facts(row)
        return found

    def _forget_old(self) -> None:
        if time.monotonic() - self._read_at > KEPT_SECONDS:
            self._facts.clear()
            self._subscribed.clear()
            self._read_at = time.monotonic()


def _store(account: TradingAccount, rows: Sequence[Order]) -> None:
    """Order, event and command of each, in this order; gives the rows their numbers."""
    if not rows:
        return
    if connection.vendor != "postgresql":
        for row in rows:
            write_placed(row)
        return
    statement, request = placed_statement(), request_id.current()[:64]
    with connection.cursor() as cursor:
        for row in rows:
            cursor.execute(statement, placed_values(row, request))
            found = cursor.fetchone()
            if found is None:
                raise RuntimeError(f"account {account.code} has no state")
            row.pk = found[0]
    transaction.on_commit(partial(wake_soon, account.pk))
