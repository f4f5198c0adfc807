"""The verbs that move an instance between stages: promote, go live, demote, retire. Approval stands in ``approval``."""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.alarms import clear_alarm
from quantsite.common.errors import ConflictError, RuleError
from strategies.alarms import LOSS_LIMIT
from strategies.choices import OnFailure
from strategies.domain.lifecycle import DEMOTIONS, LADDER, Stage, Verb
from strategies.instance_models import StrategyInstance
from strategies.permissions import demand_change, demand_halt, demand_operate, find_instance
from strategies.sources import demand_same_source, source_hash
from strategies.verbs.accounts_of import demand_live_account, demand_tradable
from strategies.verbs.evidence import demand_gates
from strategies.verbs.holdings import begin_anew, demand_flat
from strategies.verbs.writing import demand_reason, locked, step, why, write
from trading.permissions import demand_reduce

if TYPE_CHECKING:
    from accounts.models import User

PROMOTED = gettext_noop("%(who)s has promoted it to %(stage)s.")
WENT_LIVE = gettext_noop("%(who)s has taken it live on account %(account)s.")
DEMOTED = gettext_noop("%(who)s has taken it back to %(stage)s: %(reason)s")
RETIRED = gettext_noop("%(who)s has retired it: %(reason)s")

NOT_APPROVED: dict[str, Any] = {"approved_by": None, "approved_at": None, "live_account": None}


def promote(
    actor: "User | None", instance_id: int, *, version: int | None = None, reason: str = ""
) -> StrategyInstance:
    """Take a draft to *backtested*, a backtested one to *paper*, where its gates are open.

    A draft takes the present source over. Raises ``MissingError``, ``RefusedError``; ``ConflictError`` ``not_now``,
    ``instance_changed``, ``source_changed``, ``gates_closed``.
    """
    demand_change(actor, find_instance(actor, instance_id))
    with locked(instance_id, version) as instance:
        columns = step(instance, Verb.PROMOTE)
        if instance.stage == Stage.DRAFT:
            columns["source_hash"] = source_hash(instance.strategy)
        else:
            demand_same_source(instance)
        demand_gates(instance, Stage(columns["stage"]))
        write(actor, instance, "promote", columns, PROMOTED, told={"stage": columns["stage"], **why(reason)})
        clear_alarm(LOSS_LIMIT, instance.key)
    return instance


def go_live(
    actor: "User | None", instance_id: int, *, version: int | None = None, reason: str = ""
) -> StrategyInstance:
    """Let an approved instance trade on the account that it was approved for; starting it is a verb of its own.

    Raises ``MissingError``, ``RefusedError`` (to operate it, or to trade on the account), ``ConflictError``
    (``not_now``, ``instance_changed``, ``source_changed``, ``gates_closed``, ``account_not_live``, ``not_flat`` ...).
    """
    seen = find_instance(actor, instance_id)
    demand_operate(actor, seen)
    if seen.live_account is not None:
        seen.account, seen.stage = seen.live_account, Stage.LIVE
        demand_tradable(actor, seen)  # before the transaction: a refusal's entry must stay
    with locked(instance_id, version) as instance:
        columns = step(instance, Verb.GO_LIVE)
        account = instance.live_account
        if account is None or account.pk != seen.account.pk:
            raise ConflictError("instance_changed", _("Another account was approved meanwhile: look at it again."))
        demand_same_source(instance)
        demand_gates(instance, Stage.LIVE)
        demand_live_account(account)
        if account.pk != instance.account_id:
            demand_flat(instance)
            begin_anew(instance)
        told = {"account": account.code, **why(reason)}
        write(actor, instance, "go_live", columns | {"account": account}, WENT_LIVE, told=told)
    return instance


def demote(
    actor: "User | None", instance_id: int, to: str, reason: str, *, then: str | None = None
) -> StrategyInstance:
    """Take an instance back to a lower stage and stop it; ``then`` says what becomes of its orders and lots.

    By default that is what its policy for failures says. Taken back to draft it follows the present source. Raises
    ``MissingError``, ``RefusedError`` (to hold it up; to close on its account where ``then`` says so), ``RuleError``
    for another stage or without a reason, ``ConflictError``.
    """
    seen = find_instance(actor, instance_id)
    demand_halt(actor, seen)
    verb, told = _demotion(to), demand_reason(reason)
    if then == OnFailure.FLATTEN:
        demand_reduce(actor, seen.account)
    with locked(instance_id) as instance:
        columns = step(instance, verb) | NOT_APPROVED
        columns["stopping"] = known_policy(instance.on_failure if then is None else then)
        if verb is Verb.TO_DRAFT:
            columns["source_hash"] = source_hash(instance.strategy)
        write(actor, instance, "demote", columns, DEMOTED, told={"stage": to, "reason": told})
    return instance


def retire(actor: "User | None", instance_id: int, reason: str) -> StrategyInstance:
    """End an instance for good: it stays to be looked at. It must be stopped, hold nothing and have no orders.

    Raises ``MissingError``, ``RefusedError``, ``RuleError`` without a reason, ``ConflictError`` (``not_flat`` ...).
    """
    demand_change(actor, find_instance(actor, instance_id))
    told = demand_reason(reason)
    with locked(instance_id) as instance:
        columns = step(instance, Verb.RETIRE) | NOT_APPROVED
        demand_flat(instance)
        write(actor, instance, "retire", columns, RETIRED, told={"reason": told})
        clear_alarm(LOSS_LIMIT, instance.key)
    return instance


def known_policy(name: str) -> str:
    """The policy of this name. Raises ``RuleError`` ``unknown_policy``."""
    if name not in OnFailure.values:
        text = _("%(name)s is no policy: use one of %(known)s.")
        told = text % {"name": repr(name), "known": ", ".join(OnFailure.values)}
        raise RuleError("unknown_policy", told, fields={"then": told})
    return name


def _demotion(to: str) -> Verb:
    found = DEMOTIONS.get(Stage(to)) if to in {stage.value for stage in LADDER} else None
    if found is None:
        text = _("A strategy cannot be taken back to %(to)s: use one of %(known)s.")
        told = text % {"to": repr(to), "known": ", ".join(stage.value for stage in DEMOTIONS)}
        raise RuleError("unknown_stage", told, fields={"to": told})
    return found
