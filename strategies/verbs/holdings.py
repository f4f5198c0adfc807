"""What an instance holds by its own fills and has at the exchange, asked of the account's rows: the truth of both."""

from django.db.models import Case, F, IntegerField, Sum, When
from django.utils.translation import gettext as _

from quantsite.common.errors import ConflictError
from strategies.event_models import StrategyOrder
from strategies.instance_models import StrategyInstance
from strategies.state_models import StrategyPosition, StrategyState
from trading.choices import DirectionName
from trading.order_models import Fill, Order, OrderQuerySet


def held_lots(instance: StrategyInstance) -> dict[str, int]:
    """Signed lots by instrument that its fills on its account left; flat instruments are left out."""
    signed = Case(
        When(direction=DirectionName.BUY, then=F("volume")), default=-F("volume"), output_field=IntegerField()
    )
    own = StrategyOrder.objects.filter(instance=instance, order__isnull=False).order_by()
    fills = Fill.objects.filter(account=instance.account_id, order__in=own.values("order")).order_by()
    rows = fills.values_list("instrument__code").annotate(lots=Sum(signed)).order_by("instrument__code")
    return {code: lots for code, lots in rows if lots}


def working_orders(instance: StrategyInstance) -> OrderQuerySet:
    """Its orders that may still fill, on whatever account."""
    own = StrategyOrder.objects.filter(instance=instance, order__isnull=False).order_by()
    return Order.objects.working().filter(pk__in=own.values("order"))


def demand_flat(instance: StrategyInstance) -> None:
    """Raises ``ConflictError`` ``not_flat`` where it holds lots or has orders that may still fill."""
    held, working = held_lots(instance), working_orders(instance).count()
    if held or working:
        lots = ", ".join(f"{lots:+d} {code}" for code, lots in held.items()) or _("no lots")
        text = _("Strategy %(key)s holds %(lots)s and has %(orders)d working orders: flatten it first.")
        raise ConflictError("not_flat", text % {"key": instance.key, "lots": lots, "orders": working})


def begin_anew(instance: StrategyInstance) -> None:
    """Forget stored state and positions: it goes on with other instruments, another account or another strategy.

    Numbers of signals and orders go on from the newest rows; the days so far stay.
    """
    StrategyState.objects.filter(instance=instance).delete()
    StrategyPosition.objects.filter(instance=instance).delete()
