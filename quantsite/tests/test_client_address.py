"""The caller's address behind proxies: never what the caller wrote."""

from typing import Any

import pytest
from axes.helpers import get_client_ip_address
from django.test import RequestFactory

from quantsite.web.client_address import client_address

PEER = "172.18.0.5"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "203.0.113.9", PEER),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "203.0.113.9", PEER),
        (1, "", PEER),
        (1, "not an address", PEER),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_address_counts_proxies_from_the_right(settings: Any, proxies: int, forwarded: str, expected: str) -> None:
    settings.PROXIES = proxies
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=PEER)

    assert client_address(request) == expected
    assert get_client_ip_address(request) == expected, "lockouts go by it"
