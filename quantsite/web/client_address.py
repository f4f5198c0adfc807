"""Whose address a request comes from: what lockouts, rate limits and the audit trail go by."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The caller's address, seen through as many proxies as the operator said (``QUANTSITE_PROXIES``).

    Each proxy appends the address it was called from to ``X-Forwarded-For``, so with one proxy the last entry is
    true and all before it is what the caller wrote. Without proxies, or where the header is too short or no
    address, it is the peer's.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.PROXIES:
        return peer
    passed = [entry.strip() for entry in str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")]
    if len(passed) < settings.PROXIES:
        return peer
    try:
        return str(ip_address(passed[-settings.PROXIES]))
    except ValueError:
        return peer
