"""Why an account refuses an order, a fill or money: sentences with the figures and what would help."""

import math
from collections.abc import Iterable

from quantsite.common.errors import RuleError
from quantsite.common.texts import say, sentences, unsaid
from trading.domain.offsets import Side

_BEYOND = {
    Side.LONG: unsaid(
        "cannot close %(volume)d long of %(instrument)s: %(today)d of today and %(older)d older are held, "
        "%(frozen)d of them frozen by working orders; %(reach)d can be closed."
    ),
    Side.SHORT: unsaid(
        "cannot close %(volume)d short of %(instrument)s: %(today)d of today and %(older)d older are held, "
        "%(frozen)d of them frozen by working orders; %(reach)d can be closed."
    ),
}


def close_exceeds(
    instrument: str, side: Side, *, volume: int, today: int, older: int, frozen: int, reach: int, propose_auto: bool
) -> RuleError:
    """A close of more lots than its flag reaches; all figures in lots."""
    figures = {"volume": volume, "today": today, "older": older, "frozen": frozen, "reach": reach}
    text = say(_BEYOND[side], instrument=instrument, **figures)
    fix = say("The offset auto would reach lots of both kinds.") if propose_auto else ""
    return RuleError("close_exceeds_position", sentences(text, fix))


def funds_short(volume: int, needed: float, available: float) -> RuleError:
    """An opening that the available funds do not cover; names the largest volume that they do."""
    most = max(math.floor(available / needed * volume), 0) if needed > 0 else 0
    text = say(
        "%(volume)d lots need %(needed).2f yuan of margin and commission, %(available).2f are available: "
        "at most %(most)d lots.",
        volume=volume, needed=needed, available=available, most=most,
    )  # fmt: skip
    return RuleError("insufficient_funds", text)


def withdrawal_short(amount: float, available: float) -> RuleError:
    """A withdrawal above the available funds."""
    given = {"amount": amount, "available": available}
    text = say("cannot withdraw %(amount).2f yuan: %(available).2f are available.", **given)
    return RuleError("insufficient_funds", text)


def not_positive(amount: float) -> RuleError:
    """An amount of money that is none."""
    return RuleError("amount_not_positive", say("an amount must be above 0, not %(amount)g.", amount=amount))


def no_terms(instrument: str) -> RuleError:
    """An instrument whose costs nobody has told."""
    text = say("the account has no terms (fees, margin) for %(instrument)s.", instrument=instrument)
    return RuleError("terms_unknown", text)


def no_price(instrument: str) -> RuleError:
    """An order without a limit, where neither price limits nor a last or settlement price are known."""
    text = say("%(instrument)s has no price yet to freeze an order without a limit at.", instrument=instrument)
    return RuleError("price_unknown", text)


def not_working(order_id: int) -> RuleError:
    """A fill of an order that holds nothing back."""
    return RuleError("unknown_order", say("order %(order)d does not work on this account.", order=order_id))


def fill_too_large(order_id: int, volume: int, left: int) -> RuleError:
    """A fill of more lots than are left, or of none."""
    given = {"order": order_id, "volume": volume, "left": left}
    text = say("order %(order)d cannot fill %(volume)d: %(left)d lots are left of it.", **given)
    return RuleError("fill_exceeds_order", text)


def still_working(order_ids: Iterable[int]) -> RuleError:
    """A settlement before the day's orders have ended."""
    numbers = ", ".join(str(order_id) for order_id in order_ids)
    text = say("orders %(orders)s still work: let them end before the settlement.", orders=numbers)
    return RuleError("working_orders", text)


def no_settlement_price(instruments: Iterable[str]) -> RuleError:
    """A settlement without a price for something that is held."""
    text = say("a settlement price above 0 is missing for %(codes)s.", codes=", ".join(sorted(instruments)))
    return RuleError("settlement_price_missing", text)
