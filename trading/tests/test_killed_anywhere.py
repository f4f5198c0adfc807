"""An account whose process dies at every step of an order's life, beside one that nothing happens to: they end alike.

Here a death is an exception that nothing catches and a new loop; ``test_processes_killed.py`` does it with SIGKILL.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from math import nan
from typing import Any

import pytest
from django.db.models.functions import Now

from accounts.models import Lease
from quantsite.common.errors import ConflictError
from trading import services
from trading.domain.risk.switches import Strength
from trading.ledger.apply import lease_of
from trading.limit_models import KillSwitch, SwitchEffect
from trading.order_models import AccountCommand
from trading.tests import loop_bench, risk_table
from trading.tests.deaths import BY_GATEWAY, BY_RISK, BY_VERB, EVERYDAY, START, Death, Killed, hooked
from trading.tests.loop_bench import RB, Bench, bench
from trading.tests.twins import differences, picture, wrongs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]


@dataclass
class Reaper:
    """Kills whoever comes to the armed hook while it works for the account."""

    death: Death | None = None
    account: str = ""
    killed: list[Death] = field(default_factory=list)

    def __call__(self, hook: str, account: str, kinds: frozenset[str]) -> None:
        death = self.death
        if death is None or hook != death.hook or account not in {"", self.account}:
            return
        if death.kind and death.kind not in kinds:
            return
        self.death = None
        self.killed.append(death)
        raise Killed


@dataclass
class Pair:
    """Two accounts on one market. ``one`` meets with deaths."""

    one: Bench
    other: Bench
    reaper: Reaper
    number: int = 0
    leaving: list[threading.Thread] = field(default_factory=list)

    def tell(self, story: str, deaths: list[Death]) -> None:
        """Have both live through a story, the first one with these deaths in it, and compare."""
        self.number += 1
        self.one.street.tick(4000.0, turnover=nan)  # a story that takes lots of a book finds a fresh one, and a market
        for table in (self.one, self.other):
            table.turn()  # or an order would be sent at the time of the tick before, where that one is read late
        try:
            _STORIES[story](self, deaths)
            assert wrongs(self.one.account) == []
            assert differences(picture(self.one.account), picture(self.other.account)) == []
        except Exception as error:
            error.add_note(f"in story {self.number}, killed: {', '.join(map(str, deaths))}")
            raise

    def both(self, act: Callable[[Bench], object], deaths: list[Death] | None = None) -> None:
        """``act`` until it is done: who is killed comes back and repeats it; a start may be killed as well."""
        waiting = list(deaths or ())
        self.reaper.account = self.one.account.code
        while True:
            self.reaper.death = waiting.pop(0) if waiting and self.reaper.death is None else self.reaper.death
            try:
                act(self.one)
            except Killed:
                self._restart(waiting)
                continue
            break
        assert self.reaper.death is None, f"nobody came to {self.reaper.death}"
        act(self.other)

    def _restart(self, waiting: list[Death]) -> None:
        self._leave(self.one)
        while True:
            Lease.objects.filter(name=lease_of(self.one.account)).update(expires_at=None)  # its time has passed
            self.reaper.death = waiting.pop(0) if waiting else None
            try:
                self.one.loop = loop_bench.new_loop(self.one.account)
            except Killed:
                continue
            return

    def _leave(self, table: Bench) -> None:
        """Forget a loop whose process is dead; its threads end in their own time."""
        thread = threading.Thread(target=loop_bench.abandon, args=(table.loop,))
        thread.start()
        self.leaving.append(thread)

    def renew(self) -> None:
        """New loops for both."""
        for table in (self.one, self.other):
            self._leave(table)
            table.loop = loop_bench.new_loop(table.account)

    def close(self) -> None:
        """Wait for the threads of every loop that was left."""
        for thread in self.leaving:
            thread.join()


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two accounts of a million, a market at 4000, and nobody armed."""
    reaper = Reaper()
    with bench("KILLED") as one, hooked(reaper):
        account = services.add_account(None, "SPARED", capital=loop_bench.CAPITAL)
        other = Bench(account, one.street, loop_bench.new_loop(account))
        made = Pair(one, other, reaper)
        yield made
        reaper.death = None
        other.loop.__exit__()
        made.close()


