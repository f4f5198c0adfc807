"""A roll that a person asks for: noted as a planned row, which the runner takes up."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from marketdata.instruments import find_instrument
from marketdata.models import Instrument
from quantsite.common.errors import ConflictError, MissingError, RuleError
from strategies.choices import ActivityName, RollState
from strategies.instance_models import StrategyInstance, StrategyLeg
from strategies.permissions import demand_operate
from strategies.permissions import find_instance as find_strategy
from strategies.state_models import StrategyRoll
from strategies.verbs.accounts_of import demand_tradable
from strategies.verbs.holdings import held_lots
from strategies.verbs.writing import demand_reason, locked, write

if TYPE_CHECKING:
    from accounts.models import User

ASKED = gettext_noop("%(who)s has it roll from %(old)s to %(new)s.")
OPEN = (RollState.PLANNED, RollState.ROLLING, RollState.EXPOSED)


def roll_now(actor: "User | None", instance_id: int, leg: int, to_instrument: str, reason: str) -> StrategyRoll:
    """Have a leg go to another contract of its product as soon as both are quoted, whatever the main contract is.

    Raises ``MissingError``; ``RefusedError`` as a start does; ``RuleError`` for a contract that it cannot go to, or
    without a reason; ``ConflictError`` ``not_now`` where it does not run, ``already_rolling``.
    """
    seen = find_strategy(actor, instance_id)
    demand_operate(actor, seen)
    demand_tradable(actor, seen)  # before the transaction: a refusal's entry must stay
    why = demand_reason(reason)
    with locked(instance_id) as instance:
        _demand_running(instance)
        old = _leg(instance, leg).instrument
        new = _other_contract(instance, old, to_instrument)
        lots = held_lots(instance).get(old.code, 0)
        asked = {"ground": "hand", "by": actor.username if actor else "system", "why": why}
        row = StrategyRoll.objects.create(
            instance=instance, leg=leg, from_instrument=old, to_instrument=new, lots=lots, document=asked
        )
        told = {"leg": leg, "old": old.code, "new": new.code, "reason": why}
        write(actor, instance, "roll_asked", {}, ASKED, told=told)
    return row


def _demand_running(instance: StrategyInstance) -> None:
    if instance.activity == ActivityName.STOPPED:
        text = _("Strategy %(key)s is stopped: start it, then roll it.") % {"key": instance.key}
        raise ConflictError("not_now", text)
    row = StrategyRoll.objects.filter(instance=instance, state__in=OPEN).select_related("to_instrument").first()
    if row is not None:
        text = _("A roll to %(code)s is under way: wait for its end.") % {"code": row.to_instrument.code}
        raise ConflictError("already_rolling", text)


def _leg(instance: StrategyInstance, number: int) -> StrategyLeg:
    found = instance.legs.select_related("instrument__product").filter(number=number).first()
    if found is None:
        text = _("Strategy %(key)s has no leg %(leg)d.") % {"key": instance.key, "leg": number}
        raise RuleError("unknown_leg", text, fields={"leg": text})
    return found


def _other_contract(instance: StrategyInstance, old: Instrument, code: str) -> Instrument:
    """Raises ``RuleError`` with the reason beside ``to_instrument``."""
    try:
        found = find_instrument(code)
    except MissingError as error:
        raise RuleError("unknown_instrument", error.text, fields={"to_instrument": error.text}) from error
    taken = instance.legs.filter(instrument=found).exists()
    if found.product_id != old.product_id or found.delivery_month is None or taken:
        text = _("%(new)s is no contract to go to from %(old)s: name another one of the same product.")
        told = text % {"new": code, "old": old.code}
        raise RuleError("wrong_contract", told, fields={"to_instrument": told})
    return found
