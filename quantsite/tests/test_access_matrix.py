"""Deny by default: every address and command of the platform, tried by everybody, against ``access_rules``.

A page or command that is added without a rule fails here, and so does a rule that leads nowhere.
"""

import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin import site
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import transaction
from django.db.models.signals import post_save
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import DjangoDbBlocker
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import AccessToken

from accounts.commands import ActorCommand
from accounts.models import AuditEntry, User
from quantsite.common.errors import MissingError, RefusedError
from quantsite.testing.shared_rows import shared_rows
from quantsite.tests.access_rules import ACTING, OPERATING, PUBLIC, RULES
from quantsite.tests.access_world import PEOPLE, World, build

METHODS = ("get", "post", "put", "patch", "delete")
PAGE_METHODS = ("get", "post")  # Django's pages take every other method as a GET
ELSEWHERE = "203.0.113.7"  # not this machine
REFUSALS = {401, 403, 404, 405}
NO_DEEDS = ("refused", "login.failed")
OUR_APPS = {"accounts", "marketdata", "trading", "strategies", "backtests", "quantsite"}
QUERIES = {
    "admin/autocomplete/": {
        "app_label": "accounts",
        "model_name": "alarm",
        "field_name": "acknowledged_by",
        "term": "",
    },
    "admin/search/": {"s": "canary", "extended": "1"},
}


