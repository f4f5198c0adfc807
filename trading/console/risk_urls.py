"""The addresses of the pages about risk, below the console's; who may open one holds its permission."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.admin_pages import answered
from accounts.audit import record_refusal
from trading.console import risk_account, risk_desk, risk_product, risk_strategy, risk_what_if

SEE = "trading.view_risklimit"

OPEN_AND_POST = require_http_methods(["GET", "HEAD", "POST"])

View = Callable[..., HttpResponseBase]


def page(view: View, permission: str = SEE) -> View:
    """A page of the console: the login for strangers, 403 (audited) without the permission, 404 for what is unseen."""

    def inner(request: HttpRequest, **named: Any) -> HttpResponseBase:
        if not request.user.has_perm(permission):
            record_refusal(request.user, f"{request.method} {request.path}"[:200], reason=permission)
            raise PermissionDenied
        return answered(request, lambda: view(request, **named), reverse("risk-desk"))

    wrapped: View = admin.site.admin_view(inner)
    return wrapped


urlpatterns: list[URLPattern] = [
    path("", page(require_safe(risk_desk.desk_page)), name="risk-desk"),
    path("figures/", page(require_safe(risk_desk.figures_page)), name="risk-figures"),
    path("needs/", page(require_safe(risk_desk.needs_page)), name="risk-needs"),
    path("product/", page(require_safe(risk_product.product_page)), name="risk-product"),
    path("strategy/", page(require_safe(risk_strategy.strategy_page)), name="risk-strategy"),
    path("what-if/", page(require_safe(risk_what_if.what_if_page)), name="risk-what-if"),
    path(
        "plan/<int:plan_id>/",
        page(OPEN_AND_POST(risk_account.plan_page)),
        name="risk-plan",
    ),
]
