"""A small HTTP caller for the demo's trial: cookies, forms, tokens; the standard library only."""

import json
import re
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, OpenerDirector, Request, build_opener

CSRF_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
ASSET = re.compile(r'(?:src|href)="(/static/[^"]+)"')


@dataclass(frozen=True)
class Answer:
    """What came back; ``url`` is where redirects ended."""

    status: int
    headers: Message
    body: bytes
    url: str

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def data(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def assets(self) -> list[str]:
        """The static files that the page names."""
        return sorted(set(ASSET.findall(self.text)))


class _StayHere(HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        """Hand the redirect itself to the caller."""


class Caller:
    """One person, or a stranger: keeps cookies and, once given, a token."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.token = ""
        self.cookies = CookieJar()
        self._following = build_opener(HTTPCookieProcessor(self.cookies))
        self._staying = build_opener(HTTPCookieProcessor(self.cookies), _StayHere())

    def get(self, path: str, *, follow: bool = True, **headers: str) -> Answer:
        """Fetch a page or resource; errors come back as answers too."""
        return self._send(self._request(path, None, headers), follow=follow)

    def post_json(self, path: str, data: Any) -> Answer:
        """Send JSON, as a program does."""
        return self._send(self._request(path, json.dumps(data).encode(), {"Content-Type": "application/json"}))

    def post_form(self, page: str, path: str, **fields: str) -> Answer:
        """Fill in the form of ``page`` and send it to ``path``, as a browser does."""
        found = CSRF_FIELD.search(self.get(page).text)
        if found is None:
            raise LookupError(f"{page} has no form with a token")
        body = urlencode({**fields, "csrfmiddlewaretoken": found[1]}).encode()
        return self._send(self._request(path, body, {"Referer": urljoin(self.origin, page)}))

    def cookie_header(self) -> str:
        """The cookies, as a socket's handshake carries them."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)

    def _request(self, path: str, body: bytes | None, headers: dict[str, str]) -> Request:
        request = Request(urljoin(self.origin, path), data=body)  # noqa: S310 - http on loopback
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        return request

    def _send(self, request: Request, *, follow: bool = True) -> Answer:
        opener: OpenerDirector = self._following if follow else self._staying
        try:
            with opener.open(request, timeout=60) as answer:
                return _answer(answer)
        except HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read(), error.url)


def _answer(answer: HTTPResponse) -> Answer:
    return Answer(answer.status, answer.headers, answer.read(), answer.url)
