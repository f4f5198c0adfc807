"""The choices of this app's rows, with their names for people; the values are the domain's own."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class AccountKind(models.TextChoices):
    """Where an account's orders go."""

    SIMULATED = "simulated", pgettext_lazy("account", "simulated")
    CTP = "ctp", _("CTP")


class ConfirmChoice(models.TextChoices):
    """Who confirms the broker's settlement statement (``marketdata.domain.ctp.login.Confirm``)."""

    AUTO = "auto", _("by itself")
    PERSON = "person", _("by a person")


class DirectionName(models.TextChoices):
    """The side of an order or fill."""

    BUY = "buy", pgettext_lazy("side", "buy")
    SELL = "sell", pgettext_lazy("side", "sell")


class SideName(models.TextChoices):
    """The side of a position."""

    LONG = "long", _("long")
    SHORT = "short", _("short")


class OffsetName(models.TextChoices):
    """What an order does to a position; ``auto`` closes, the older lots first, as the exchange needs it."""

    OPEN = "open", pgettext_lazy("offset", "open")
    CLOSE = "close", pgettext_lazy("offset", "close")
    CLOSE_TODAY = "close_today", pgettext_lazy("offset", "close today")
    CLOSE_YESTERDAY = "close_yesterday", pgettext_lazy("offset", "close yesterday")
    AUTO = "auto", pgettext_lazy("offset", "auto")


class OrderTypeName(models.TextChoices):
    """How an order is worked."""

    LIMIT = "limit", pgettext_lazy("order type", "limit")
    MARKET = "market", pgettext_lazy("order type", "market")
    FAK = "fak", _("fill and kill")
    FOK = "fok", _("fill or kill")
    STOP = "stop", pgettext_lazy("order type", "stop")
    BEST = "best", _("best price")


class StatusName(models.TextChoices):
    """Where an order stands (``trading.domain.order.OrderStatus``)."""

    PENDING = "pending", _("pending")
    SUBMITTING = "submitting", _("submitting")
    SUBMITTED = "submitted", _("submitted")
    ACCEPTED = "accepted", pgettext_lazy("order status", "accepted")
    PARTIALLY_FILLED = "partially_filled", _("partly filled")
    FILLED = "filled", _("filled")
    CANCELLED = "cancelled", pgettext_lazy("order status", "cancelled")
    REJECTED = "rejected", _("rejected")
    EXPIRED = "expired", _("expired")
    IN_DOUBT = "in_doubt", _("in doubt")


FINAL_STATUSES = (StatusName.FILLED, StatusName.CANCELLED, StatusName.REJECTED, StatusName.EXPIRED)
WORKING_STATUSES = tuple(status for status in StatusName if status not in FINAL_STATUSES)


class CommandKind(models.TextChoices):
    """What an account's gateway is asked to do."""

    PLACE = "place", _("place an order")
    CANCEL = "cancel", _("cancel an order")
    DEPOSIT = "deposit", _("deposit")
    WITHDRAW = "withdraw", _("withdraw")
    SETTLE = "settle", _("settle")
    UNDO_SETTLEMENT = "undo_settlement", _("undo the settlement")
    CLOSE = "close", _("reject what waits")
    ADOPT = "adopt", _("adopt the broker's figures")
    CONFIRM = "confirm", _("confirm the broker's statement")


class CommandStatus(models.TextChoices):
    """Where a command stands."""

    QUEUED = "queued", _("queued")
    DONE = "done", _("done")
    FAILED = "failed", _("refused")


class CashKind(models.TextChoices):
    """Money that comes or goes without a trade."""

    DEPOSIT = "deposit", _("deposit")
    WITHDRAW = "withdraw", _("withdrawal")


class CashSource(models.TextChoices):
    """Who says that money came or went."""

    PERSON = "person", _("a person")
    BROKER = "broker", _("the broker")


class MarginPrice(models.IntegerChoices):
    """The price at which lots of today are margined (CTP's ``MarginPriceType``)."""

    PRE_SETTLEMENT = 1, _("previous settlement")
    LAST = 2, _("last price")
    AVERAGE = 3, _("average price")
    OPEN = 4, _("open price")


class ProfitChoice(models.IntegerChoices):
    """Which floating profits count as available (CTP's ``Algorithm``)."""

    ALL = 1, _("gains and losses")
    LOSSES_ONLY = 2, _("losses only")
    GAINS_ONLY = 3, _("gains only")
    NONE = 4, _("neither")


class QueueModel(models.TextChoices):
    """How the simulated exchange treats what lies ahead of a resting order."""

    DISPLAYED = "displayed", _("behind what is displayed")
    NONE = "none", _("first in the queue")
