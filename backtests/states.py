"""Where a piece of work stands and how long a silent worker keeps it: the same for runs and optimisations."""

from datetime import timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

LEASE = timedelta(seconds=30)
"""How long a silent worker keeps a run; renewed at progress, so 60 renewals may fail before another takes over."""

MAX_ATTEMPTS = 3
"""Runs that killed this many workers are given up: the fourth would most likely die too."""


class RunStatus(models.TextChoices):
    """Where a run stands; what is stored never depends on the language."""

    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


OPEN_STATES = (RunStatus.QUEUED, RunStatus.RUNNING)
FINAL_STATES = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)
