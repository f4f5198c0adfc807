"""Who is told that commission or margin rates have changed: apps above this one, which it does not know."""

from collections.abc import Callable

_LISTENERS: list[Callable[[], object]] = []


def listen(listener: Callable[[], object]) -> None:
    """Have ``listener`` called within every transaction that changes a rate."""
    _LISTENERS.append(listener)


def rates_changed() -> None:
    """Rates have changed in the caller's transaction."""
    for listener in _LISTENERS:
        listener()
