"""Stops: how far each one goes, and whom it concerns."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from quantsite.common.texts import say, sentences, unsaid
from trading.domain.checks import Reason
from trading.domain.risk.scopes import Scope, ScopeKind


class Strength(IntEnum):
    """How far a stop goes; each one does what those before it do."""

    NO_OPENING = 1
    CANCEL_ALL = 2
    FLATTEN = 3


@dataclass(frozen=True, slots=True)
class Switch:
    """One stop that is set. ``number`` is its row's."""

    number: int
    scope: Scope
    strength: Strength


STOPPED = "stopped"
"""The reason code of an opening order that a stop refuses."""

_WHERE: Mapping[ScopeKind, str] = {
    ScopeKind.PLATFORM: unsaid("Stop %(number)d lets nobody open positions."),
    ScopeKind.DESK: unsaid("Stop %(number)d lets desk %(key)s open no positions."),
    ScopeKind.PRODUCT: unsaid("Stop %(number)d lets nobody open positions in %(key)s."),
    ScopeKind.ACCOUNT: unsaid("Stop %(number)d lets account %(key)s open no positions."),
    ScopeKind.ACCOUNT_PRODUCT: unsaid("Stop %(number)d lets account and product %(key)s open no positions."),
    ScopeKind.USER: unsaid("Stop %(number)d lets user %(key)s open no positions."),
    ScopeKind.STRATEGY: unsaid("Stop %(number)d lets strategy %(key)s open no positions."),
}


def strongest(switches: Iterable[Switch], scopes: Iterable[Scope]) -> Switch | None:
    """The stop in one of the scopes that goes farthest, of equals the oldest; None without any."""
    within = set(scopes)
    found = [switch for switch in switches if switch.scope in within]
    return max(found, key=lambda switch: (switch.strength, -switch.number), default=None)


def stop_reason(switches: Iterable[Switch], scopes: Collection[Scope], *, opening: bool) -> Reason | None:
    """Why an order in these scopes is refused; None where no stop holds, and for every closing order."""
    switch = strongest(switches, scopes) if opening else None
    if switch is None:
        return None
    text = say(_WHERE[switch.scope.kind], number=switch.number, key=switch.scope.key)
    release = say("A risk officer can ask for its release, which a second person must approve.")
    return Reason(STOPPED, sentences(text, release))
