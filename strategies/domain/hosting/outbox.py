"""The orders of one instance that are under way or at work, and the intents that wait to be carried out."""

from collections.abc import Iterable
from dataclasses import dataclass

from strategies.domain.hosting.intents import Decided, Intent, Place, Sent, Withdraw
from strategies.domain.hosting.news import News, NewsKind


@dataclass(slots=True)
class Working:
    """An order that may still fill: ``left`` lots of it. ``withdrawing``: the host has asked for it back."""

    place: Place
    left: int
    accepted: bool = False
    withdrawing: bool = False


class Outbox:
    """Numbers every order of the instance, for ever ascending, and remembers which are alive.

    An order whose fate is unknown (sent, and the connection was lost) stays working until news tell its end: nothing
    is sent in its place meanwhile.
    """

    def __init__(self, first_number: int = 1) -> None:
        self.number = first_number - 1
        self.working: dict[int, Working] = {}
        self.ended: dict[int, Working] = {}
        """Orders of this trading day that ended with lots left: a fill may come late."""
        self._intents: list[Intent] = []

    def next_number(self) -> int:
        """The next order's number."""
        self.number += 1
        return self.number

    def note(self, decided: Decided) -> None:
        """A signal for the record."""
        self._intents.append(decided)

    def send(self, sent: Iterable[Sent]) -> None:
        """Orders and withdrawals go out; a withdrawal of what is not working does not.

        An executor that asks for an order back once more has waited for an answer in vain: that goes out again.
        """
        for intent in sent:
            if isinstance(intent, Place):
                self.working[intent.number] = Working(intent, intent.lots)
                self._intents.append(intent)
            else:
                self.withdraw(intent.number, again=True)

    def withdraw(self, number: int, *, again: bool = False) -> None:
        """Ask for an order back, once unless ``again`` says otherwise."""
        order = self.working.get(number)
        if order is not None and (again or not order.withdrawing):
            order.withdrawing = True
            self._intents.append(Withdraw(number))

    def take(self) -> list[Intent]:
        """What is to be carried out now."""
        if not self._intents:
            return []
        taken, self._intents = self._intents, []
        return taken

    def hear(self, news: News) -> Working | None:
        """The order that the news are of, with what they change; None where nobody knows it, or nothing is new."""
        order = self.working.get(news.number)
        if news.kind is NewsKind.FILLED:
            order = order or self.ended.get(news.number)
            if order is not None:
                order.left -= news.lots
                if order.left <= 0:
                    self.working.pop(news.number, None)
                    self.ended.pop(news.number, None)
            return order
        if order is not None:
            if news.kind is NewsKind.ACCEPTED:
                order.accepted = True
            else:
                self.ended[news.number] = self.working.pop(news.number)
        return order

    def on_leg(self, leg: int) -> list[Working]:
        """What works on a leg."""
        return [order for order in self.working.values() if order.place.leg == leg]

    def begin_day(self) -> None:
        """No fill of yesterday's orders comes any more."""
        self.ended.clear()
