"""The alarms about files of ticks; docs/runbook.md says what to do about them."""

import structlog
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm, raise_alarm, register_kind
from accounts.models import Severity
from quantsite.common.texts import Kept

log = structlog.get_logger(__name__)

TICK_ARCHIVE_FAILED = register_kind("tick_archive_failed", _("Ticks could not be moved to files"))
FAILED = gettext_noop("The ticks of %(day)s stay in the database: %(reason)s")
TICK_FILE_DAMAGED = register_kind("tick_file_damaged", _("A file of ticks is missing or damaged"))
IS_DAMAGED = gettext_noop("%(path)s: %(reason)s")


def tell_archive_failed(subject: str, reason: str | Kept) -> None:
    """Raise the alarm that the ticks of ``subject`` (contract and trading day) could not be moved."""
    raise_alarm(TICK_ARCHIVE_FAILED, subject, FAILED, Severity.WARNING, {"day": subject, "reason": reason})


def archive_succeeded(subject: str) -> None:
    """Clear it."""
    clear_alarm(TICK_ARCHIVE_FAILED, subject)


def tell_file_damaged(path: str, reason: Kept) -> None:
    """Raise the alarm that a file of the catalogue is not what it should be: ticks cannot be read."""
    log.error("file of ticks damaged", path=path, reason=str(reason))
    raise_alarm(TICK_FILE_DAMAGED, path, IS_DAMAGED, Severity.CRITICAL, {"path": path, "reason": reason})
