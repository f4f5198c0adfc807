"""Fixtures for tests that look at pages: the platform served, and the installed chromium driven by Playwright."""

import shutil
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from accounts.models import User
from quantsite.testing.needs import lacking
from quantsite.testing.patience import SOON_MS
from quantsite.testing.web_server import served

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Whatever a page asks of another host is told by `open_page`, and not sent. An interceptor of every request would
    # do both, but it turns off the browser's cache, as no visitor has it.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
expect.set_options(timeout=SOON_MS)
OpenPage = Callable[..., Page]


@pytest.fixture
def site(transactional_db: None) -> Iterator[str]:
    """The origin of the whole platform, served with sockets; what it writes is committed."""
    # Loaded here and not above: the application is built from the settings that tests change first.
    with served(import_module("quantsite.asgi").application) as origin:
        yield origin


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The installed chromium, headless. One a file: its event loop must not outlive the tests that look at pages."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        lacking("browser", f"none of {', '.join(PROGRAMS)} is installed")
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's loop runs in this thread, which Django takes for asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        with sync_playwright() as playwright:
            started = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
            yield started
            started.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser without anything that another test has opened."""
    yield chromium
    for context in chromium.contexts:
        context.close()


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[OpenPage]:
    """``open_page(user, language="zh-hans", width=390)``: an empty page with that user's session.

    Addresses may be given without the origin. A page that asks another host, or whose script fails, fails the test.
    """
    faults: list[str] = []
    contexts: list[BrowserContext] = []

    def make(user: User | None = None, *, language: str = "en", width: int = 1440, height: int = 900) -> Page:
        context = browser.new_context(base_url=site, viewport={"width": width, "height": height}, locale="en-US")
        contexts.append(context)
        context.set_default_timeout(SOON_MS)
        context.add_cookies(_cookies(site, user, language))  # type: ignore[arg-type]
        context.on("request", lambda request: _inside_only(request, site, faults))
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == [], faults  # noqa: S101


def _cookies(site: str, user: User | None, language: str) -> list[dict[str, Any]]:
    cookies = [{"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": site}]
    if user:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookies.append({"name": settings.SESSION_COOKIE_NAME, "value": session, "url": site})
    return cookies


def _inside_only(request: Request, site: str, faults: list[str]) -> None:
    if not request.url.startswith((site, "data:", "blob:")):
        faults.append(f"asked another host: {request.url}")