def _order(pair: Pair, name: str, *given: Any) -> Callable[[Bench], None]:
    """Place an order, again and again by the same id."""

    def act(table: Bench) -> None:
        table.order(*given, client_order_id=f"{name}-{pair.number}")

    return act


def _turn(table: Bench) -> None:
    table.turn()


def _fill(pair: Pair, deaths: list[Death]) -> None:
    """An order that fills when it arrives."""
    pair.both(_order(pair, "fill", "buy", "open", 4002.0, 3), _asked(deaths))
    pair.both(_turn, _worked(deaths))


def _rest(pair: Pair, deaths: list[Death]) -> None:
    """An order that rests, and is traded through two ticks later."""
    pair.both(_order(pair, "rest", "sell", "open", 4003.0, 3))
    pair.both(_turn, [death for death in deaths if death.kind == "accepted"])
    later = [death for death in deaths if death.kind != "accepted"]
    pair.one.street.tick(4001.0, lots=6, turnover=nan)
    pair.both(_turn, [death for death in later if not death.kind])
    pair.one.street.tick(4004.0, lots=6, turnover=nan)
    pair.both(_turn, [death for death in later if death.kind])
    pair.one.street.tick(4000.0, turnover=nan)
    pair.both(_turn)


def _cancel(pair: Pair, deaths: list[Death]) -> None:
    """An order that rests until it is withdrawn."""
    pair.both(_order(pair, "cancel", "buy", "open", 3990.0, 2))
    pair.both(_turn)

    def ask(table: Bench) -> None:
        services.cancel_order(None, table.account.orders.get(client_order_id=f"cancel-{pair.number}").pk)

    pair.both(ask, _asked(deaths))
    pair.both(_turn, _worked(deaths))


def _reject(pair: Pair, deaths: list[Death]) -> None:
    """An order that the account has no money for."""
    pair.both(_order(pair, "reject", "buy", "open", 4000.0, 450))
    pair.both(_turn, deaths)


def _money(pair: Pair, deaths: list[Death]) -> None:
    def ask(table: Bench) -> None:
        _unless_asked(table, f"money {pair.number}", lambda note: services.deposit(None, table.account.code, ONE, note))

    _verb(pair, ask, deaths)


def _settle(pair: Pair, deaths: list[Death]) -> None:
    _verb(pair, lambda table: services.settle(None, table.account.code, {RB: 4005.0}), deaths)
    _verb(pair, _undo_once)


def _undo(pair: Pair, deaths: list[Death]) -> None:
    _verb(pair, lambda table: services.settle(None, table.account.code, {RB: 4005.0}))
    _verb(pair, _undo_once, deaths)


def _verb(pair: Pair, ask: Callable[[Bench], object], deaths: list[Death] | None = None) -> None:
    if deaths and deaths[0] in BY_VERB:
        pair.both(ask, deaths)
        pair.renew()
    else:
        with _gateways_run(pair):
            pair.both(ask, _asked(deaths or []))
        pair.both(_turn, _worked(deaths or []))
    pair.both(_turn)


def _hold(pair: Pair, deaths: list[Death]) -> None:
    """A closing order that waits until an order of its own account is withdrawn, and fills."""
    pair.both(_order(pair, "held-lots", "buy", "open", 4002.0, 2))
    pair.both(_order(pair, "resting", "buy", "open", 3995.0, 1))
    pair.both(_turn)
    pair.both(_order(pair, "closing", "sell", "close_today", 3990.0, 2))
    pair.both(_turn, deaths)


