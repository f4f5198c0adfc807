"""The language that a person has chosen for themselves."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation


class PersonLanguageMiddleware:
    """Pages come in the person's own language where the browser carries no choice made with the language switch.

    Stands behind Django's LocaleMiddleware, which knows the cookie and the browser, and asks for the person only
    where there is a session.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Activate the language, answer, and say in the answer which language it is."""
        language = self._chosen(request)
        if not language:
            return self.get_response(request)
        translation.activate(language)
        request.LANGUAGE_CODE = translation.get_language()
        return self.get_response(request)

    def _chosen(self, request: HttpRequest) -> str:
        cookies = request.COOKIES
        if settings.LANGUAGE_COOKIE_NAME in cookies or settings.SESSION_COOKIE_NAME not in cookies:
            return ""
        return str(getattr(request.user, "language", ""))
