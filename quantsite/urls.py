"""Every address of the platform. Who may open which: the matrix test in ``quantsite/tests``."""

from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from accounts import api as accounts_api
from backtests import api as backtests_api
from backtests.drift import api as drift_api
from backtests.optimise import api as optimise_api
from marketdata import api as marketdata_api
from marketdata.quotes import api as quotes_api
from marketdata.quotes import pages as marketdata_pages
from quantsite.web import health, pages
from strategies import api as strategies_api
from trading import api as trading_api
from trading.console import risk_urls

APIS = (accounts_api, marketdata_api, quotes_api, trading_api, strategies_api, backtests_api, optimise_api, drift_api)


def api_patterns() -> list[URLPattern | URLResolver]:
    """The routes of every app's ``api.py``."""
    router = SimpleRouter()
    extra: list[Any] = []
    for module in APIS:
        for prefix, viewset, basename in module.routes:
            router.register(prefix, viewset, basename=basename)
        extra += getattr(module, "urlpatterns", [])
    return [*extra, *router.urls]


urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", pages.metrics_page, name="metrics"),
    path("quotes/", marketdata_pages.quotes, name="quotes"),
    path("admin/trading/risk/", include(risk_urls)),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs/", SpectacularSwaggerSplitView.as_view(), name="docs"),
    path("api/v1/redoc/", SpectacularRedocView.as_view(), name="redoc"),
    path("api/v1/", include(api_patterns())),
]

handler400 = pages.bad_request
handler403 = pages.permission_denied
handler404 = pages.not_found
handler500 = pages.server_error
