"""A short message that wakes the runner: an instance has changed. The row is the truth; it looks by itself too."""

from functools import partial

from django.db import transaction

from trading.wake import tell

CHANNEL = "qs:strategies"
"""The number of the instance that has changed, as text."""


def announce(instance_id: int) -> None:
    """An instance has changed; told once the present transaction stands."""
    transaction.on_commit(partial(tell, CHANNEL, str(instance_id)))
