"""Who may do what with a strategy instance, and so with its signals, orders and log; asked here and nowhere else.

Owners change and operate their own; a grant lets others see or operate one; risk officers see, pause, stop and demote
every one. Whoever starts or resumes one needs the right to trade on its account besides. ``None`` is the system.
"""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from accounts.permissions import refuse
from quantsite.common.errors import MissingError
from strategies.event_models import Evidence
from strategies.instance_models import (
    APPROVE,
    CHANGE,
    CHANGE_EVERY,
    HALT_EVERY,
    OPERATE,
    OPERATE_EVERY,
    SHARE,
    VIEW_EVERY,
    InstanceQuerySet,
    StrategyInstance,
)

if TYPE_CHECKING:
    from accounts.models import User


def visible_instances(actor: "User | None") -> InstanceQuerySet:
    """The instances that ``actor`` may see."""
    rows = StrategyInstance.objects.select_related("account", "owner", "live_account", "approved_by")
    return rows if actor is None else rows.visible_to(actor)


def find_instance(actor: "User | None", instance_id: int) -> StrategyInstance:
    """The instance. Raises ``MissingError`` where there is none that the actor may see."""
    found = visible_instances(actor).filter(pk=instance_id).first()
    if found is None:
        raise MissingError("unknown_instance", _("There is no strategy instance %(id)s.") % {"id": instance_id})
    return found


class Rights:
    """One person's rights with instances: the rules, each of them once. ``None`` is the system, which may all.

    Who asks about many instances remembers what is asked again (``strategies.console.able``).
    """

    def __init__(self, actor: "User | None") -> None:
        self.actor = actor

    def has(self, codename: str) -> bool:
        """Whether the role holds a permission of this app."""
        return self.actor is None or has(self.actor, codename)

    def granted(self, codename: str, instance: StrategyInstance) -> bool:
        """Whether it is held on the instance as a grant of its own."""
        return self.actor is None or granted(self.actor, codename, instance)

    def owns(self, instance: StrategyInstance) -> bool:
        """Whether the instance is the person's own."""
        return self.actor is not None and instance.owner_id == self.actor.pk

    def may_change(self, instance: StrategyInstance) -> bool:
        """Whether its terms may be changed: by its owner while the role allows it, and by who may change every one."""
        return self.has(CHANGE_EVERY) or (self.owns(instance) and self.has(CHANGE))

    def may_operate(self, instance: StrategyInstance) -> bool:
        """Whether it may be started, paused, stopped and flattened: by its owner and by who was granted that."""
        if self.has(OPERATE_EVERY):
            return True
        return self.has(OPERATE) and (self.owns(instance) or self.granted(OPERATE, instance))

    def may_halt(self, instance: StrategyInstance) -> bool:
        """Whether it may be paused, stopped and demoted: by risk officers too."""
        return self.may_operate(instance) or self.has(HALT_EVERY)

    def may_approve(self, instance: StrategyInstance) -> bool:
        """Whether the person may be the second one: never the owner, whatever the role.

        The role says that one may approve at all; where, says a grant, or the right to see every instance.
        """
        if self.owns(instance) or not self.has(APPROVE):
            return False
        return self.has(VIEW_EVERY) or self.granted(APPROVE, instance)

    def may_share(self, instance: StrategyInstance, level: str) -> bool:
        """Whether a grant may be given or taken: by owners, but for the one that makes a second person."""
        return self.has(SHARE) or (level != APPROVE and self.owns(instance) and self.has(CHANGE))


def may_approve(actor: "User", instance: StrategyInstance) -> bool:
    """See :meth:`Rights.may_approve`."""
    return Rights(actor).may_approve(instance)


def may_share(actor: "User | None", instance: StrategyInstance, level: str) -> bool:
    """See :meth:`Rights.may_share`."""
    return Rights(actor).may_share(instance, level)


def granted(actor: "User", codename: str, instance: StrategyInstance) -> bool:
    """Whether the person, or a group of theirs, holds this on the instance as a grant of its own."""
    return StrategyInstance.objects.all().granted(actor, codename).filter(pk=instance.pk).exists()


def has(actor: "User", codename: str) -> bool:
    """Whether the person is active and the role holds a permission of this app."""
    return actor.is_active and actor.has_perm(f"strategies.{codename}")


def facts_of(actor: "User | None", evidence: Evidence) -> dict[str, Any]:
    """The figures of a piece of evidence, for who may know them: empty for others.

    A backtest counts for every instance of its strategy, yet its figures are its owner's: others learn that it passed.
    Second persons decide on them, so they see all.
    """
    own = evidence.instance_id is not None or (actor is not None and evidence.created_by_id == actor.pk)
    return evidence.facts if own or actor is None or has(actor, APPROVE) else {}


def demand_change(actor: "User | None", instance: StrategyInstance) -> None:
    """Raises ``RefusedError`` (audited) unless the actor may change its terms."""
    if not Rights(actor).may_change(instance):
        _refuse(actor, CHANGE, instance)


def demand_operate(actor: "User | None", instance: StrategyInstance) -> None:
    """Raises ``RefusedError`` (audited) unless the actor may operate it."""
    if not Rights(actor).may_operate(instance):
        _refuse(actor, OPERATE, instance)


def demand_halt(actor: "User | None", instance: StrategyInstance) -> None:
    """Raises ``RefusedError`` (audited) unless the actor may hold it up."""
    if not Rights(actor).may_halt(instance):
        _refuse(actor, HALT_EVERY, instance)


def demand_share(actor: "User | None", instance: StrategyInstance, level: str) -> None:
    """Raises ``RefusedError`` (audited) unless the actor may give or take this grant."""
    if not Rights(actor).may_share(instance, level):
        _refuse(actor, SHARE, instance)


def _refuse(actor: "User | None", verb: str, instance: StrategyInstance) -> None:
    name = "" if actor is None else actor.username
    text = _("%(name)s may not do this with strategy %(key)s: its owner, or who was granted it, may.")
    refuse(actor, f"strategies.{verb}", instance, "permission_denied", text % {"name": name, "key": instance.key})
