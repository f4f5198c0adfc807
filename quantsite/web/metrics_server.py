"""``/metrics`` of a process that serves no pages: what it counts itself, for the same callers as the web's page."""

import threading
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import structlog
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse

from quantsite.web.pages import process_metrics_page

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 10.0


class MetricsServer:
    """Answers in a thread while the block runs. ``address`` is a host of this machine and a port; 0: any free one.

    Raises ``OSError`` where nobody can listen there.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._server = _Server(address, _Handler)
        self._server.set_app(answer)
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def __enter__(self) -> "MetricsServer":
        self._thread.start()
        log.info("metrics served", port=self.port)
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """The page at ``/metrics``, and nothing anywhere else."""
    request = WSGIRequest(environ)
    response = process_metrics_page(request) if request.path == "/metrics" else HttpResponse(status=404)
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 16


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE_SECONDS

    def log_message(self, *_words: Any) -> None:
        """Scrapes are no news."""
