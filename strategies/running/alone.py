"""Work for several instances at once, and for each alone where it fails: what one has led to stops that one only."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from accounts.leases import LeaseLostError
from quantsite.web.database import DATABASE_AWAY

NOBODYS = (*DATABASE_AWAY, LeaseLostError)
"""Errors that no instance has led to: the runner begins anew after them."""

Subject = TypeVar("Subject")
Outcome = TypeVar("Outcome")


def each_alone(
    work: Callable[[Sequence[Subject]], list[Outcome]],
    instances: Sequence[Subject],
    blame: Callable[[Subject, Exception], None],
) -> list[Outcome]:
    """What ``work`` gives for all of them; whoever it fails for even by itself is blamed, and left out."""
    try:
        return work(instances)
    except NOBODYS:
        raise
    except Exception as error:  # noqa: BLE001 - whatever comes of one strategy is not the others' trouble
        if len(instances) > 1:
            return [outcome for each in instances for outcome in each_alone(work, [each], blame)]
        if instances:
            blame(instances[0], error)
        return []
