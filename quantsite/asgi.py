"""The web process: HTTP by Django, sockets by Channels."""

import os
import warnings
from importlib import import_module

from channels.routing import ProtocolTypeRouter, URLRouter
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


application = ProtocolTypeRouter({"http": http, "websocket": websocket()})
