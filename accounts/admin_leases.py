"""The console's page about leases: which process may publish or trade, and until when."""

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_base import ReadOnlyModelAdmin
from accounts.models import Lease


def _held(_page: Any, lease: Lease) -> bool:
    """Whether it has not ended."""
    return lease.expires_at is not None and lease.expires_at > timezone.now()


@admin.register(Lease)
class LeaseAdmin(ReadOnlyModelAdmin):
    """Leases; processes take and renew them, nobody else."""

    list_display = ["name", "holder", "epoch", "shown_held", "taken_at", "expires_at"]
    search_fields = ["name", "holder"]
    shown_held = display(description=_("Held"), boolean=True)(_held)
