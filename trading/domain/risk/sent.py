"""When an account sent its last orders: for the number within a second, and for the same order sent again."""

from bisect import bisect_right, insort

from quantsite.common.times import NS_PER_SECOND

Fingerprint = tuple[object, ...]
"""What makes two orders the same one sent twice."""

HORIZON = 60.0
"""Seconds for which orders are remembered: no window of a limit may be longer."""

_TRIM = 256


class SentOrders:
    """Send times of one account in ns, of whatever clock its loop goes by. A window of ``s`` seconds before ``now``
    holds what was sent after ``now - s``: of two orders exactly one second apart the second finds the window empty.
    """

    __slots__ = ("_by_print", "_times", "_until_trim")

    def __init__(self) -> None:
        self._times: list[int] = []
        self._by_print: dict[Fingerprint, list[int]] = {}
        self._until_trim = _TRIM

    def note(self, at: int, fingerprint: Fingerprint) -> None:
        """One more order has been sent."""
        insort(self._times, at)
        insort(self._by_print.setdefault(fingerprint, []), at)
        self._until_trim -= 1
        if self._until_trim <= 0:
            self._forget(self._times[-1] - int(HORIZON * NS_PER_SECOND))

    def within(self, seconds: float, now: int) -> int:
        """How many orders were sent in the last ``seconds``, at most :data:`HORIZON`."""
        return _after(self._times, now - int(seconds * NS_PER_SECOND))

    def same_within(self, fingerprint: Fingerprint, seconds: float, now: int) -> int:
        """How many with this fingerprint."""
        times = self._by_print.get(fingerprint)
        return _after(times, now - int(seconds * NS_PER_SECOND)) if times else 0

    def _forget(self, until: int) -> None:
        self._times = self._times[bisect_right(self._times, until) :]
        kept = {key: times[bisect_right(times, until) :] for key, times in self._by_print.items()}
        self._by_print = {key: times for key, times in kept.items() if times}
        self._until_trim = max(_TRIM, len(self._times))


def _after(times: list[int], edge: int) -> int:
    return len(times) - bisect_right(times, edge)
