"""The console's pages about people: who sees what, and that every change leaves its trace."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from accounts import alarms
from accounts.audit_verify import verify
from accounts.models import Alarm, AuditEntry, User
from accounts.roles import ADMINISTRATOR, RESEARCHER, TRADER
from quantsite.testing.cast import PASSWORD

pytestmark = pytest.mark.django_db

GOOD = "a long enough pass phrase"
PAGES = ["accounts_user", "auth_group", "accounts_auditentry", "accounts_alarm", "axes_accessattempt"]


def console(user: User) -> Client:
    """A browser in which ``user`` is logged in."""
    client = Client()
    client.force_login(user)
    return client


def dialog(client: Client, user: User, verb: str, **said: Any) -> Any:
    """Send a dialog of a person's page."""
    path = reverse(f"admin:accounts_user_{verb}", args=[user.pk])
    return client.post(path, {"_form_submitted": "on", **said})


def last(verb: str) -> AuditEntry:
    """The newest entry of a verb."""
    return AuditEntry.objects.filter(verb=verb).order_by("-seq")[0]


@pytest.mark.embedded
@pytest.mark.parametrize("page", PAGES)
def test_an_administrator_opens_every_page(ada: User, page: str) -> None:
    alarms.raise_alarm("margin", "A1", "80 %", "critical")
    client = console(ada)
    answer = client.get(reverse(f"admin:{page}_changelist"))
    assert answer.status_code == 200
    assert b"pbkdf2" not in answer.content
    assert b"md5$" not in answer.content


@pytest.mark.parametrize(("who", "seen"), [("rita", PAGES[2:4]), ("bob", []), ("alice", [])])
def test_the_others_open_what_was_granted(request: pytest.FixtureRequest, who: str, seen: list[str]) -> None:
    client = console(request.getfixturevalue(who))
    opened = {page: client.get(reverse(f"admin:{page}_changelist")).status_code for page in PAGES}
    assert opened == {page: 200 if page in seen else 403 for page in PAGES}
    refused = AuditEntry.objects.filter(verb="refused")
    assert refused.count() == len(PAGES) - len(seen)
    assert {entry.actor_name for entry in refused} <= {who}


def test_somebody_without_a_role_meets_the_login_page(charlie: User) -> None:
    answer = console(charlie).get(reverse("admin:accounts_user_changelist"))
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, reverse("admin:login"))


def test_only_the_right_password_tells_that_a_role_is_missing(charlie: User) -> None:
    for password, told in ((PASSWORD, True), ("wrong", False)):
        answer = Client().post(reverse("admin:login"), {"username": "charlie", "password": password})
        assert answer.status_code == 200
        assert ("has no role yet" in answer.content.decode()) is told


def test_a_login_at_the_console_is_written_down_and_locked_after_failures(ada: User) -> None:
    client = Client()
    form = {"username": "ada", "password": PASSWORD}
    assert client.post(reverse("admin:login"), form).status_code == 302
    assert last("login").actor == ada
    assert client.post(reverse("admin:logout")).status_code in (200, 302)
    assert last("logout").actor == ada
    codes = [client.post(reverse("admin:login"), {**form, "password": "wrong"}).status_code for _ in range(5)]
    assert codes == [200] * 4 + [429]
    assert client.post(reverse("admin:login"), form).status_code == 429
    assert AuditEntry.objects.filter(verb="login.locked").count() == 1


def test_approving_and_deactivating_ask_why(ada: User, charlie: User) -> None:
    client = console(ada)
    assert dialog(client, charlie, "deactivate", reason="").status_code == 200
    assert User.objects.get(pk=charlie.pk).is_active
    answer = dialog(client, charlie, "deactivate", reason="left")
    assert answer.headers["HX-Redirect"] == reverse("admin:accounts_user_change", args=[charlie.pk])
    assert not User.objects.get(pk=charlie.pk).is_active
    assert (last("user.deactivate").after or {})["reason"] == "left"
    dialog(client, charlie, "approve", reason="back")
    assert User.objects.get(pk=charlie.pk).is_active
    page = client.get(reverse("admin:accounts_user_change", args=[charlie.pk])).content.decode()
    assert reverse("admin:accounts_user_deactivate", args=[charlie.pk]) in page
    assert reverse("admin:accounts_user_approve", args=[charlie.pk]) not in page


def test_a_broken_rule_stays_in_the_dialog(ada: User) -> None:
    answer = dialog(console(ada), ada, "deactivate", reason="tired")
    assert "HX-Redirect" not in answer.headers
    assert "last administrator" in answer.content.decode()
    ada.refresh_from_db()
    assert ada.is_active


