"""The verbs of an instance itself: make it, change its terms, share it.

Until it is approved its owner changes it alone. Afterwards what a second person has agreed to changes by a proposal
(``strategies/verbs/approval.py``), but for what only draws its bounds closer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from guardian.shortcuts import assign_perm, remove_perm

from accounts.audit import record
from accounts.permissions import require
from quantsite.common.errors import ConflictError, RuleError
from strategies.instance_models import ADD, APPROVE, OPERATE, VIEW, StrategyInstance
from strategies.permissions import demand_change, demand_share, find_instance
from strategies.sources import source_hash
from strategies.verbs.approval import propose_change
from strategies.verbs.changing import apply_terms, demand_known, demand_possible, differing, set_legs, takes_two
from strategies.verbs.terms import FREE, NewInstance, checked, checked_key, terms_of
from strategies.verbs.writing import locked

if TYPE_CHECKING:
    from accounts.models import Proposal, User

LEVELS = (VIEW, OPERATE, APPROVE)


@dataclass(frozen=True)
class ChangeOutcome:
    """What became of a wish: the instance as it stands now, and the ``proposal`` that waits where it takes two."""

    instance: StrategyInstance
    proposal: "Proposal | None" = None


def create_instance(actor: "User | None", asked: NewInstance) -> StrategyInstance:
    """A draft of one's own on a simulated account. Nothing runs yet.

    Raises ``RefusedError``; ``RuleError`` whose fields name every refused input; ``ConflictError`` ``key_taken``.
    """
    require(actor, f"strategies.{ADD}")
    checked_key(asked.key)
    made = checked(actor, asked.terms())
    try:
        with transaction.atomic():
            instance = StrategyInstance.objects.create(
                key=asked.key, owner=actor, source_hash=source_hash(asked.strategy), **made.columns
            )
            set_legs(instance, made.instruments or ())
            record(actor, "strategy.create", instance, after=terms_of(instance))
    except IntegrityError as error:
        if not StrategyInstance.objects.filter(key=asked.key).exists():
            raise
        told = _("There is a strategy instance %(key)s already: choose another key.") % {"key": asked.key}
        raise ConflictError("key_taken", told, fields={"key": told}) from error
    return instance


def change_instance(
    actor: "User | None",
    instance_id: int,
    changes: Mapping[str, Any],
    *,
    reason: str = "",
    version: int | None = None,
) -> ChangeOutcome:
    """Change terms by name; of an approved or live one what loosens anything waits for a second person.

    Raises ``MissingError``, ``RefusedError``; ``RuleError`` for unknown names, refused values, ``nothing_changes``, or
    without a reason where it takes two; ``ConflictError`` ``not_now``, ``not_flat``, ``instance_changed``,
    ``proposal_open``.
    """
    seen = find_instance(actor, instance_id)
    demand_change(actor, seen)
    demand_known(changes)
    made = checked(actor, changes, terms_of(seen))
    with locked(instance_id, version) as instance:
        new = differing(instance, made)
        if not new:
            told = _("This is what stands already: nothing would change.")
            raise RuleError("nothing_changes", told)
        demand_possible(instance, new)
        waits = takes_two(instance, new)
        at_once = {name: value for name, value in new.items() if not waits or name in FREE}
        if at_once:
            apply_terms(actor, instance, at_once)
    if not waits:
        return ChangeOutcome(instance)
    # outside of the lock: whoever decides on a proposal locks it before the instance
    return ChangeOutcome(instance, propose_change(actor, instance, new, reason))


def set_parameters(
    actor: "User | None",
    instance_id: int,
    parameters: Mapping[str, Any],
    *,
    reason: str = "",
    version: int | None = None,
) -> ChangeOutcome:
    """Other parameters, complete or those that differ from the present ones; they count from the next bar on.

    Raises as :func:`change_instance`.
    """
    seen = find_instance(actor, instance_id)
    both = {**seen.parameters, **parameters} if isinstance(parameters, Mapping) else parameters
    return change_instance(actor, instance_id, {"parameters": both}, reason=reason, version=version)


def grant_instance(actor: "User | None", instance_id: int, to: "User | Group", level: str) -> None:
    """Let a person or group see an instance (``VIEW``), operate it (``OPERATE``) or be its second person (``APPROVE``).

    It reaches as far as the role allows.

    Raises ``MissingError``, ``RefusedError``.
    """
    instance = _shared(actor, instance_id, level)
    with transaction.atomic():
        assign_perm(level, to, instance)
        record(actor, "strategy.grant", instance, after={"to": str(to), "level": level})


def revoke_instance(actor: "User | None", instance_id: int, of: "User | Group", level: str) -> None:
    """Take a grant back. Raises ``MissingError``, ``RefusedError``."""
    instance = _shared(actor, instance_id, level)
    with transaction.atomic():
        remove_perm(level, of, instance)
        record(actor, "strategy.revoke", instance, before={"of": str(of), "level": level})


def _shared(actor: "User | None", instance_id: int, level: str) -> StrategyInstance:
    if level not in LEVELS:
        raise ValueError(f"{level!r} is granted to nobody: {LEVELS}")
    instance = find_instance(actor, instance_id)
    demand_share(actor, instance, level)
    return instance
