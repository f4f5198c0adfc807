"""Rate limits of the public endpoints, by the caller's address as axes sees it behind our proxies."""

from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle

from accounts.audit_signals import address_of


class AddressThrottle(ScopedRateThrottle):
    """DRF's own would believe any ``X-Forwarded-For`` and could be walked around by a new value each time."""

    def get_ident(self, request: Request) -> str:
        """The address behind as many proxies as the operator said."""
        return address_of(request._request)
