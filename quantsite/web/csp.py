"""Content-Security-Policy headers, one policy a kind of page.

Scripts come from our own origin only and are never inline. The console's theme evaluates Alpine
expressions and sets a colour block, so the admin alone gets ``'unsafe-eval'`` and inline styles
(measured: no other loosening is needed). A report carries its scripts inside the file; it is sandboxed, so that
it runs without our origin, cookies or network.
"""

from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from quantsite.web.middleware import AroundMiddleware

Policy = Mapping[str, tuple[str, ...]]

HEADER = "Content-Security-Policy"
SELF = "'self'"
NONE = "'none'"

STRICT: dict[str, tuple[str, ...]] = {
    "default-src": (NONE,),
    "script-src": (SELF,),
    "style-src": (SELF,),
    "img-src": (SELF, "data:"),
    "font-src": (SELF,),
    "connect-src": (SELF,),
    "object-src": (NONE,),
    "base-uri": (NONE,),
    "form-action": (SELF,),
    "frame-ancestors": (NONE,),
}
CONSOLE = {**STRICT, "script-src": (SELF, "'unsafe-eval'"), "style-src": (SELF, "'unsafe-inline'")}
# Swagger and Redoc write style attributes; Redoc searches in a worker made from a blob.
DOCS = {
    **STRICT,
    "style-src": (SELF, "'unsafe-inline'"),
    "img-src": (SELF, "data:", "blob:"),
    "worker-src": (SELF, "blob:"),
}
REPORT = {
    "sandbox": ("allow-scripts", "allow-downloads"),
    "default-src": (NONE,),
    "script-src": ("'unsafe-inline'",),
    "style-src": ("'unsafe-inline'",),
    "img-src": ("data:", "blob:"),
    "font-src": ("data:",),
    "base-uri": (NONE,),
    "form-action": (NONE,),
    "frame-ancestors": (NONE,),
}
# The longest prefix of the path wins; settings hold this table.
POLICY: dict[str, Policy] = {
    "/": STRICT,
    "/admin/": CONSOLE,
    "/api/v1/docs/": DOCS,
    "/api/v1/redoc/": DOCS,
}


def header_value(policy: Policy) -> str:
    """The header's text of one policy."""
    return "; ".join(" ".join((name, *sources)) for name, sources in policy.items())


def use_report_policy(response: HttpResponseBase) -> HttpResponseBase:
    """``response`` as a self-contained report: sandboxed, no origin, no network."""
    response.headers[HEADER] = header_value(REPORT)
    return response


def policy_of(path: str) -> Policy:
    """The policy for pages at ``path``."""
    table: Mapping[str, Policy] = settings.CONTENT_SECURITY_POLICY
    return table[max((prefix for prefix in table if path.startswith(prefix)), key=len)]


class ContentSecurityPolicyMiddleware(AroundMiddleware):
    """Adds the policy to each response that did not choose its own."""

    def after(self, request: HttpRequest, response: HttpResponseBase) -> None:
        """Set the header unless a view has set it."""
        response.headers.setdefault(HEADER, header_value(policy_of(request.path)))
