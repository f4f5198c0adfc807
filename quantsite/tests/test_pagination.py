"""Lists by cursor: one that none of our pages gave is refused in words, on every list."""

from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pytest
from django.urls import URLPattern, get_resolver, reverse

from accounts.models import User
from quantsite.testing.cast import client_of
from quantsite.web.pagination import NewestFirstCursor

pytestmark = pytest.mark.django_db


def lists() -> set[str]:
    """The addresses of all lists by cursor that need no argument."""
    known = get_resolver().reverse_dict
    named = [name for name, view in _views(get_resolver().url_patterns) if name.endswith("-list") and _paged(view)]
    return {reverse(name) for name in named if any(not arguments for ((_, arguments),), *_rest in known.getlist(name))}


def _views(patterns: list[Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for one in patterns:
        if isinstance(one, URLPattern):
            found.append((one.name or "", getattr(one.callback, "cls", None)))
        else:
            found.extend(_views(one.url_patterns) if one.namespace is None else [])
    return found


def _paged(view: Any) -> bool:
    return issubclass(getattr(view, "pagination_class", None) or object, NewestFirstCursor)


def cursor_of(text: str) -> str:
    """A cursor as a page would write it."""
    return quote(b64encode(text.encode()).decode())


@pytest.mark.parametrize(
    "cursor", ["garbage", "%ff", "%E4%BD%A0", cursor_of("p=a%00bc"), cursor_of("o=x"), cursor_of("r=no")]
)
def test_what_is_no_cursor_is_refused_everywhere(ada: User, cursor: str) -> None:
    client, addresses = client_of(ada), lists()
    assert {"/api/v1/orders/", "/api/v1/positions/", "/api/v1/trading-accounts/", "/api/v1/instruments/"} <= addresses
    for address in sorted(addresses):
        told = client.get(f"{address}?cursor={cursor}")
        if told.status_code == 400:
            assert (told.headers["Content-Type"], told.json()["code"]) == ("application/problem+json", "bad_cursor"), (
                address
            )
            assert told.json()["fields"].keys() == {"cursor"}
        else:  # a list that asks for more than a cursor, or is not the administrator's
            assert told.status_code == 403 or client.get(address).status_code != 200, address


@pytest.mark.parametrize("address", ["/api/v1/orders/", "/api/v1/positions/"])
def test_a_cursor_of_another_kind_of_key_is_refused(ada: User, address: str) -> None:
    told = client_of(ada).get(f"{address}?cursor={cursor_of('p=abc')}")
    assert (told.status_code, told.json()["code"]) == (400, "bad_cursor")
    assert client_of(ada).get(f"{address}?cursor={cursor_of('p=' + '9' * 40)}").status_code == 200
