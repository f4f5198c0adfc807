"""Where a limit or a switch holds: a kind and a key, both text, so that no upper app need be known here."""

from enum import StrEnum
from typing import NamedTuple


class ScopeKind(StrEnum):
    """What a limit or switch is for, the widest first. Of several limits on one rule the narrowest one counts."""

    PLATFORM = "platform"
    DESK = "desk"
    PRODUCT = "product"
    ACCOUNT = "account"
    ACCOUNT_PRODUCT = "account_product"
    USER = "user"
    STRATEGY = "strategy"


class Scope(NamedTuple):
    """One place where a limit may stand; ``key`` is the desk's, account's or product's code, a username or a strategy.

    The platform's key is empty; ``account_product`` has ``<account>/<product>``, such as ``A1/rb.SHFE``.
    """

    kind: ScopeKind
    key: str


PLATFORM = Scope(ScopeKind.PLATFORM, "")


def scopes_of(*, desk: str, account: str, product: str = "", user: str = "", strategy: str = "") -> tuple[Scope, ...]:
    """Every scope that an order, or an account, stands in: the narrowest first, the platform last."""
    keys = {
        ScopeKind.STRATEGY: strategy,
        ScopeKind.USER: user,
        ScopeKind.ACCOUNT_PRODUCT: f"{account}/{product}" if product else "",
        ScopeKind.ACCOUNT: account,
        ScopeKind.PRODUCT: product,
        ScopeKind.DESK: desk,
    }
    return (*(Scope(kind, key) for kind, key in keys.items() if key), PLATFORM)
