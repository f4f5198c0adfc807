"""What shall go wrong, and where: a list of planned faults that the front takes from, point by point.

A point is a request (``"ReqOrderInsert"``) or a push (``"OnRtnTrade"``). What can be planned there:

==========  =======================================================================================
at requests
refuse      the answer is an error (``code``, ``text``); an order is refused by the front, with both callbacks.
            ``by="OnRspError"`` lets the error come that way
rc          the call itself returns ``value`` (-1, -2, -3) and nothing happens
silent      no answer at all; the request is obeyed
lost        the connection goes before the request arrives
lost_after  the request is obeyed, then the connection goes before any answer or push
slow        answers and pushes come ``seconds`` later
no_last     the answer comes without bIsLast
blank       (login) ``fields`` replace fields of the answer, such as a blank MaxOrderRef
reject      (order, cancel) refused by the exchange, with ``text``
hold        (order) the front takes it, the exchange stays silent until ``Front.accept``
fills       (order) filled with ``volumes``, one trade each; ``rest="cancel"`` cancels what is left
==========  =======================================================================================
at pushes
twice       the push comes twice
late        the push comes after the next one of the account
withhold    the push does not come (a later replay or query tells it)
alter       ``fields`` replace fields of the message
lost        the connection goes instead of the push; the replay will bring it
slow        it comes ``seconds`` later
==========  =======================================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AT_REQUESTS = frozenset(
    ["refuse", "rc", "silent", "lost", "lost_after", "slow", "no_last", "blank", "reject", "hold", "fills"]
)
AT_PUSHES = frozenset(["twice", "late", "withhold", "alter", "lost", "slow"])


@dataclass
class Fault:
    """One planned fault; ``times`` None means from now on, ``where`` says which messages it concerns."""

    kind: str
    times: int | None = 1
    where: Mapping[str, Any] = field(default_factory=dict)
    terms: dict[str, Any] = field(default_factory=dict)

    def concerns(self, fields: Mapping[str, Any]) -> bool:
        return all(fields.get(name) == value for name, value in self.where.items())


class Plan:
    """The planned faults of a front."""

    def __init__(self) -> None:
        self._points: dict[str, list[Fault]] = {}

    def add(self, point: str, kind: str, times: int | None, where: Mapping[str, Any] | None, terms: Any) -> None:
        """Plan a fault; raises ``ValueError`` for a kind that the point does not know."""
        known = AT_REQUESTS if point.startswith(("Req", "Sub")) else AT_PUSHES
        if kind not in known:
            raise ValueError(f"{point} cannot go wrong by {kind!r}: choose one of {', '.join(sorted(known))}")
        self._points.setdefault(point, []).append(Fault(kind, times, where or {}, dict(terms)))

    def take(self, point: str, fields: Mapping[str, Any]) -> Fault | None:
        """The next fault planned for this message, used up by one."""
        waiting = self._points.get(point, [])
        found = next((fault for fault in waiting if fault.concerns(fields)), None)
        if found is not None and found.times is not None:
            found.times -= 1
            if not found.times:
                waiting.remove(found)
        return found

    def clear(self) -> None:
        self._points.clear()

    def left(self) -> dict[str, list[str]]:
        """What was planned and did not happen yet, so that a test can see that its fault struck."""
        return {point: [fault.kind for fault in waiting] for point, waiting in self._points.items() if waiting}
