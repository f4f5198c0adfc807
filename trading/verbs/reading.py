"""What an account is worth, what it holds, and whether its rows agree with its entries."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.permissions import require
from trading.account_models import VIEW, AccountState
from trading.ledger.book_rows import told_funds
from trading.ledger.keeper import Keeper
from trading.ledger_models import Position
from trading.permissions import find_account
from trading.risk_models import AccountRisk
from trading.shapes import FUNDS, Shape, account_shape, funds_shape, position_shape

if TYPE_CHECKING:
    from accounts.models import User

ATTEMPTS = 5
"""So often an account is read that trades while it is being read."""
DUST = 1e-4
"""Yuan by which sums of figures may differ that were rounded to six decimals one by one."""


@dataclass(frozen=True)
class Difference:
    """Where a row says something else than the entries it stands for."""

    what: str
    stored: object
    computed: object


def get_account_info(actor: "User | None", account_code: str) -> Shape:
    """The account with its funds. Raises ``MissingError`` where the actor cannot see it."""
    return account_shape(find_account(actor, account_code))


def get_account_risk(actor: "User | None", account_code: str) -> Shape:
    """Where the account stands as its gateway computed it last, None until it has. Raises ``MissingError``."""
    account = find_account(actor, account_code)
    row = AccountRisk.objects.filter(account=account).first()
    return {
        "account": account.code,
        "figures": row and row.figures,
        "trading_day": row and row.trading_day,
        "market_time": row and row.market_time,
        "updated_at": row and row.updated_at,
    }


def get_positions(actor: "User | None", account_code: str) -> list[Shape]:
    """What the account holds. Raises ``MissingError`` where the actor cannot see it."""
    account = find_account(actor, account_code)
    rows = Position.objects.filter(account=account).select_related("account", "instrument")
    return [position_shape(row) for row in rows]


def reconcile(actor: "User | None", account_code: str) -> list[Difference]:
    """Rebuild the account from its last settlement and the entries after it, and compare with the rows that are shown.

    Raises ``MissingError``, ``RefusedError``.
    """
    require(actor, f"trading.{VIEW}")
    account = find_account(actor, account_code)
    for _attempt in range(ATTEMPTS):
        keeper = Keeper(account)
        keeper.load()
        found = _differences(keeper)
        newest = AccountState.objects.values_list("last_seq", flat=True).get(account=account)
        if not found or newest == keeper.committed:
            break
    return found


def _differences(keeper: Keeper) -> list[Difference]:
    stored = funds_shape(keeper.state)
    computed = told_funds(keeper.book.funds, keeper.trading_day)
    found = [
        Difference(name, stored[name], computed[name]) for name in FUNDS if abs(stored[name] - computed[name]) > DUST
    ]
    return [*found, *_positions(keeper)]


def _positions(keeper: Keeper) -> Iterable[Difference]:
    shown = {key: (row.volume, row.today) for key, row in keeper.positions.items()}
    held = {(row.instrument, row.side.name.lower()): (row.volume, row.today) for row in keeper.book.positions()}
    for key in sorted(shown.keys() | held.keys()):
        if shown.get(key) != held.get(key):
            yield Difference(" ".join(key), shown.get(key), held.get(key))