def test_roles_and_passwords_change_by_dialogs(ada: User, charlie: User) -> None:
    client = console(ada)
    roles = Group.objects.filter(name__in=[TRADER, RESEARCHER])
    dialog(client, charlie, "set_roles", roles=[group.pk for group in roles], reason="two hats")
    assert sorted(charlie.groups.values_list("name", flat=True)) == [RESEARCHER, TRADER]
    weak = dialog(client, charlie, "reset_password", password="12345")
    assert "too short" in weak.content.decode()
    dialog(client, charlie, "reset_password", password=GOOD)
    charlie.refresh_from_db()
    assert charlie.check_password(GOOD)
    assert last("user.reset_password").actor == ada
    assert GOOD not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("verb", ["approve", "deactivate", "set_roles", "reset_password"])
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("who", ["alice", "bob", "rita"])
def test_dialogs_are_for_administrators(
    request: pytest.FixtureRequest, ada: User, verb: str, method: str, who: str
) -> None:
    client = console(request.getfixturevalue(who))
    before = User.objects.filter(pk=ada.pk).values().get()
    path = reverse(f"admin:accounts_user_{verb}", args=[ada.pk])
    said = {"_form_submitted": "on", "reason": "x", "password": GOOD}
    assert getattr(client, method)(path, said).status_code == 403
    assert User.objects.filter(pk=ada.pk).values().get() == before
    assert last("refused").actor_name == who


@pytest.mark.parametrize("name", ["abc", "999999999", "99999999999999999999999"])
@pytest.mark.parametrize("verb", ["approve", "deactivate", "set_roles", "reset_password"])
def test_a_dialog_on_nobody_is_not_found(ada: User, verb: str, name: str) -> None:
    said = {"_form_submitted": "on", "reason": "x", "password": GOOD}
    assert console(ada).post(f"/admin/accounts/user/{name}/{verb}/", said).status_code == 404


def test_an_administrator_has_no_dialog_on_their_own_roles_and_password(ada: User) -> None:
    client = console(ada)
    for verb in ("set_roles", "reset_password"):
        assert dialog(client, ada, verb, reason="x", password=GOOD).status_code == 403
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


def test_a_new_person_is_made_by_the_verb(ada: User) -> None:
    client = console(ada)
    path = reverse("admin:accounts_user_add")
    trader = Group.objects.get(name=TRADER)
    form = {"username": "dora", "email": "d@example.com", "password": GOOD, "roles": [trader.pk]}
    assert client.post(path, {**form, "password": "weak"}).status_code == 302
    assert not User.objects.filter(username="dora").exists()
    answer = client.post(path, form)
    dora = User.objects.get(username="dora")
    assert answer.headers["Location"] == reverse("admin:accounts_user_changelist")
    assert (dora.is_active, dora.is_staff, dora.check_password(GOOD)) == (True, True, True)
    assert list(dora.groups.all()) == [trader]
    entry = AuditEntry.objects.get(verb="user.create")
    assert (entry.actor_name, entry.object_text) == ("ada", "dora")
    assert not AuditEntry.objects.filter(verb="admin.add").exists()


def test_a_save_says_what_changed(ada: User, charlie: User) -> None:
    client = console(ada)
    form = {"first_name": "Charles", "last_name": "", "email": "new@example.com", "language": "", "is_superuser": "on"}
    client.post(reverse("admin:accounts_user_change", args=[charlie.pk]), form)
    entry = last("admin.change")
    assert entry.before == {"first_name": "", "email": "charlie@example.com"}
    assert entry.after == {"first_name": "Charles", "email": "new@example.com"}
    charlie.refresh_from_db()
    assert (charlie.is_superuser, charlie.username) == (False, "charlie")


def test_a_language_that_nobody_speaks_is_refused(ada: User, charlie: User) -> None:
    client = console(ada)
    path = reverse("admin:accounts_user_change", args=[charlie.pk])
    assert client.post(path, {"language": "tlh"}).status_code == 200
    assert client.post(path, {"language": "zh-hans"}).status_code == 302
    assert User.objects.get(pk=charlie.pk).language == "zh-hans"


def test_people_are_never_deleted(ada: User, charlie: User) -> None:
    client = console(ada)
    assert client.post(reverse("admin:accounts_user_delete", args=[charlie.pk]), {"post": "yes"}).status_code == 403
    client.post(
        reverse("admin:accounts_user_changelist"),
        {"action": "delete_selected", "_selected_action": [charlie.pk], "post": "yes"},
    )
    assert User.objects.filter(pk=charlie.pk).exists()


def test_a_role_is_edited_on_record_but_not_by_its_members(ada: User) -> None:
    client = console(ada)
    researcher, administrator = (Group.objects.get(name=name) for name in (RESEARCHER, "administrator"))
    permission = Permission.objects.get(codename="view_alarm")
    before = sorted(str(item) for item in researcher.permissions.all())
    form = {"permissions": [permission.pk], "name": "renamed"}
    client.post(reverse("admin:auth_group_change", args=[researcher.pk]), form)
    researcher.refresh_from_db()
    assert (researcher.name, list(researcher.permissions.all())) == (RESEARCHER, [permission])
    entry = last("admin.change")
    assert (entry.before, entry.after) == ({"permissions": before}, {"permissions": [str(permission)]})
    own = reverse("admin:auth_group_change", args=[administrator.pk])
    count = administrator.permissions.count()
    assert client.post(own, form).status_code == 403
    assert client.post(reverse("admin:auth_group_delete", args=[researcher.pk]), {"post": "yes"}).status_code == 403
    assert (administrator.permissions.count(), Group.objects.count()) == (count, 4)


