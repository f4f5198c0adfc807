"""The console: which pages a person sees, and the numbers on its first one."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from unfold.sites import UnfoldAdminSite


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc]
    """The admin site of the platform."""


def environment_label(_request: HttpRequest) -> list[str]:
    """The word beside every title: LIVE, PAPER or REPLAY, with its colour."""
    return [settings.ENVIRONMENT.upper(), "danger" if settings.ENVIRONMENT == "live" else "info"]


def stylesheet(_request: HttpRequest) -> str:
    """The address of our own styles."""
    return static("quantsite/console.css")


def navigation(_request: HttpRequest) -> list[dict[str, Any]]:
    """The side bar."""
    return []


def dashboard(_request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of the first page."""
    return context
