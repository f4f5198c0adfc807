"""The four roles (groups) and how a migration of any app grants them permissions."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from django.apps.registry import Apps
from django.utils.translation import gettext_lazy

ADMINISTRATOR = "administrator"
RISK_OFFICER = "risk officer"
TRADER = "trader"
RESEARCHER = "researcher"
ROLES = (ADMINISTRATOR, RISK_OFFICER, TRADER, RESEARCHER)
_SHOWN = {
    ADMINISTRATOR: gettext_lazy("administrator"),
    RISK_OFFICER: gettext_lazy("risk officer"),
    TRADER: gettext_lazy("trader"),
    RESEARCHER: gettext_lazy("researcher"),
}


def shown_role(name: str) -> str:
    """A role's name in the reader's language; a group of the desk's own is called what the desk calls it."""
    return str(_SHOWN.get(name, name))


def grant_role_permissions(apps: Apps, mapping: Mapping[str, Iterable[str]]) -> None:
    """Give each role the permissions ``app.codename`` listed for it; call it from a migration's ``RunPython``.

    Administrators get everything in the mapping and the full set of every app named in it. Rows of
    permissions that ``post_migrate`` has not made yet are made. Repeating it changes nothing. Raises
    ``LookupError`` for a permission that no model of the app declares, at the state of the migration.
    """
    for role, names in _with_administrator(apps, mapping).items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=role)
        group.permissions.add(*(_permission(apps, name) for name in names))


def revoke_role_permissions(apps: Apps, mapping: Mapping[str, Iterable[str]]) -> None:
    """The way back from ``grant_role_permissions`` with the same mapping."""
    for role, names in _with_administrator(apps, mapping).items():
        group = apps.get_model("auth", "Group").objects.filter(name=role).first()
        if group is not None:
            group.permissions.remove(*(_permission(apps, name) for name in names))


def _with_administrator(apps: Apps, mapping: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    wanted = {role: list(names) for role, names in mapping.items()}
    if unknown := set(wanted) - set(ROLES):
        raise LookupError(f"no such role: {', '.join(sorted(unknown))}; there are {', '.join(ROLES)}")
    everything = {name for names in wanted.values() for name in names}
    labels = {name.partition(".")[0] for name in everything}
    full = {f"{label}.{codename}" for label in labels for codename in _declared(apps, label)}
    wanted[ADMINISTRATOR] = sorted(everything | full)
    return wanted


def _declared(apps: Apps, label: str) -> dict[str, tuple[str, str]]:
    """Codename -> (model name, name for people) of every permission that an app's models declare."""
    found: dict[str, tuple[str, str]] = {}
    for model in apps.get_app_config(label).get_models():
        meta = model._meta
        for action in meta.default_permissions:
            found[f"{action}_{meta.model_name}"] = (str(meta.model_name), f"Can {action} {meta.verbose_name_raw}")
        for codename, name in meta.permissions:
            found[codename] = (str(meta.model_name), str(name))
    return found


def _permission(apps: Apps, full_name: str) -> Any:
    label, _, codename = full_name.partition(".")
    declared = _declared(apps, label)
    if codename not in declared:
        hint = get_close_matches(codename, declared, n=1)
        raise LookupError(f"no permission {full_name!r}" + (f": did you mean {label}.{hint[0]}?" if hint else ""))
    model_name, name = declared[codename]
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label=label, model=model_name
    )
    permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=content_type, codename=codename, defaults={"name": name}
    )
    return permission