def _stop(pair: Pair, deaths: list[Death]) -> None:
    """Orders that rest until a stop of the account withdraws them."""
    for number in range(2):
        pair.both(_order(pair, f"stopped-{number}", "buy", "open", 3990.0 - number, 1))
    pair.both(_turn)

    def set_stop(table: Bench) -> None:
        risk_table.stop(Strength.CANCEL_ALL, "account", table.account.code, reason=f"story {pair.number}")

    pair.both(set_stop)
    pair.both(_turn, deaths)
    rows = KillSwitch.objects.filter(reason=f"story {pair.number}")
    effects = SwitchEffect.objects.filter(switch__in=rows)
    assert sorted(effects.values_list("working", "cancelled")) == [(2, 2), (2, 2)]
    for row in rows:
        risk_table.release(row)
    pair.both(_turn)


ONE = Decimal("1234.56")
_STORIES = {
    "fill": _fill,
    "rest": _rest,
    "cancel": _cancel,
    "reject": _reject,
    "deposit": _money,
    "settle": _settle,
    "undo": _undo,
    "hold": _hold,
    "stop": _stop,
}


def _asked(deaths: list[Death]) -> list[Death]:
    return [death for death in deaths if death.hook.startswith("ask.")]


def _worked(deaths: list[Death]) -> list[Death]:
    return [death for death in deaths if not death.hook.startswith("ask.")]


def _unless_asked(table: Bench, note: str, ask: Callable[[str], object]) -> None:
    """Money has no id of the caller's: who got no answer looks before asking again."""
    if not AccountCommand.objects.filter(account=table.account, payload__note=note).exists():
        ask(note)


def _undo_once(table: Bench) -> None:
    """Who got no answer and asks again is told that there is nothing left to undo."""
    try:
        services.undo_settlement(None, table.account.code)
    except ConflictError as error:
        assert error.code == "nothing_to_undo"  # noqa: PT017 - it may pass without


@contextmanager
def _gateways_run(pair: Pair) -> Iterator[None]:
    """The leases as if the benches' loops held them; the caller of a verb does not wait for their turns."""
    names = [lease_of(table.account) for table in (pair.one, pair.other)]
    leases = Lease.objects.filter(name__in=names)
    leases.update(expires_at=Now() + timedelta(hours=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trading.ledger.apply.WAIT_SECONDS", 0.0)
        yield
    leases.update(expires_at=None)


def test_a_death_at_each_hook_changes_nothing(pair: Pair) -> None:
    for death in EVERYDAY:
        pair.tell(death.story, [death])
    assert pair.reaper.killed == list(EVERYDAY)


def test_starts_may_be_killed_too(pair: Pair) -> None:
    handed_over = Death("fill", "commit.done", "submitting")
    for hooks in (START, ("start.restored", *START)):
        pair.tell("fill", [handed_over, *(Death("fill", hook) for hook in hooks)])


@pytest.mark.parametrize("story", ["hold", "stop"])
def test_a_death_while_a_stop_is_obeyed_or_an_order_waits_changes_nothing(pair: Pair, story: str) -> None:
    mine = [death for death in BY_RISK if death.story == story]
    for death in mine:
        pair.tell(story, [death])
    assert pair.reaper.killed == mine


@pytest.mark.soak
def test_a_death_anywhere_changes_nothing(pair: Pair) -> None:
    for death in (*BY_GATEWAY, *BY_VERB):
        pair.tell(death.story, [death])


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_deaths_at_random_change_nothing(pair: Pair, seed: int) -> None:
    drawn = random.Random(seed)  # noqa: S311 - repeatable, not secret
    for _number in range(40):
        story = drawn.choice(["fill", "cancel", "reject", "deposit", "settle", "undo"])
        mine = [death for death in BY_GATEWAY if death.story == story and not death.hook.startswith("ask.")]
        first = drawn.choice(mine)
        pair.tell(story, [first, *(Death(story, drawn.choice(START)) for _time in range(drawn.randrange(3)))])
