"""How a feed logs in for market data: set by administrators, its secrets sealed and told to nobody."""

from typing import TYPE_CHECKING

from django.db import transaction

from accounts.audit import record
from accounts.permissions import require
from marketdata.live_models import FeedLogin

if TYPE_CHECKING:
    from accounts.models import User


CLOCK = "around_the_clock"


def set_feed_login(actor: "User | None", source: str, **given: object) -> FeedLogin:
    """The login of a source with what is given changed; a secret that is '' stays.

    Raises ``RefusedError``, ``ValidationError``, ``RuleError`` for a field that does not fit.
    """
    require(actor, "marketdata.change_feedlogin")
    with transaction.atomic():
        login = FeedLogin.objects.select_for_update().filter(source=source).first()
        before = login.told() if login else None
        login = login or FeedLogin(source=source)
        login.take({name: value for name, value in given.items() if name != CLOCK})
        login.around_the_clock = bool(given.get(CLOCK, login.around_the_clock))
        login.clean_fields()
        login.save()
        after = {**login.told(), CLOCK: login.around_the_clock}
        record(actor, "feed_login.set", login, before=before, after=after)
    return login
