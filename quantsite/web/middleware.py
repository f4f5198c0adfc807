"""A base for middleware that serves sync and async requests alike."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class AroundMiddleware:
    """Runs the request inside ``around`` and then ``after``; neither may wait for a database or a network."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def around(self, request: HttpRequest) -> AbstractContextManager[Any]:  # noqa: ARG002 - for subclasses
        """What stands open while the request is served."""
        return nullcontext()

    def after(self, request: HttpRequest, response: HttpResponseBase) -> None:
        """Look at, or add to, the finished response."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """The response, or its coroutine where the chain is async."""
        if self.is_async:
            return self._call_async(request)
        with self.around(request):
            response = cast(HttpResponseBase, self.get_response(request))
            self.after(request, response)
        return response

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        with self.around(request):
            response = await cast(Awaitable[HttpResponseBase], self.get_response(request))
            self.after(request, response)
        return response
