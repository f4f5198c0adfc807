"""Pages of the house: errors, languages, policies, the side bar and the first page of the console."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.alarms import raise_alarm
from accounts.models import User
from quantsite import navigation
from quantsite.web import csp
from quantsite.web.pages import server_error
from quantsite.web.problems import problem

pytestmark = pytest.mark.django_db


class Inline(HTMLParser):
    """Collects scripts and handlers that stand in a page itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note inline scripts, ``onclick`` and the like, and addresses elsewhere."""
        names = dict(attrs)
        if tag == "script" and "src" not in names and names.get("type") != "application/json":
            self.found.append("inline script")
        self.found += [name for name in names if name.startswith("on")]
        if tag in {"script", "link", "img"}:
            address = str(names.get("src") or names.get("href"))
            self.found += [address] if address.startswith(("http", "//")) else []


def inline_parts(page: bytes) -> list[str]:
    """What a strict policy would refuse."""
    parser = Inline()
    parser.feed(page.decode())
    return parser.found


@pytest.mark.parametrize(
    ("language", "text"), [("en", "Not found, or not visible to you."), ("zh-hans", 'lang="zh-hans"')]
)
def test_an_unknown_page(client: Client, language: str, text: str) -> None:
    answer = client.get("/no/such/<page>", headers={"Accept-Language": language})
    page = answer.content.decode()
    assert answer.status_code == 404
    assert text in page
    assert answer.headers["X-Request-ID"] in page
    assert "<page>" not in page
    assert inline_parts(answer.content) == []
    assert answer.headers[csp.HEADER] == csp.header_value(csp.STRICT)


def test_a_foreign_host_is_refused(client: Client) -> None:
    answer = client.get("/admin/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "evil.example" not in answer.content.decode()


def test_a_form_without_its_token_is_refused() -> None:
    answer = Client(enforce_csrf_checks=True).post("/i18n/setlang/", {"language": "en"})
    assert answer.status_code == 403
    assert "Load it again" in answer.content.decode()


@pytest.mark.parametrize("path", ["/x/", "/api/v1/x/"])
def test_a_crash_says_nothing_about_itself(path: str) -> None:
    request = RequestFactory().get(path)
    request.request_id = "abcdefgh-crash"  # type: ignore[attr-defined]
    try:
        raise ZeroDivisionError("secret detail")
    except ZeroDivisionError:
        answer = server_error(request)
    assert isinstance(answer, HttpResponse)
    assert answer.status_code == 500
    assert b"secret detail" not in answer.content
    assert (b"problem" in answer.content) == path.startswith("/api/")


def test_the_language_switch_on_the_login_page(client: Client) -> None:
    page = client.get("/admin/login/")
    assert b'action="/i18n/setlang/"' in page.content
    moved = client.post("/i18n/setlang/", {"language": "zh-hans", "next": "/admin/login/"})
    assert (moved.status_code, moved.headers["Location"]) == (302, "/admin/login/")
    page = client.get("/admin/login/")
    assert b'<html lang="zh-hans"' in page.content
    away = client.post("/i18n/setlang/", {"language": "en", "next": "https://evil.example/"})
    assert "evil.example" not in away.headers["Location"]


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/healthz", csp.STRICT),
        ("/admin/login/", csp.CONSOLE),
        ("/api/v1/users/me/", csp.STRICT),
        ("/api/v1/docs/", csp.DOCS),
        ("/api/v1/redoc/", csp.DOCS),
    ],
)
def test_each_kind_of_page_has_its_policy(client: Client, path: str, policy: csp.Policy) -> None:
    value = client.get(path).headers[csp.HEADER]
    assert value == csp.header_value(policy)
    script = next(part for part in value.split("; ") if part.startswith("script-src"))
    assert "'unsafe-inline'" not in script


def test_a_report_gets_a_sandbox_without_an_origin() -> None:
    value = csp.use_report_policy(HttpResponse()).headers[csp.HEADER]
    assert value.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in value
    assert "connect-src" not in value
    assert "default-src 'none'" in value


@pytest.mark.parametrize("path", ["/api/v1/docs/", "/api/v1/redoc/", "/admin/", "/admin/login/"])
def test_pages_have_no_inline_script_and_nothing_from_elsewhere(client: Client, alice: User, path: str) -> None:
    if "login" not in path:
        client.force_login(alice)
    answer = client.get(path)
    assert answer.status_code == 200
    assert inline_parts(answer.content) == []


def test_the_schema_is_valid_and_knows_every_answer(tmp_path: Path) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))
    schema = yaml.safe_load((tmp_path / "schema.yml").read_text(encoding="utf-8"))
    operations = schema["paths"]["/api/v1/backtests/{id}/run-again/"]
    assert set(operations) == {"post"}
    assert list(operations["post"]["responses"]) == ["202", "4XX"]
    assert set(schema["components"]["schemas"]["Problem"]["required"]) == set(problem(400, "x", "y", "/"))


@pytest.mark.parametrize("name", ["ada", "rita", "bob", "alice"])
def test_the_side_bar_shows_what_the_role_may_open_and_no_more(client: Client, request: Any, name: str) -> None:
    user = request.getfixturevalue(name)
    client.force_login(user)
    page = client.get("/admin/").content.decode()
    shown = [item for group in navigation.GROUPS for item in group.items if f'"{_address(item)}"' in page]
    assert shown, "nothing at all in the side bar"
    for group in navigation.GROUPS:
        for item in group.items:
            address = _address(item)
            if not address:
                continue
            status = client.get(address, follow=True).status_code
            assert status == (200 if item in shown else 403), item


def _address(item: navigation.Item | navigation.Page) -> str:
    if isinstance(item, navigation.Page):
        return reverse(item.route)
    model = apps.get_model(item.model)
    if not admin.site.is_registered(model):
        return ""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def test_every_registered_model_stands_in_the_side_bar_or_is_left_out_on_purpose() -> None:
    listed = {item.model for group in navigation.GROUPS for item in group.items if isinstance(item, navigation.Item)}
    registered = {model._meta.label_lower for model in admin.site._registry}
    assert registered - listed - navigation.REACHED_FROM_ELSEWHERE == set()


def test_the_search_forgets_with_the_right(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert "/admin/marketdata/instrument/" in client.get("/admin/search/?s=instr").content.decode()
    alice.groups.clear()
    assert "/admin/marketdata/instrument/" not in client.get("/admin/search/?s=instr").content.decode()


def test_the_first_page_shows_open_alarms_to_those_who_may_see_them(client: Client, rita: User) -> None:
    raise_alarm("audit_chain_broken", "entry 7", "Entry 7 was altered", "critical")
    client.force_login(rita)
    page = client.get("/admin/").content.decode()
    assert "Entry 7 was altered" in page
    assert "Acknowledge" in page
    assert "qs-severity-critical" in page


def test_the_first_page_without_a_role(client: Client, charlie: User) -> None:
    charlie.is_staff = True
    charlie.save()
    raise_alarm("audit_chain_broken", "entry 7", "Entry 7 was altered", "critical")
    client.force_login(charlie)
    page = client.get("/admin/").content.decode()
    assert "Entry 7" not in page
    assert "qs-tile" not in page
    assert "An administrator can give you a role." in page
