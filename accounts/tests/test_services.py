"""The verbs of people: what each does, whom it refuses, and that a refusal changes nothing."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken
from rest_framework_simplejwt.tokens import RefreshToken

from accounts import services
from accounts.models import AuditEntry, User
from accounts.roles import ADMINISTRATOR, RESEARCHER, TRADER
from quantsite.common.errors import ConflictError, RefusedError, RuleError

pytestmark = pytest.mark.django_db

GOOD = "a long enough pass phrase"


def state(user: User) -> dict[str, Any]:
    """All that the verbs of people may change."""
    user = User.objects.get(pk=user.pk)
    fields = ("username", "is_active", "is_staff", "is_superuser", "password", "login_epoch", "email", "language")
    return {name: getattr(user, name) for name in fields} | {
        "roles": sorted(user.groups.values_list("name", flat=True))
    }


def verbs() -> list[str]:
    """Verbs of the audit trail in order."""
    return list(AuditEntry.objects.order_by("seq").values_list("verb", flat=True))


@pytest.mark.embedded
def test_registration_waits_for_approval(ada: User) -> None:
    user = services.register_user("dora", GOOD, "dora@example.com")
    assert user is not None
    assert (user.state, user.is_staff, user.check_password(GOOD)) == ("waiting", False, True)
    approved = services.approve_user(ada, user, "hired")
    assert (approved.state, approved.groups.count()) == ("active", 0)
    assert verbs() == ["user.register", "user.approve"]
    entry = AuditEntry.objects.get(verb="user.approve")
    assert (entry.actor_name, entry.object_text, entry.after) == ("ada", "dora", {"is_active": True, "reason": "hired"})
    with pytest.raises(ConflictError):
        services.approve_user(ada, user)


@pytest.mark.parametrize("name", ["alice", "ALICE", "Alice"])
def test_a_taken_name_makes_nobody(alice: User, name: str) -> None:
    before = state(alice)
    assert services.register_user(name, GOOD) is None
    assert User.objects.count() == 1
    assert (state(alice), verbs()) == (before, [])


@pytest.mark.parametrize(
    ("name", "password", "field"),
    [
        ("dora", "short", "password"),
        ("dora", "12345678901234", "password"),
        ("do ra", GOOD, "username"),
        ("", GOOD, "username"),
    ],
)
def test_an_unacceptable_registration_says_what_is_wrong(name: str, password: str, field: str) -> None:
    with pytest.raises(RuleError) as refused:
        services.register_user(name, password)
    assert list(refused.value.fields) == [field]
    assert (User.objects.count(), verbs()) == (0, [])


def test_deactivation_ends_tokens_and_sessions(ada: User, alice: User) -> None:
    refresh = RefreshToken.for_user(alice)
    before = alice.get_session_auth_hash()
    services.deactivate_user(ada, alice, "left")
    alice.refresh_from_db()
    assert not alice.is_active
    assert alice.get_session_auth_hash() != before
    assert BlacklistedToken.objects.get().token.jti == refresh["jti"]
    entry = AuditEntry.objects.get(verb="user.deactivate")
    assert entry.after == {"is_active": False, "reason": "left", "refresh_blacklisted": 1}
    with pytest.raises(ConflictError):
        services.deactivate_user(ada, alice)


@pytest.mark.parametrize("verb", ["approve_user", "deactivate_user", "set_groups", "reset_password", "create_user"])
@pytest.mark.parametrize("who", ["alice", "bob", "rita", "charlie"])
def test_only_administrators_manage_people(request: pytest.FixtureRequest, who: str, verb: str) -> None:
    actor = request.getfixturevalue(who)
    target = services.create_user(None, "dora", GOOD, [TRADER])
    before = state(target)
    arguments = {
        "approve_user": (actor, target),
        "deactivate_user": (actor, target),
        "set_groups": (actor, target, [RESEARCHER]),
        "reset_password": (actor, target, GOOD + "!"),
        "create_user": (actor, "erik", GOOD, [TRADER]),
    }[verb]
    with pytest.raises(RefusedError):
        getattr(services, verb)(*arguments)
    assert state(target) == before
    assert not User.objects.filter(username="erik").exists()
    assert AuditEntry.objects.get(verb="refused").actor_name == who


def test_the_last_administrator_stays(ada: User, alice: User) -> None:
    before = state(ada)
    with pytest.raises(ConflictError, match="last administrator"):
        services.deactivate_user(ada, ada)
    with pytest.raises(ConflictError, match="last administrator"):
        services.set_groups(None, ada, [TRADER])
    assert state(ada) == before
    services.set_groups(ada, alice, [ADMINISTRATOR])
    services.deactivate_user(alice, ada)
    assert not User.objects.get(pk=ada.pk).is_active
    inactive = services.create_user(None, "dora", GOOD, [ADMINISTRATOR])
    services.deactivate_user(alice, inactive)
    with pytest.raises(ConflictError, match="last administrator"):
        services.deactivate_user(None, alice)


def test_roles_are_set_and_open_the_console(ada: User, charlie: User) -> None:
    services.set_groups(ada, charlie, [TRADER, RESEARCHER], "two hats")
    assert state(charlie)["roles"] == [RESEARCHER, TRADER]
    assert state(charlie)["is_staff"]
    services.set_groups(ada, charlie, [])
    assert (state(charlie)["roles"], state(charlie)["is_staff"]) == ([], False)
    first = AuditEntry.objects.get(seq=1)
    assert (first.before, first.after) == ({"roles": []}, {"roles": [RESEARCHER, TRADER], "reason": "two hats"})


def test_an_unknown_role_is_named(ada: User, charlie: User) -> None:
    with pytest.raises(RuleError, match="emperor") as refused:
        services.set_groups(ada, charlie, ["emperor", TRADER])
    assert "roles" in refused.value.fields
    assert state(charlie)["roles"] == []


def test_nobody_raises_himself(ada: User, alice: User) -> None:
    for actor in (ada, alice):
        before = state(actor)
        with pytest.raises(RefusedError):
            services.set_groups(actor, actor, [ADMINISTRATOR, TRADER])
        assert state(actor) == before
    # Somebody with the permission alone gives no more than they have.
    alice.user_permissions.add(Permission.objects.get(codename="assign_groups"))
    dora = services.create_user(None, "dora", GOOD, [])
    alice = User.objects.get(pk=alice.pk)
    with pytest.raises(RefusedError):
        services.set_groups(alice, dora, [ADMINISTRATOR])
    with pytest.raises(RefusedError):
        services.set_groups(alice, ada, [])
    assert (state(dora)["roles"], state(ada)["roles"]) == ([], [ADMINISTRATOR])


def test_a_superuser_is_above_an_administrator(ada: User) -> None:
    root = User.objects.create_superuser("root", password=GOOD)
    before = state(root)
    with pytest.raises(RefusedError):
        services.reset_password(ada, root, "another long pass phrase")
    with pytest.raises(RefusedError):
        services.set_groups(ada, root, [TRADER])
    assert state(root) == before
    refused = AuditEntry.objects.filter(verb="refused").values_list("after__verb", "object_id")
    assert sorted(refused) == [("user.reset_password", str(root.pk)), ("user.set_roles", str(root.pk))]


def test_changing_ones_password_needs_the_old_one_and_ends_the_rest(alice: User) -> None:
    alice.set_password(GOOD)
    alice.save()
    RefreshToken.for_user(alice)
    before = state(alice)
    with pytest.raises(RuleError) as refused:
        services.change_password(alice, "wrong", "another long pass phrase")
    assert list(refused.value.fields) == ["old_password"]
    with pytest.raises(RuleError) as refused:
        services.change_password(alice, GOOD, "alice")
    assert list(refused.value.fields) == ["new_password"]
    assert (state(alice), verbs()) == (before, [])
    services.change_password(alice, GOOD, "another long pass phrase")
    changed = User.objects.get(pk=alice.pk)
    assert changed.check_password("another long pass phrase")
    assert changed.get_session_auth_hash() != alice.get_session_auth_hash()
    assert BlacklistedToken.objects.count() == 1
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.before, entry.after) == ("user.change_password", None, None)


def test_a_profile_changes_and_says_what(alice: User) -> None:
    services.update_profile(alice, email="a@example.org", language="zh-hans")
    services.update_profile(alice, email="a@example.org")
    assert state(alice)["language"] == "zh-hans"
    entry = AuditEntry.objects.get()
    assert entry.before == {"email": "alice@example.com", "language": ""}
    assert entry.after == {"email": "a@example.org", "language": "zh-hans"}


def test_logout_ends_one_token_or_all(alice: User, bob: User) -> None:
    one, two, others = (RefreshToken.for_user(user) for user in (alice, alice, bob))
    with pytest.raises(RuleError):
        services.logout(alice, str(others))
    with pytest.raises(RuleError):
        services.logout(alice, "nonsense")
    assert (BlacklistedToken.objects.count(), verbs()) == (0, [])
    services.logout(alice, str(one))
    with pytest.raises(RuleError):
        services.logout(alice, str(one))
    services.logout(alice)
    blacklisted = set(BlacklistedToken.objects.values_list("token__jti", flat=True))
    assert blacklisted == {one["jti"], two["jti"]}
    assert [entry.after for entry in AuditEntry.objects.order_by("seq")] == [
        {"everywhere": False},
        {"everywhere": True},
    ]


def test_object_permissions_are_granted_and_taken_back_on_record(ada: User, bob: User) -> None:
    group = Group.objects.create(name="desk A")
    services.grant_object_permission(ada, "auth.view_group", bob, group)
    bob = User.objects.get(pk=bob.pk)
    assert bob.has_perm("auth.view_group", group)
    assert not bob.has_perm("auth.view_group", Group.objects.get(name=TRADER))
    services.revoke_object_permission(ada, "auth.view_group", bob, group)
    assert not User.objects.get(pk=bob.pk).has_perm("auth.view_group", group)
    assert verbs() == ["permission.grant", "permission.revoke"]
    granted = AuditEntry.objects.get(verb="permission.grant")
    assert (granted.object_text, granted.after) == ("desk A", {"permission": "auth.view_group", "to": "bob"})


def test_a_name_in_use_is_a_conflict(ada: User, alice: User) -> None:
    with pytest.raises(ConflictError):
        services.create_user(ada, "Alice", GOOD, [TRADER])
    assert (User.objects.count(), verbs()) == (2, [])


@pytest.mark.parametrize("name", ["system", "System", "anonymous"])
def test_nobody_takes_the_names_of_the_audit_trail(name: str) -> None:
    with pytest.raises(RuleError) as caught:
        services.register_user(name, GOOD)
    assert "username" in caught.value.fields
    assert not User.objects.filter(username=name).exists()