def test_nobody_gives_a_role_more_than_they_have(bob: User) -> None:
    researcher = Group.objects.get(name=RESEARCHER)
    own = Permission.objects.filter(codename__in=["view_group", "change_group"])
    bob.user_permissions.set([*own, *researcher.permissions.all()])
    before = set(researcher.permissions.all())
    path = reverse("admin:auth_group_change", args=[researcher.pk])
    answer = console(bob).post(path, {"permissions": [Permission.objects.get(codename="approve_user").pk]})
    assert (answer.status_code, answer.headers["Location"]) == (302, path)
    assert "may not do yourself" in str(next(iter(get_messages(answer.wsgi_request))))
    assert set(researcher.permissions.all()) == before
    assert last("refused").actor_name == "bob"
    assert verify().intact


def test_a_refusal_inside_a_page_stays_on_record_though_the_page_is_undone(bob: User) -> None:
    own = Permission.objects.filter(codename__in=["view_user", "add_user", "assign_groups"])
    bob.user_permissions.set(own)
    administrator = Group.objects.get(name=ADMINISTRATOR)
    path = reverse("admin:accounts_user_add")
    form = {"username": "dora", "email": "", "password": GOOD, "roles": [administrator.pk]}
    answer = console(bob).post(path, form)
    assert (answer.status_code, answer.headers["Location"]) == (302, path)
    assert not User.objects.filter(username="dora").exists()
    [entry] = AuditEntry.objects.filter(verb="refused")
    assert entry.actor_name == "bob"
    assert entry.after is not None
    assert entry.after["verb"] == "user.create"
    assert entry.after["reason"].startswith("above the actor: accounts.")
    assert verify().intact


def test_the_audit_trail_is_read_only_and_says_when_it_was_checked(rita: User) -> None:
    client = console(rita)
    path = reverse("admin:accounts_auditentry_changelist")
    assert "never verified" in client.get(path).content.decode()
    entry = AuditEntry.objects.get(verb="login")
    page = reverse("admin:accounts_auditentry_change", args=[entry.seq])
    assert entry.hash in client.get(page).content.decode()
    assert client.post(page, {"verb": "x"}).status_code == 403
    assert (
        client.post(reverse("admin:accounts_auditentry_delete", args=[entry.seq]), {"post": "yes"}).status_code == 403
    )
    assert client.get(reverse("admin:accounts_auditentry_add")).status_code == 403
    assert AuditEntry.objects.get(seq=entry.seq).verb == "login"


def test_an_alarm_is_taken_with_a_note(rita: User) -> None:
    alarm = alarms.raise_alarm("margin", "A1", "80 %", "critical")
    client = console(rita)
    listed = client.get(reverse("admin:accounts_alarm_changelist")).content.decode()
    assert reverse("admin:accounts_alarm_acknowledge", args=[alarm.pk]) in listed
    path = reverse("admin:accounts_alarm_acknowledge", args=[alarm.pk])
    client.post(path, {"_form_submitted": "on", "note": "calling the trader"})
    assert Alarm.objects.get().acknowledged_by == rita
    assert last("alarm.acknowledge").after == {"note": "calling the trader"}
    assert client.get(path).status_code == 403


@pytest.mark.parametrize("page", ["token_blacklist_outstandingtoken", "axes_accesslog", "axes_accessfailurelog"])
def test_tokens_and_login_logs_have_no_page(ada: User, page: str) -> None:
    app, model = page.rsplit("_", 1)
    assert console(ada).get(f"/admin/{app}/{model}/").status_code == 404


def test_people_cannot_be_filtered_by_what_is_hidden(ada: User) -> None:
    client = Client()
    client.force_login(ada)

    by_name = client.get("/admin/accounts/user/", {"username__startswith": "ad"})
    by_hash = client.get("/admin/accounts/user/", {"password__startswith": ada.password[:20]})

    assert by_name.status_code == 200
    assert by_hash.status_code == 400


def test_a_role_above_the_editor_cannot_be_emptied(charlie: User) -> None:
    give = Permission.objects.filter(codename__in=["view_group", "change_group"], content_type__app_label="auth")
    charlie.user_permissions.set(give)
    User.objects.filter(pk=charlie.pk).update(is_staff=True)
    role = Group.objects.get(name="administrator")
    before = role.permissions.count()
    client = Client()
    client.force_login(charlie)

    answer = client.post(f"/admin/auth/group/{role.pk}/change/", {"permissions": []})

    assert answer.status_code == 403
    assert role.permissions.count() == before > 0
