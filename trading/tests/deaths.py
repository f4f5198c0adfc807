"""Where a process may die in the life of an order, and of money: hooks on the platform's functions, for tests only.

A hook is named by what has just happened or is about to; a :class:`Death` says in which story, at which hook and,
inside a commit, of which kind of event. Within one process a death is :class:`Killed`, raised where nothing catches
it; in a process of its own (``dying.py``) it is SIGKILL.
"""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.db import transaction


class Killed(BaseException):
    """What a killed process is to a test that runs in the same one."""


@dataclass(frozen=True)
class Death:
    """One place to die: in this story, at this hook, inside a commit that holds an event of this kind."""

    story: str
    hook: str
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.story}-{self.hook}" + (f"[{self.kind}]" if self.kind else "")


BEFORE, AFTER = "before", "after"

HOOKS: tuple[tuple[str, str, str], ...] = (
    # the web process, or whoever asks
    ("ask.row", "trading.verbs.placing:enqueue", BEFORE),
    ("ask.row", "trading.verbs.funding:enqueue", BEFORE),
    ("ask.row", "trading.verbs.settling:enqueue", BEFORE),
    ("ask.told", "trading.verbs.placing:tell", AFTER),
    ("ask.written", "trading.verbs.placing:enqueue", AFTER),
    ("ask.written", "trading.verbs.funding:enqueue", AFTER),
    ("ask.written", "trading.verbs.settling:enqueue", AFTER),
    ("ask.committed", "trading.verbs.inbox:wake_gateway", BEFORE),
    ("ask.woken", "trading.verbs.inbox:wake_gateway", AFTER),
    # the web process on the fast road of programs: one statement is the order (trading/fast_orders.py)
    ("fast.asked", "trading.fast_orders:placed_statement", BEFORE),
    ("fast.written", "trading.fast_orders:wake_soon", BEFORE),
    ("fast.woken", "trading.fast_orders:wake_soon", AFTER),
    # the gateway
    ("take.claimed", "trading.loop.commands:Commands._take", BEFORE),
    ("take.decided", "trading.loop.commands:Commands._take", AFTER),
    ("send.before", "trading.gateways.simulated:SimulatedGateway.send", BEFORE),
    ("send.after", "trading.gateways.simulated:SimulatedGateway.send", AFTER),
    ("send.before", "trading.gateways.ctp.gateway:CtpGateway.send", BEFORE),
    ("send.after", "trading.gateways.ctp.gateway:CtpGateway.send", AFTER),
    ("withdraw.before", "trading.gateways.simulated:SimulatedGateway.cancel", BEFORE),
    ("withdraw.after", "trading.gateways.simulated:SimulatedGateway.cancel", AFTER),
    ("tick.before", "trading.gateways.simulated:SimulatedGateway.on_tick", BEFORE),
    ("tick.matched", "trading.gateways.simulated:SimulatedGateway.on_tick", AFTER),
    # stops, and orders that wait for others of their control group
    ("stop.seen", "trading.loop.stops:Stops._begin", BEFORE),
    ("stop.asked", "trading.loop.stops:Stops._begin", AFTER),
    ("group.locked", "trading.loop.self_trade:lock", AFTER),
    ("hold.asked", "trading.loop.placing:Placing._have_withdrawn", AFTER),
    ("hold.decided", "trading.ledger.orders:OrderedAccount.hold", AFTER),
    ("hold.woken", "trading.loop.commands:wake_gateway", AFTER),
    # every commit of an account, whoever makes it
    ("commit.begins", "trading.ledger.changes:_advance", BEFORE),
    ("commit.numbered", "trading.ledger.changes:_advance", AFTER),
    ("commit.ledger", "trading.ledger.changes:_write_ledger", AFTER),
    ("commit.done", "trading.ledger.changes:announce", BEFORE),
    ("commit.told", "trading.ledger.changes:announce", AFTER),
    # a start, which must be repeatable too
    ("start.claimed", "trading.ledger.keeper:Keeper.claim", AFTER),
    ("start.loaded", "trading.ledger.keeper:Keeper.load", AFTER),
    ("start.restored", "trading.gateways.simulated:SimulatedGateway.restore", AFTER),
    # a verb that finds no gateway
    ("apply.leased", "trading.ledger.apply:take", AFTER),
    ("apply.carried", "trading.ledger.apply:carry_out", AFTER),
    ("apply.done", "trading.ledger.apply:_carry_out_all", AFTER),
)
"""Name, function, and on which side of it. ``commit.written`` stands between the last row and the COMMIT."""

ASK = ("ask.row", "ask.written", "ask.committed", "ask.woken")
TAKE = ("take.claimed", "take.decided")
COMMIT = ("commit.begins", "commit.numbered", "commit.ledger", "commit.written", "commit.done", "commit.told")
START = ("start.claimed", "start.loaded", "start.restored")
APPLY = ("apply.leased", "apply.carried", *COMMIT, "apply.done")


def _deaths(story: str, hooks: tuple[str, ...], *kinds: str) -> list[Death]:
    return [Death(story, hook, kind) for kind in kinds or ("",) for hook in hooks]


