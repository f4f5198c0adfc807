"""REST of people and alarms, as callers meet it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts import alarms
from accounts.models import AuditEntry, User
from accounts.tokens import DeskAuthentication
from quantsite.testing.cast import PASSWORD

pytestmark = pytest.mark.django_db

GOOD = "a long enough pass phrase"
Client = Callable[..., APIClient]


def log_in(username: str, password: str = PASSWORD, **headers: Any) -> Any:
    """The answer of the token endpoint."""
    return APIClient().post("/api/v1/auth/token/", {"username": username, "password": password}, **headers)


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The body, after a look at its form."""
    assert (response.status_code, response.json().get("code")) == (status, code), response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "code", "fields", "request_id"} <= set(body)
    return body


# --- registration --------------------------------------------------------------------------------------------


@pytest.mark.embedded
def test_registering_answers_the_same_for_free_and_taken_names(alice: User) -> None:
    answers = [
        APIClient().post("/api/v1/auth/register/", {"username": name, "password": GOOD, "email": "x@example.com"})
        for name in ("dora", "alice", "ALICE")
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert sorted(User.objects.values_list("username", "is_active")) == [("alice", True), ("dora", False)]
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"
    assert_problem(log_in("dora", GOOD), 401, "no_active_account")


def test_registration_can_be_opened(settings: Any) -> None:
    settings.REGISTRATION_OPEN = True
    APIClient().post("/api/v1/auth/register/", {"username": "dora", "password": GOOD})
    assert log_in("dora", GOOD).status_code == 200
    assert User.objects.get().get_all_permissions() == set()


def test_a_weak_password_is_refused_by_field() -> None:
    answer = APIClient().post("/api/v1/auth/register/", {"username": "dora", "password": "12345"})
    assert "password" in assert_problem(answer, 400, "weak_password")["fields"]
    assert not User.objects.exists()


def test_registering_has_a_rate_that_no_header_walks_around() -> None:
    codes = {
        APIClient()
        .post(
            "/api/v1/auth/register/",
            {"username": f"u{n}", "password": "1"},
            HTTP_X_FORWARDED_FOR=f"10.0.0.{n}, 203.0.113.9",
        )
        .status_code
        for n in range(11)
    }
    assert codes == {400, 429}


# --- tokens --------------------------------------------------------------------------------------------------


@pytest.mark.embedded
def test_a_login_gives_tokens_and_is_written_down(alice: User) -> None:
    answer = log_in("alice")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
    me = client.get("/api/v1/users/me/").json()
    assert (me["username"], me["roles"]) == ("alice", ["researcher"])
    assert me["permissions"] == sorted(alice.get_all_permissions())
    entry = AuditEntry.objects.get(verb="login")
    assert (entry.actor_name, entry.after) == ("alice", {"address": "127.0.0.1", "path": "/api/v1/auth/token/"})
    alice.refresh_from_db()
    assert alice.last_login is not None


def test_wrong_password_unknown_name_and_inactive_person_look_alike(alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    answers = [log_in("alice", "wrong"), log_in("nobody", "wrong"), log_in("bob", PASSWORD)]
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert bodies[0] == bodies[1] == bodies[2]
    failed = AuditEntry.objects.filter(verb="login.failed").order_by("seq")
    assert [entry.object_text for entry in failed] == ["alice", "nobody", "bob"]
    assert {entry.actor_name for entry in failed} == {"anonymous"}


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_repeated_failures_lock_out_whether_or_not_the_name_exists(alice: User, name: str) -> None:
    codes = [log_in(name, "wrong").status_code for _ in range(4)]
    assert codes == [401] * 4
    body = assert_problem(log_in(name, "wrong"), 429, "locked_out")
    cache.clear()  # the rate limit is another matter
    right = log_in(name, PASSWORD)
    assert {**assert_problem(right, 429, "locked_out"), "request_id": ""} == {**body, "request_id": ""}
    assert int(right["Retry-After"]) > 0
    verbs = list(AuditEntry.objects.order_by("seq").values_list("verb", flat=True))
    assert sorted(verbs) == ["login.failed"] * 5 + ["login.locked"]


def test_a_lockout_is_for_one_name_and_address(alice: User, bob: User) -> None:
    for _ in range(5):
        log_in("alice", "wrong")
    cache.clear()
    assert log_in("bob").status_code == 200
    assert log_in("alice", REMOTE_ADDR="10.1.2.3").status_code == 200


def test_a_success_forgets_earlier_failures(alice: User) -> None:
    for _ in range(3):
        for _ in range(3):
            log_in("alice", "wrong")
        assert log_in("alice").status_code == 200


def test_logins_have_a_rate(alice: User) -> None:
    codes = [log_in(f"name{n}", "wrong").status_code for n in range(21)]
    assert codes == [401] * 20 + [429]


def test_refreshing_uses_a_token_up(alice: User) -> None:
    first = log_in("alice").json()["refresh"]
    answer = APIClient().post("/api/v1/auth/token/refresh/", {"refresh": first})
    assert set(answer.json()) == {"access", "refresh"}
    assert_problem(APIClient().post("/api/v1/auth/token/refresh/", {"refresh": first}), 401, "token_not_valid")


def test_logout_ends_the_refresh_token(alice: User, api: Client) -> None:
    refresh = log_in("alice").json()["refresh"]
    assert api(alice).post("/api/v1/auth/logout/", {"refresh": refresh}).status_code == 204
    assert_problem(APIClient().post("/api/v1/auth/token/refresh/", {"refresh": refresh}), 401, "token_not_valid")
    assert_problem(api(alice).post("/api/v1/auth/logout/", {"refresh": refresh}), 400, "bad_token")
    assert_problem(APIClient().post("/api/v1/auth/logout/", {}), 401, "not_authenticated")


def holder_of(tokens: dict[str, str]) -> APIClient:
    """A program that calls with the access token of a pair."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
    return client


def test_a_logout_ends_the_access_tokens_of_its_login_and_no_others(alice: User) -> None:
    first, other = log_in("alice").json(), log_in("alice").json()
    renewed = APIClient().post("/api/v1/auth/token/refresh/", {"refresh": first["refresh"]}).json()
    assert holder_of(first).get("/api/v1/users/me/").status_code == 200
    answer = holder_of(renewed).post("/api/v1/auth/logout/", {"refresh": renewed["refresh"]})
    assert answer.status_code == 204
    for tokens in (first, renewed):
        assert_problem(holder_of(tokens).get("/api/v1/users/me/"), 401, "login_ended")
    assert holder_of(other).get("/api/v1/users/me/").status_code == 200


def test_a_logout_everywhere_ends_every_access_token(alice: User) -> None:
    first, other = log_in("alice").json(), log_in("alice").json()
    assert holder_of(first).post("/api/v1/auth/logout/", {}).status_code == 204
    for tokens in (first, other):
        assert_problem(holder_of(tokens).get("/api/v1/users/me/"), 401, "login_ended")
        answer = APIClient().post("/api/v1/auth/token/refresh/", {"refresh": tokens["refresh"]})
        assert_problem(answer, 401, "token_not_valid")
    assert holder_of(log_in("alice").json()).get("/api/v1/users/me/").status_code == 200


def test_a_refresh_token_of_an_earlier_epoch_gives_nothing_even_if_it_was_missed(alice: User) -> None:
    tokens = log_in("alice").json()
    User.objects.filter(pk=alice.pk).update(login_epoch=7)
    answer = APIClient().post("/api/v1/auth/token/refresh/", {"refresh": tokens["refresh"]})
    assert_problem(answer, 401, "token_not_valid")


@pytest.mark.django_db(transaction=True)
def test_of_two_refreshes_at_once_one_succeeds(alice: User) -> None:
    refresh = log_in("alice").json()["refresh"]
    start = Barrier(4)

    def exchange(_number: int) -> int:
        start.wait()
        try:
            return int(APIClient().post("/api/v1/auth/token/refresh/", {"refresh": refresh}).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        codes = sorted(pool.map(exchange, range(4)))
    assert codes == [200, 401, 401, 401]


def test_logout_of_a_browser_ends_its_session(alice: User) -> None:
    client = APIClient()
    client.force_login(alice)
    assert client.get("/api/v1/users/me/").status_code == 200
    assert client.post("/api/v1/auth/logout/", {}).status_code == 204
    assert client.get("/api/v1/users/me/").status_code == 401
    assert AuditEntry.objects.filter(verb="logout", actor=alice).count() == 1


def test_deactivation_refuses_access_refresh_and_session_at_once(ada: User, alice: User, api: Client) -> None:
    tokens = log_in("alice").json()
    holder, browser = APIClient(), APIClient()
    holder.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
    browser.force_login(alice)
    assert holder.get("/api/v1/users/me/").status_code == browser.get("/api/v1/users/me/").status_code == 200
    answer = api(ada).post(f"/api/v1/users/{alice.pk}/deactivate/", {"reason": "left"})
    assert answer.json()["state"] == "inactive"
    assert holder.get("/api/v1/users/me/").status_code == 401
    assert browser.get("/api/v1/users/me/").status_code == 401
    assert APIClient().post("/api/v1/auth/token/refresh/", {"refresh": tokens["refresh"]}).status_code == 401
    # Coming back does not bring the old session and refresh token back.
    assert api(ada).post(f"/api/v1/users/{alice.pk}/approve/", {}).json()["state"] == "active"
    assert browser.get("/api/v1/users/me/").status_code == 401
    assert APIClient().post("/api/v1/auth/token/refresh/", {"refresh": tokens["refresh"]}).status_code == 401


@pytest.mark.parametrize("token", ["", "x.y.z", "eyJhbGciOiJub25lIn0.eyJ1c2VyX2lkIjoxfQ."])
def test_nonsense_tokens_open_nothing(token: str) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert client.get("/api/v1/users/me/").status_code == 401


def test_a_refresh_token_is_no_access_token(alice: User) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {RefreshToken.for_user(alice)}")
    assert client.get("/api/v1/users/me/").status_code == 401


# --- me ------------------------------------------------------------------------------------------------------


def test_a_person_changes_their_own_address_and_language_only(charlie: User, api: Client) -> None:
    body = {
        "email": "c@example.org",
        "language": "zh-hans",
        "is_superuser": True,
        "username": "ada",
        "roles": ["trader"],
    }
    answer = api(charlie).patch("/api/v1/users/me/", body)
    assert (answer.status_code, answer.json()["email"], answer.json()["language"]) == (200, "c@example.org", "zh-hans")
    charlie.refresh_from_db()
    assert (charlie.username, charlie.is_superuser, charlie.groups.count()) == ("charlie", False, 0)
    assert_problem(api(charlie).patch("/api/v1/users/me/", {"language": "tlh"}), 400, "invalid")


def test_a_new_password_ends_every_token(alice: User, api: Client) -> None:
    client = api(alice)
    wrong = client.post("/api/v1/users/me/password/", {"old_password": "wrong", "new_password": GOOD})
    assert "old_password" in assert_problem(wrong, 400, "wrong_password")["fields"]
    assert client.get("/api/v1/users/me/").status_code == 200
    done = client.post("/api/v1/users/me/password/", {"old_password": PASSWORD, "new_password": GOOD})
    assert done.status_code == 204
    assert client.get("/api/v1/users/me/").status_code == 401
    assert log_in("alice", PASSWORD).status_code == 401
    assert log_in("alice", GOOD).status_code == 200


# --- people --------------------------------------------------------------------------------------------------


def test_an_administrator_lists_and_finds_people(ada: User, alice: User, api: Client) -> None:
    listed = api(ada).get("/api/v1/users/").json()
    assert [person["username"] for person in listed["results"]] == ["alice", "ada"]
    assert listed["next"] is None
    one = api(ada).get(f"/api/v1/users/{alice.pk}/").json()
    assert (one["state"], one["roles"]) == ("active", ["researcher"])
    assert "password" not in str(listed)
    assert_problem(api(ada).get("/api/v1/users/999999/"), 404, "not_found")


@pytest.mark.parametrize("who", ["alice", "bob", "rita", "charlie"])
@pytest.mark.parametrize("address", ["", "{pk}/", "{pk}/approve/", "{pk}/deactivate/", "{pk}/groups/"])
def test_nobody_else_sees_or_manages_people(
    request: pytest.FixtureRequest, ada: User, api: Client, who: str, address: str
) -> None:
    actor = request.getfixturevalue(who)
    client, path = api(actor), "/api/v1/users/" + address.format(pk=ada.pk)
    answer = client.post(path, {"roles": []}) if address.count("/") > 1 else client.get(path)
    assert "ada" not in assert_problem(answer, 403, "permission_denied")["detail"]
    entry = AuditEntry.objects.get(verb="refused")
    assert (entry.actor_name, (entry.after or {})["verb"].split()[1]) == (who, path)
    ada.refresh_from_db()
    assert (ada.is_active, ada.groups.count()) == (True, 1)


def test_roles_are_set_by_name(ada: User, charlie: User, api: Client) -> None:
    path = f"/api/v1/users/{charlie.pk}/groups/"
    assert api(ada).post(path, {"roles": ["trader"], "reason": "hired"}).json()["roles"] == ["trader"]
    assert "roles" in assert_problem(api(ada).post(path, {"roles": ["emperor"]}), 400, "unknown_role")["fields"]
    assert_problem(api(ada).post(f"/api/v1/users/{ada.pk}/groups/", {"roles": []}), 403, "own_roles")
    assert_problem(api(ada).post(f"/api/v1/users/{ada.pk}/deactivate/", {}), 409, "last_administrator")


def test_reading_a_persons_options_is_no_refusal(rita: User, api: Client) -> None:
    assert api(rita).options("/api/v1/alarms/").status_code == 200
    assert not AuditEntry.objects.exists()


# --- alarms --------------------------------------------------------------------------------------------------


def test_a_risk_officer_sees_and_takes_alarms(rita: User, api: Client) -> None:
    alarm = alarms.raise_alarm("margin", "A1", "80 %", "warning")
    alarms.raise_alarm("gone", "", "over", "info")
    alarms.clear_alarm("gone", "")
    listed = api(rita).get("/api/v1/alarms/?open=true").json()["results"]
    assert [(row["code"], row["count"], row["acknowledged_by"]) for row in listed] == [("margin", 1, None)]
    taken = api(rita).post(f"/api/v1/alarms/{alarm.pk}/acknowledge/", {"note": "mine"})
    assert taken.json()["acknowledged_by"] == "rita"
    assert_problem(api(rita).post(f"/api/v1/alarms/{alarm.pk}/acknowledge/", {}), 409, "not_open")
    assert api(rita).get("/api/v1/alarms/?acknowledged=false").json()["results"][0]["code"] == "gone"


@pytest.mark.parametrize("who", ["alice", "charlie"])
def test_others_see_no_alarm(request: pytest.FixtureRequest, api: Client, who: str) -> None:
    alarm = alarms.raise_alarm("margin", "A1", "80 %", "warning")
    client = api(request.getfixturevalue(who))
    assert_problem(client.get("/api/v1/alarms/"), 403, "permission_denied")
    assert_problem(client.post(f"/api/v1/alarms/{alarm.pk}/acknowledge/", {}), 403, "permission_denied")
    alarm.refresh_from_db()
    assert alarm.acknowledged_at is None


def test_an_access_token_says_nothing_but_who(alice: User) -> None:
    claims = set(AccessToken.for_user(alice).payload)
    assert claims <= {"token_type", "exp", "iat", "jti", "user_id", "hash_password"}
    given = set(DeskAuthentication().get_validated_token(log_in("alice").json()["access"].encode()).payload)
    assert given == claims | {"epoch", "login"}
