"""The web process: HTTP by Django, sockets by Channels."""

import os
import warnings
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quantsite.settings")

# Static files are small and read in a thread at once; Django warns of each file response under ASGI.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

http = get_asgi_application()  # sets Django up: consumers and sockets may be imported only after it

CONSUMERS = ("marketdata.consumers", "trading.consumers", "backtests.consumers")


def websocket() -> object:
    """Every app's sockets behind the one check of who opens them."""
    sockets = import_module("quantsite.web.sockets")
    routes = [pattern for name in CONSUMERS for pattern in import_module(name).websocket_urlpatterns]
    unknown = re_path(r"", sockets.UnknownSocket.as_asgi())
    return sockets.SocketContextMiddleware(sockets.SocketAuthMiddleware(URLRouter([*routes, unknown])))


FAST_READS = ("marketdata.fast_reads", "trading.fast_reads")
FAST_WRITES = ("trading.fast_orders",)


def pages() -> Callable[[Any, Any, Any], Awaitable[None]]:
    """Django, and in front of it what a query or two of PostgreSQL answer."""
    if not settings.FAST_READS:
        return http
    reads = [read for name in FAST_READS for read in import_module(name).READS]
    writes = [write for name in FAST_WRITES for write in import_module(name).WRITES]
    prove = import_module("accounts.fast_caller").claims_of
    behind = import_module("quantsite.web.fast_writes").FastWrites(http, writes, prove)
    front: Callable[[Any, Any, Any], Awaitable[None]] = import_module("quantsite.web.fast_reads").FastReads(
        behind, reads, prove
    )
    return front


application = ProtocolTypeRouter({"http": pages(), "websocket": websocket()})
