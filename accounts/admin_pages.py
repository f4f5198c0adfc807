"""Pages of the console that are no form of a row: what they ask for is done by verbs, refusals are kept."""

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse

from accounts.admin_base import ReadOnlyModelAdmin, actor_of
from accounts.audit import record_refusal
from accounts.permissions import keep_entry, require
from quantsite.common.errors import MissingError, RefusedError, RuleError

View = Callable[..., HttpResponseBase]


def answered(request: HttpRequest, work: Callable[[], HttpResponseBase], otherwise: str) -> HttpResponseBase:
    """What ``work`` answers; where it breaks a rule, the page ``otherwise`` with what the rule says.

    Raises ``PermissionDenied`` for who may not (the verb has audited it), ``Http404`` for what they cannot see.
    """
    try:
        return work()
    except RefusedError as error:
        raise denied(error) from error
    except MissingError as error:
        raise Http404(error.text) from error
    except RuleError as error:
        messages.error(request, error.text)
        return HttpResponseRedirect(otherwise)


def attempt(request: HttpRequest, work: Callable[[], str], to: str) -> HttpResponseBase:
    """Do ``work``, then go to ``to`` with the message that it returns, or with the rule that it broke; raises alike."""

    def done() -> HttpResponseBase:
        messages.success(request, work())
        return HttpResponseRedirect(to)

    return answered(request, done, to)


def denied(error: RefusedError) -> PermissionDenied:
    """The refusal of a verb as the page's; its audit entry stays."""
    keep = getattr(error, "refused", None)
    if keep is not None:
        keep_entry(error)  # type: ignore[arg-type]
    return PermissionDenied(error.text)


class PagesAdmin(ReadOnlyModelAdmin):
    """Rows that nobody edits, with pages of our own: what people do about them goes through verbs."""

    own_pages: Sequence[tuple[str, str, str]] = ()
    """Addresses of our own below the list's: tail, name of the method, name of the address."""

    def get_urls(self) -> list[URLPattern]:
        """The theme's addresses after our own."""
        own = [
            path(tail, self.admin_site.admin_view(self._page(getattr(self, method))), name=self._name(name))
            for tail, method, name in self.own_pages
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponseBase:
        """The page of one row: it is looked at, never sent."""
        self.demand_view(request)
        if request.method not in {"GET", "HEAD"}:
            record_refusal(request.user, f"{request.method} {request.path}"[:200], self.opts.label_lower)
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        return self.row_view(request, row)

    def row_view(self, request: HttpRequest, row: Any) -> HttpResponseBase:
        """What the page of one row shows."""
        raise NotImplementedError

    def demand_view(self, request: HttpRequest) -> None:
        """Raises ``PermissionDenied`` (audited) for whose role does not include these rows."""
        if not super().has_view_permission(request):
            record_refusal(request.user, f"{request.method} {request.path}"[:200], self.opts.label_lower)
            raise PermissionDenied

    def demand(self, request: HttpRequest, permission: str) -> None:
        """Raises ``RefusedError`` (audited) for who lacks a permission."""
        require(actor_of(request), permission)

    def url(self, name: str, *args: Any) -> str:
        """The address of one of the pages."""
        return reverse(f"admin:{self._name(name)}", args=args)

    def show(self, request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
        """One of our own templates, below ``admin/<app>/``."""
        around = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return render(request, f"admin/{self.opts.app_label}/{template}", {**around, **context})

    def _name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def _page(self, view: View) -> View:
        """A page: 403 for what one may not do, 404 for what one cannot see, the list for what breaks another rule."""

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            self.demand_view(request)
            return answered(request, lambda: view(request, *args, **kwargs), self.url("changelist"))

        return update_wrapper(inner, view)
