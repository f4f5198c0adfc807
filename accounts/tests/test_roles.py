"""Roles and their permissions, as migrations grant them."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from accounts.models import User
from accounts.roles import (
    ADMINISTRATOR,
    RESEARCHER,
    RISK_OFFICER,
    ROLES,
    grant_role_permissions,
    revoke_role_permissions,
)

pytestmark = pytest.mark.django_db


def granted(role: str) -> set[str]:
    """Full names of a role's permissions."""
    pairs = Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
    return {f"{label}.{codename}" for label, codename in pairs}


def test_the_four_roles_are_there_after_migrate() -> None:
    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)
    assert {"accounts.view_alarm", "accounts.acknowledge_alarm", "accounts.view_auditentry"} <= granted(RISK_OFFICER)
    assert {"accounts.approve_user", "accounts.assign_groups", "accounts.view_auditentry"} <= granted(ADMINISTRATOR)
    assert not any(name.startswith("accounts.") for name in granted(RESEARCHER))


def test_administrators_may_all_that_anybody_may() -> None:
    for role in ROLES:
        assert granted(role) <= granted(ADMINISTRATOR)


def test_granting_twice_is_granting_once_and_can_be_taken_back() -> None:
    before = granted(RESEARCHER)
    mapping = {RESEARCHER: ["accounts.view_alarm"]}
    grant_role_permissions(apps, mapping)
    number = Permission.objects.count()
    grant_role_permissions(apps, mapping)
    assert granted(RESEARCHER) == before | {"accounts.view_alarm"}
    assert Permission.objects.count() == number
    revoke_role_permissions(apps, mapping)
    assert granted(RESEARCHER) == before


def test_permissions_not_made_yet_are_made() -> None:
    Permission.objects.filter(codename="acknowledge_alarm").delete()
    grant_role_permissions(apps, {RISK_OFFICER: ["accounts.acknowledge_alarm"]})
    assert Permission.objects.get(codename="acknowledge_alarm").name == "Can acknowledge an alarm"
    assert "accounts.acknowledge_alarm" in granted(RISK_OFFICER) & granted(ADMINISTRATOR)


@pytest.mark.parametrize("mapping", [{RESEARCHER: ["accounts.view_alrm"]}, {"emperor": ["accounts.view_alarm"]}])
def test_a_misspelt_permission_or_role_stops_the_migration(mapping: dict[str, list[str]]) -> None:
    before = granted(RESEARCHER)
    with pytest.raises(LookupError, match=r"did you mean accounts\.view_alarm|no such role: emperor"):
        grant_role_permissions(apps, mapping)
    assert granted(RESEARCHER) == before


def test_somebody_without_a_role_may_nothing(charlie: User) -> None:
    assert charlie.get_all_permissions() == set()
