"""The verbs that say what an instance shall do now: start, pause, resume, stop, flatten. The runner obeys the row."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop

from strategies.choices import Health, OnFailure
from strategies.domain.lifecycle import Verb
from strategies.instance_models import StrategyInstance
from strategies.permissions import demand_halt, demand_operate, find_instance
from strategies.sources import demand_same_source
from strategies.verbs.accounts_of import demand_tradable
from strategies.verbs.evidence import demand_gates
from strategies.verbs.stages import known_policy
from strategies.verbs.writing import locked, step, why, write
from trading.permissions import demand_reduce

if TYPE_CHECKING:
    from accounts.models import User

STARTED = gettext_noop("%(who)s has started it.")
PAUSED = gettext_noop("%(who)s has paused it: it goes on to decide and opens nothing.")
RESUMED = gettext_noop("%(who)s has let it go on.")
STOPPED = gettext_noop("%(who)s has stopped it (%(then)s).")
FLATTENED = gettext_noop("%(who)s has its lots closed.")


def start(actor: "User | None", instance_id: int, *, version: int | None = None, reason: str = "") -> StrategyInstance:
    """Let it run: the runner warms it up and trades by its decisions.

    Raises ``MissingError``, ``RefusedError`` (to operate it, or to trade on its account), ``ConflictError``
    (``not_now``, ``instance_changed``, ``source_changed``, ``gates_closed``, ``account_closed``,
    ``account_not_simulated``, ``account_not_live``).
    """
    return _go(actor, instance_id, Verb.START, STARTED, version, reason)


def resume(actor: "User | None", instance_id: int, *, version: int | None = None, reason: str = "") -> StrategyInstance:
    """Let a paused one open positions again. Raises as :func:`start`."""
    return _go(actor, instance_id, Verb.RESUME, RESUMED, version, reason)


def pause(actor: "User | None", instance_id: int, *, reason: str = "") -> StrategyInstance:
    """It goes on to decide and to record, and places nothing that opens.

    Raises ``MissingError``, ``RefusedError``, ``ConflictError`` ``not_now``.
    """
    demand_halt(actor, find_instance(actor, instance_id))
    with locked(instance_id) as instance:
        write(actor, instance, "pause", step(instance, Verb.PAUSE), PAUSED, told=why(reason))
    return instance


def stop(actor: "User | None", instance_id: int, *, then: str = OnFailure.CANCEL, reason: str = "") -> StrategyInstance:
    """It decides no more; ``then``: leave orders and lots, cancel its orders, or flatten it.

    Raises ``MissingError``, ``RefusedError``, ``RuleError`` ``unknown_policy``, ``ConflictError`` ``not_now``.
    """
    seen = find_instance(actor, instance_id)
    demand_halt(actor, seen)
    if known_policy(then) == OnFailure.FLATTEN:
        demand_reduce(actor, seen.account)
    with locked(instance_id) as instance:
        columns = step(instance, Verb.STOP) | {"stopping": then}
        write(actor, instance, "stop", columns, STOPPED, told={"then": then, **why(reason)})
    return instance


def flatten(actor: "User | None", instance_id: int, *, reason: str = "") -> StrategyInstance:
    """Withdraw its orders and close what its fills left; one that runs is paused, for it would open again.

    Raises ``MissingError``, ``RefusedError`` (to hold it up, or to close on its account), ``ConflictError``.
    """
    seen = find_instance(actor, instance_id)
    demand_halt(actor, seen)
    demand_reduce(actor, seen.account)
    with locked(instance_id) as instance:
        columns = step(instance, Verb.FLATTEN) | {"flatten_asked": instance.flatten_asked + 1}
        write(actor, instance, "flatten", columns, FLATTENED, told=why(reason))
    return instance


def _go(  # noqa: PLR0917 - what a start says
    actor: "User | None", instance_id: int, verb: Verb, text: str, version: int | None, reason: str
) -> StrategyInstance:
    seen = find_instance(actor, instance_id)
    demand_operate(actor, seen)
    demand_tradable(actor, seen)  # before the transaction: a refusal's entry must stay
    with locked(instance_id, version) as instance:
        columns = step(instance, verb)
        demand_tradable(actor, instance)
        demand_same_source(instance)
        demand_gates(instance, instance.state.stage)
        if instance.health == Health.FAILED:
            columns |= {"health": Health.OFF, "failure_code": "", "failure_text": "", "failure_values": {}}
        write(actor, instance, verb.value, columns, text, told=why(reason))
    return instance
