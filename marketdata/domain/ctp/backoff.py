"""How long to wait before the next attempt: twice as long each time, up to a longest."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Seconds between attempts; a success begins anew."""

    first: float
    longest: float
    _next: float = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.first

    def failed(self) -> float:
        """How long to wait now."""
        wait = self._next
        self._next = min(2 * wait, self.longest)
        return wait

    def succeeded(self) -> None:
        """Begin with the shortest wait again."""
        self._next = self.first
