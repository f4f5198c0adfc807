"""Which source a strategy has now, and whether an instance still stands for it."""

from django.utils.translation import gettext as _

from quantsite.common.errors import ConflictError
from strategies import registry
from strategies.instance_models import StrategyInstance


def source_hash(name: str) -> str:
    """SHA-256 of the source of the strategy of this name; nothing of a user's runs here. Raises as ``registry.get``."""
    return registry.source_hash(name)


def demand_same_source(instance: StrategyInstance) -> None:
    """Raises ``ConflictError`` ``source_changed`` where the code is not the one that the instance was tested with."""
    if source_hash(instance.strategy) != instance.source_hash:
        text = _(
            "The code of %(strategy)s has changed since %(key)s was tested: take it back to draft, have the new code "
            "tested, and promote it again."
        )
        raise ConflictError("source_changed", text % {"strategy": instance.strategy, "key": instance.key})
