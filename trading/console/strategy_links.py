"""Where a strategy has a page of its own: upper apps say so, and the pages of trading lead there."""

from collections.abc import Callable

from accounts.models import User

Find = Callable[[User, str], str]
"""Of a person and a strategy's key the address of its page; empty where there is none that the person may see."""

_finders: list[Find] = []


def register(find: Find) -> None:
    """Ask this too. Once is enough."""
    if find not in _finders:
        _finders.append(find)


def page_of(user: User, key: str) -> str:
    """The first address that is known."""
    return next((found for find in _finders if (found := find(user, key))), "")
