"""Row locks of this app. Order: the administrators' group, then users by key, then other rows, audit head last."""

from django.contrib.auth.models import Group
from django.utils.translation import gettext as _

from accounts.models import Alarm, User
from accounts.roles import ADMINISTRATOR
from quantsite.common.errors import MissingError


def lock_user(pk: int) -> User:
    """The person's row, locked. Raises ``MissingError``."""
    user = User.objects.select_for_update().filter(pk=pk).first()
    if user is None:
        raise MissingError("unknown_user", _("There is no person %(id)s.") % {"id": pk})
    return user


def lock_administrators() -> None:
    """Make every change to who administers wait for this one, so that no two remove the last two."""
    Group.objects.select_for_update().get(name=ADMINISTRATOR)


def lock_alarm(pk: int) -> Alarm:
    """The alarm's row, locked. Raises ``MissingError``."""
    alarm = Alarm.objects.select_for_update().filter(pk=pk).first()
    if alarm is None:
        raise MissingError("unknown_alarm", _("There is no alarm %(id)s.") % {"id": pk})
    return alarm
