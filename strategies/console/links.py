"""The pages of instances, for those pages of trading that name a strategy by its key."""

from django.urls import reverse

from accounts.models import User
from strategies.permissions import visible_instances


def page_of(user: User, key: str) -> str:
    """The address of the instance that orders with this key; empty where the person sees none."""
    found = visible_instances(user).filter(key=key).values_list("pk", flat=True).first()
    return "" if found is None else reverse("admin:strategies_strategyinstance_change", args=[found])