BY_GATEWAY: tuple[Death, ...] = (
    *_deaths("fill", ("ask.told", *ASK, *TAKE)),
    *_deaths("fill", COMMIT, "submitting"),
    *_deaths("fill", ("send.before", "send.after")),
    *_deaths("fill", COMMIT, "traded"),
    *_deaths("rest", COMMIT, "accepted"),
    *_deaths("rest", ("tick.before", "tick.matched")),
    *_deaths("rest", COMMIT, "traded"),
    *_deaths("cancel", (*ASK, *TAKE)),
    *_deaths("cancel", COMMIT, "cancel_requested"),
    *_deaths("cancel", ("withdraw.before", "withdraw.after")),
    *_deaths("cancel", COMMIT, "cancelled"),
    *_deaths("reject", COMMIT, "rejected"),
    *_deaths("deposit", (*ASK, *TAKE)),
    *_deaths("deposit", COMMIT, "deposit"),
    *_deaths("settle", (*ASK, *TAKE)),
    *_deaths("settle", COMMIT, "settled"),
    *_deaths("undo", (*ASK, *TAKE)),
    *_deaths("undo", COMMIT, "settlement_undone"),
)
"""While a gateway runs."""

BY_RISK: tuple[Death, ...] = (
    *_deaths("hold", TAKE),
    *_deaths("hold", ("hold.asked", "hold.decided")),
    *_deaths("hold", COMMIT, "held"),
    *_deaths("hold", ("withdraw.before", "withdraw.after")),
    *_deaths("hold", COMMIT, "cancelled"),
    *_deaths("stop", ("stop.seen", "stop.asked")),
    *_deaths("stop", COMMIT, "cancel_requested"),
    *_deaths("stop", ("withdraw.before", "withdraw.after")),
    *_deaths("stop", COMMIT, "cancelled"),
)
"""In a gateway that obeys a stop, or has an order of its own withdrawn so that another may go."""

BY_FAST_ROAD = tuple(_deaths("fast", ("fast.asked", "fast.written", "fast.woken")))
"""In a web process on PostgreSQL."""

BY_VERB: tuple[Death, ...] = (
    *_deaths("deposit", (*ASK, *APPLY)),
    *_deaths("settle", (*ASK, *APPLY)),
    *_deaths("undo", (*ASK, *APPLY)),
)
"""While none runs: the caller of the verb does it."""

EVERYDAY = tuple({death.hook: death for death in (*reversed(BY_VERB), *reversed(BY_GATEWAY))}.values())[::-1]
"""One death at each hook."""

Die = Callable[[str, str, frozenset[str]], None]
"""Called at each hook with its name, the account that is at work in this thread ('' where none is) and, inside
a commit, the kinds of the events it holds. Returns where nobody is to die."""

_here = threading.local()


@contextmanager
def hooked(die: Die) -> Iterator[None]:
    """Have ``die`` called at every hook until the block ends."""
    undo: list[tuple[Any, str, Any]] = []

    def put(target: str, make: Callable[[Any], Any]) -> None:
        module, _colon, path = target.partition(":")
        owner: Any = import_module(module)
        *outer, name = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        old = getattr(owner, name)
        undo.append((owner, name, old))
        setattr(owner, name, make(old))

    def at(hook: str) -> None:
        die(hook, getattr(_here, "account", ""), getattr(_here, "kinds", frozenset()))

    for hook, target, side in HOOKS:
        put(target, functools.partial(_around, at=at, hook=hook, side=side))
    put("trading.ledger.keeper:write", _telling_kinds)
    put(
        "trading.ledger.changes:transaction",
        lambda old: SimpleNamespace(**{**vars(old), "atomic": lambda savepoint: _atomic(at, savepoint)}),
    )
    put("trading.loop.account_loop:AccountLoop.turn", _telling_account)
    put("trading.loop.account_loop:AccountLoop.tend", _telling_account)
    put("trading.loop.commands:Commands.carry_out", _telling_account)
    put("trading.loop.account_loop:AccountLoop.__enter__", _telling_account)
    put("trading.ledger.apply:apply_now", _telling_account)
    put("trading.verbs.funding:apply_now", _telling_account)
    put("trading.verbs.settling:apply_now", _telling_account)
    try:
        yield
    finally:
        for owner, name, old in reversed(undo):
            setattr(owner, name, old)


def _around(function: Any, *, at: Callable[[str], None], hook: str, side: str) -> Any:
    @functools.wraps(function)
    def wrapped(*given: Any, **named: Any) -> Any:
        if side == BEFORE:
            at(hook)
        result = function(*given, **named)
        if side == AFTER:
            at(hook)
        return result

    return wrapped


def _telling_kinds(write: Any) -> Any:
    @functools.wraps(write)
    def wrapped(state: Any, committed: int, changes: Any) -> None:
        _here.kinds = frozenset(event.kind for event in changes.events)
        try:
            write(state, committed, changes)
        finally:
            _here.kinds = frozenset()

    return wrapped


def _telling_account(function: Any) -> Any:
    """Of a method of an object with an account, or a function whose first argument is one."""

    @functools.wraps(function)
    def wrapped(first: Any, *given: Any, **named: Any) -> Any:
        before = getattr(_here, "account", "")
        _here.account = getattr(first, "account", first).code
        try:
            return function(first, *given, **named)
        finally:
            _here.account = before

    return wrapped


@contextmanager
def _atomic(at: Callable[[str], None], savepoint: bool) -> Iterator[None]:
    with transaction.atomic(savepoint=savepoint):
        yield
        at("commit.written")
