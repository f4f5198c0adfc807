"""What the hub asks the database, always off its loop."""

import os
import socket
from collections.abc import Iterable
from pathlib import Path

import structlog
from django.db.models import Q

from accounts.models import User
from marketdata.domain.bars import BarSeries
from marketdata.domain.contract import Contract
from marketdata.domain.sessions import SessionTable
from marketdata.instruments import contract_of, find_instrument, session_table
from marketdata.klines import read_klines
from marketdata.live_models import Subscription
from marketdata.models import Instrument
from quantsite.common.errors import RuleError

log = structlog.get_logger(__name__)

OWNER = "hub:"


def who_sees_ticks(user_ids: Iterable[int]) -> dict[int, bool]:
    """Whether each user is active and holds ``marketdata.view_tick``, by one question for all.

    ``has_perm`` reads every permission that a user has, which a thousand sockets that are proved every half
    minute would pay for.
    """
    named = {"codename": "view_tick", "content_type__app_label": "marketdata"}
    own = {f"user_permissions__{name}": value for name, value in named.items()}
    by_role = {f"groups__permissions__{name}": value for name, value in named.items()}
    holders = Q(is_superuser=True) | Q(**own) | Q(**by_role)
    asked = set(user_ids)
    found = set(User.objects.filter(holders, pk__in=asked, is_active=True).values_list("pk", flat=True))
    return {user_id: user_id in found for user_id in asked}


def check_instrument(code: str) -> None:
    """Raise ``MissingError`` ``unknown_instrument``, with the likely one, unless the instrument is stored."""
    find_instrument(code)


def last_bars(code: str, interval: str, limit: int | None) -> BarSeries:
    """The last ``limit`` closed bars that are stored, or can be made of stored ones; all of them for None."""
    return read_klines(code, interval, limit=limit).bars


def contracts(codes: Iterable[str]) -> list[Contract]:
    """The contracts of those codes that are stored and whose hours are known; one table a product."""
    tables: dict[int, SessionTable | None] = {}
    found = []
    for instrument in Instrument.objects.filter(code__in=list(codes)).select_related("product__exchange"):
        product = instrument.product
        if product.pk not in tables:
            tables[product.pk] = _table(instrument)
        table = tables[product.pk]
        if table is not None:
            found.append(contract_of(instrument, table))
    return found


def _table(instrument: Instrument) -> SessionTable | None:
    try:
        return session_table(instrument.product)
    except RuleError as error:
        log.warning("no forming bars", product=str(instrument.product), reason=error.text)
        return None


def owner_here() -> str:
    """As whom this process asks for ticks."""
    return f"{OWNER}{socket.gethostname()[:50]}:{os.getpid()}"


def want(codes: set[str]) -> None:
    """Make the rows of this process be exactly those of ``codes``: feeds subscribe what is asked for."""
    mine = Subscription.objects.filter(owner=owner_here())
    mine.exclude(instrument__code__in=codes).delete()
    there = set(mine.values_list("instrument__code", flat=True))
    rows = Instrument.objects.filter(code__in=codes - there)
    Subscription.objects.bulk_create(
        [Subscription(owner=owner_here(), instrument=row) for row in rows], ignore_conflicts=True
    )


def clear_stale() -> int:
    """Remove the rows of processes of this machine that are gone, and our own of an earlier life; gives how many."""
    prefix = owner_here().rpartition(":")[0] + ":"
    owners = set(Subscription.objects.filter(owner__startswith=prefix).values_list("owner", flat=True))
    gone = [owner for owner in owners if owner == owner_here() or not _alive(owner.removeprefix(prefix))]
    deleted, _by_model = Subscription.objects.filter(owner__in=gone).delete()
    return deleted


def _alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    if Path("/proc/self").exists():
        return Path("/proc", pid).exists()
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