# --- what there is -------------------------------------------------------------------------------------------


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    """Every route of the site, arguments as ``<name>``."""
    for entry in (resolver or get_resolver()).url_patterns:
        text = prefix + plain(str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from routes(entry, text)
        elif isinstance(entry, URLPattern):
            yield text


def absent(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every route and method of the API for which there is no code: whoever gets past the permissions is refused."""
    for entry in (resolver or get_resolver()).url_patterns:
        text = prefix + plain(str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from absent(entry, text)
            continue
        view: Any = getattr(entry.callback, "cls", None)
        if isinstance(view, type) and issubclass(view, APIView):
            there = getattr(entry.callback, "actions", None) or {m for m in METHODS if hasattr(view, m)}
            yield from ((text, method) for method in METHODS if method not in there)


def plain(pattern: str) -> str:
    """A path or regular expression as text with ``<name>`` for its arguments."""
    pattern = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", pattern)
    return re.sub(r"<\w+:(\w+)>", r"<\1>", pattern).removeprefix("^").removesuffix("$")


def our_commands() -> dict[str, str]:
    """Name -> app of every management command of ours."""
    return {name: app for name, app in get_commands().items() if isinstance(app, str) and app in OUR_APPS}


def test_every_address_has_a_rule_and_every_rule_an_address() -> None:
    there = set(routes())
    assert (there - set(RULES), set(RULES) - there) == (set(), set())


def test_every_command_has_a_rule() -> None:
    assert set(ACTING) | OPERATING == set(our_commands())


def test_only_the_public_list_is_open_to_strangers() -> None:
    opened = {route for route, rule in RULES.items() if any("stranger" in rule.of(method) for method in METHODS)}
    assert opened == set(PUBLIC)


# --- addresses ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """One world for the whole file."""
    with shared_rows(django_db_blocker):
        yield build()


def tries(who: str) -> Iterator[tuple[str, str, bool]]:
    """Every address, method and whether ``who`` is to be let in; without code, Ada tries for all."""
    nothing = frozenset[tuple[str, str]]() if who == "ada" else frozenset(absent())
    for route, rule in RULES.items():
        for method in METHODS if route.startswith("api/") else PAGE_METHODS:
            allowed = who in rule.of(method)
            if (method == "get" or not (rule.reading and allowed)) and (allowed or (route, method) not in nothing):
                yield route, method, allowed


@pytest.mark.parametrize("who", PEOPLE)
def test_every_address_lets_in_who_may_and_nobody_else(
    who: str, world: World, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every method of every address; each try is undone, so that none sees what another did."""
    for page in site._registry.values():
        monkeypatch.setattr(page, "list_per_page", 5)  # who may see them is the question, not how many there are
    wrong = []
    caller = Caller(who, world.people.get(who))
    entries, trail = deeds(), Trail()
    with trail:
        for route, method, allowed in tries(who):
            with transaction.atomic():
                answer = caller.ask(method, world.path(route), QUERIES.get(route))
                changed = not allowed and trail.written() and deeds() != entries
                wrong += complaints(answer, allowed, world.words[who], changed=changed)
                transaction.set_rollback(True)
    assert wrong == []


class Caller:
    """Somebody with a browser for pages and a token for the API."""

    def __init__(self, who: str, user: User | None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers: dict[str, Any] = {"REMOTE_ADDR": ELSEWHERE}
        if user:
            self.client.force_login(user)
            self.headers["HTTP_AUTHORIZATION"] = f"Bearer {AccessToken.for_user(user)}"
        self.cookies = self.client.cookies.output(header="", sep=";")

    def ask(self, method: str, path: str, query: dict[str, str] | None) -> Any:
        """One request, with the cookies as they were after the login."""
        self.client.cookies = SimpleCookie(self.cookies)
        if path.startswith("/api/"):
            body = {} if method == "get" else {"data": "{}", "content_type": "application/json"}
            self.client.cookies.clear()
            return getattr(self.client, method)(path, **body, **self.headers)
        return getattr(self.client, method)(path, query or {}, **self.headers)


def complaints(answer: Any, allowed: bool, secrets: frozenset[str], *, changed: bool) -> list[str]:
    """What is wrong with an answer, as lines for the report."""
    request = f"{answer.request['REQUEST_METHOD']} {answer.request['PATH_INFO']}: {answer.status_code}"
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    found = [f"{request} shows {word}" for word in secrets if word.encode() in content]
    if answer.status_code >= 500:
        return [*found, f"{request} is a crash"]
    if is_refusal(answer) == allowed:
        found.append(f"{request}: {'should be let in' if allowed else 'should be refused'}")
    if changed:
        found.append(f"{request} did something")
    return found


def is_refusal(answer: Any) -> bool:
    """Whether the caller was turned away; a redirect to the console's front door is that too."""
    target = answer.headers.get("Location", "").split("?")[0]
    return answer.status_code in REFUSALS or target in ("/admin/login/", "/admin/")


def deeds() -> int:
    """How many entries of the audit trail tell of something done; refusals and failed logins are not deeds."""
    return AuditEntry.objects.exclude(verb__in=NO_DEEDS).count()


class Trail:
    """Hears of entries that tell of something done as they are written, be they undone afterwards."""

    def __init__(self) -> None:
        self._count = 0

    def __enter__(self) -> None:
        post_save.connect(self._hear, sender=AuditEntry)

    def __exit__(self, *_error: object) -> None:
        post_save.disconnect(self._hear, sender=AuditEntry)

    def written(self) -> bool:
        """Whether there were any since this was asked last."""
        count, self._count = self._count, 0
        return count > 0

    def _hear(self, instance: AuditEntry, **_told: Any) -> None:
        self._count += instance.verb not in NO_DEEDS


# --- commands -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ACTING)
def test_every_acting_command_obeys_who_may(name: str, world: World, db: None, tmp_path: Path) -> None:
    audience, words = ACTING[name]
    csv = tmp_path / "empty.csv"
    csv.write_text("datetime,open,high,low,close,volume\n")
    words = tuple(word.format(csv=csv) for word in words)
    command = load_command_class(our_commands()[name], name)
    assert isinstance(command, ActorCommand)
    for who in world.people:
        entries = deeds()
        with transaction.atomic():
            refused = is_refused(name, *words, "--user", who)
            assert refused is (who not in audience), who
            assert not refused or deeds() == entries, who
            transaction.set_rollback(True)


@pytest.mark.parametrize("name", sorted(OPERATING))
def test_an_operators_command_acts_for_nobody(name: str) -> None:
    assert not isinstance(load_command_class(our_commands()[name], name), ActorCommand)


def is_refused(name: str, *words: str) -> bool:
    """Whether a command ends because the person may not, or may not know; other errors are another test's business."""
    try:
        call_command(name, *words, stdout=StringIO(), stderr=StringIO())
    except CommandError as error:
        cause = error.__cause__
        return isinstance(cause, RefusedError) or (isinstance(cause, MissingError) and cause.code == "unknown_account")
    return False
