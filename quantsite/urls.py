"""Every address of the platform."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

APIS = ("accounts.api", "marketdata.api", "backtests.api")


def api_patterns() -> list[URLPattern | URLResolver]:
    """The routes of every app's ``api.py``."""
    router = SimpleRouter()
    extra: list[Any] = []
    for name in APIS:
        if find_spec(name) is None:
            continue
        module = import_module(name)
        for prefix, viewset, basename in getattr(module, "routes", []):
            router.register(prefix, viewset, basename=basename)
        extra += getattr(module, "urlpatterns", [])
    return [*extra, *router.urls]


urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/", include(api_patterns())),
]
