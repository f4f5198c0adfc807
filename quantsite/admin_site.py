"""The console's admin site and what its theme asks for on every page."""

import hashlib
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.views import PasswordChangeView
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from accounts.admin_forms import OwnPasswordForm
from quantsite import dashboard as first_page
from quantsite import navigation as side_bar

ENVIRONMENTS: dict[str, tuple[str | Promise, str]] = {
    "live": (_("LIVE"), "danger"),
    "paper": (_("PAPER"), "info"),
    "replay": (_("REPLAY"), "warning"),
}


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc]
    """The admin site of the platform; ``ConsoleConfig`` puts it in the place of Django's."""

    site_title = "quantsite"
    index_title = _("Overview")
    empty_value_display = "–"
    enable_nav_sidebar = True

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Every model that this person may see, found once somebody looks: most pages have the side bar instead."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """What the person may see now. The theme keeps results for five minutes, rights taken away or not."""
        term = (request.GET.get("s") or "").lower()
        key = hashlib.sha256(f"{request.user.pk}_{term}".encode()).hexdigest()
        cache.delete(f"unfold_search_{key}")
        found: HttpResponse = super().search(request, extra_context)
        return found

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The page for one's own password. The theme's form would save without the verb that audits it."""
        view = PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse(f"{self.name}:password_change_done", current_app=self.name),
            template_name=self.password_change_template or "registration/password_change_form.html",
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return cast(HttpResponse, view(request))


def environment_label(_request: HttpRequest) -> list[str | Promise]:
    """The word in every header: live, paper or replay, and the colour of its label."""
    return list(ENVIRONMENTS[settings.ENVIRONMENT])


def environment_title(_request: HttpRequest) -> str:
    """The same word at the front of every tab's title."""
    return f"{ENVIRONMENTS[settings.ENVIRONMENT][0]} ·"


def stylesheet(_request: HttpRequest) -> str:
    """The address of our own styles."""
    return static("quantsite/console.css")


def icon(_request: HttpRequest) -> str:
    """The address of the icon in the tab."""
    return static("quantsite/icon.svg")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The side bar: only what this person may open."""
    return side_bar.groups(request)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of the first page, with its numbers and tables."""
    return {**context, **first_page.content(request)}
