"""A watch that remembers what it was shown."""

from typing import Any

from marketdata.ctp.settings import Troubles
from marketdata.domain.ctp.session import SessionState


class Noted:
    """In the place of alarms."""

    def __init__(self) -> None:
        self.shown: list[tuple[SessionState, dict[str, Any]]] = []

    def show(self, state: SessionState, troubles: Troubles, now: float) -> None:
        self.shown.append((state, {trouble.name: dict(values) for trouble, values in troubles.items()}))

    @property
    def troubles(self) -> dict[str, Any]:
        """What was shown last."""
        return self.shown[-1][1]
