"""Why an account refuses an order or a withdrawal: sentences with the figures and what would help."""

import math

from quantsite.common.errors import RuleError
from quantsite.common.texts import say, sentences, unsaid
from trading.domain.account_orders import BookOrder, SideVolume
from trading.domain.offsets import Side

_BEYOND = {
    Side.LONG: unsaid(
        "cannot close %(volume)d long of %(instrument)s: %(today)d of today and %(yesterday)d older are held, "
        "%(frozen)d of them frozen by working orders; %(reach)d can be closed."
    ),
    Side.SHORT: unsaid(
        "cannot close %(volume)d short of %(instrument)s: %(today)d of today and %(yesterday)d older are held, "
        "%(frozen)d of them frozen by working orders; %(reach)d can be closed."
    ),
}


def close_exceeds(order: BookOrder, side: Side, volumes: SideVolume, reach: int) -> RuleError:
    """A close of more lots than its flag reaches; proposes ``auto`` where that would reach."""
    text = say(
        _BEYOND[side],
        volume=order.volume,
        instrument=order.instrument,
        today=volumes.today,
        yesterday=volumes.yesterday,
        frozen=volumes.frozen_today + volumes.frozen_yesterday,
        reach=reach,
    )
    others = order.offset is not None and order.volume <= volumes.free_today + volumes.free_yesterday
    fix = say("The offset auto would reach lots of both kinds.") if others else ""
    return RuleError("close_exceeds_position", sentences(text, fix))


def funds_short(volume: int, needed: float, available: float) -> RuleError:
    """An opening that the available funds do not cover; names the largest volume that they do."""
    most = max(math.floor(available / needed * volume), 0)
    text = say(
        "%(volume)d lots need %(needed).2f yuan of margin and commission, %(available).2f are available: "
        "at most %(most)d lots.",
        volume=volume, needed=needed, available=available, most=most,
    )  # fmt: skip
    return RuleError("insufficient_funds", text)


def withdrawal_short(amount: float, available: float) -> RuleError:
    """A withdrawal above the available funds."""
    given = {"amount": amount, "available": available}
    return RuleError(
        "insufficient_funds", say("cannot withdraw %(amount).2f yuan: %(available).2f are available.", **given)
    )
