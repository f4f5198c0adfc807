"""The one number by which gateways see that limits, stops, account terms or plans have changed."""

from functools import partial

from django.db import transaction

from marketdata.rate_changes import listen
from trading.limit_models import RiskRevision
from trading.wake import announce_risk


def hold() -> RiskRevision:
    """The row, locked until the caller's transaction ends: changes of risk follow one another, none is read half.

    Call it before anything is read that a change is decided from.
    """
    return RiskRevision.objects.select_for_update().get_or_create(pk=1)[0]


def bump(*, rates: bool = False) -> int:
    """Count up and tell every gateway once the caller's transaction is committed; gives the new number.

    ``rates``: what changed are rates of commission or margin.
    """
    row = hold()
    row.number += 1
    row.rates += rates
    row.save(update_fields=["number", "rates"])
    transaction.on_commit(partial(announce_risk, row.number))
    return row.number


listen(partial(bump, rates=True))
