"""What the sockets tell of: backtests, optimisations, walk-forwards, strategies; how each is read, who may see it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from backtests.models import BacktestRun
from backtests.optimise.models import OptimizationRun, WalkForwardRun
from backtests.optimise.permissions import visible_optimizations, visible_walks
from backtests.permissions import visible_runs
from backtests.states import OPEN_STATES
from quantsite.common.errors import MissingError
from strategies.models import StrategyInstance
from strategies.permissions import visible_instances
from strategies.standing import lively, standings
from strategies.standing_news import news

if TYPE_CHECKING:
    from accounts.models import User

JUST_FINISHED = timedelta(seconds=30)
"""Final states stay in view for this long: a poll that failed or came late still finds them."""

State = dict[str, Any]
"""What a socket tells of one row: ``run`` is its number, the other keys are as in the API's list."""

COMMON = ("status", "strategy", "interval", "error", "created_at", "started_at", "finished_at")


@dataclass(frozen=True)
class Topic(ABC):
    """One kind of rows: ``every`` is the channel of all that one may see, ``one`` the beginning of a row's own.

    ``permission`` is the one that listening takes, ``key`` the name that a row's number has in its state.
    ``together``: rows that changed at one look are told in one message, a list.
    """

    every: str
    one: str
    permission: str
    visible: Callable[["User"], models.QuerySet[Any]]
    key: str = "run"
    together: bool = False

    @abstractmethod
    def states(self, rows: models.QuerySet[Any]) -> list[State]:
        """The states of ``rows``, the newest first."""

    @abstractmethod
    def live(self) -> list[State]:
        """The states of which something may be new."""

    def more(self, state: State, sent: State | None) -> State:  # noqa: ARG002 - for topics that have more
        """What a row's own channel tells besides its state: since ``sent``, or of late where nothing was sent yet."""
        return {}


@dataclass(frozen=True)
class RunTopic(Topic):
    """Runs: columns of their rows."""

    model: type[models.Model] = BacktestRun
    columns: tuple[str, ...] = ()

    def states(self, rows: models.QuerySet[Any]) -> list[State]:
        """The states of ``rows``, the newest first."""
        values = rows.order_by("-pk").values(*COMMON, *self.columns, run=F("pk"), code=F("instrument__code"))
        return [{"run": row.pop("run"), "instrument": row.pop("code"), **row} for row in values]

    def live(self) -> list[State]:
        """The rows that are open or have just come to their end."""
        recent = Q(status__in=OPEN_STATES) | Q(finished_at__gt=Now() - JUST_FINISHED)
        return self.states(self.model._default_manager.filter(recent))


@dataclass(frozen=True)
class StrategyTopic(Topic):
    """Strategy instances: how each stands; an instance's own channel also tells its signals and its log."""

    def states(self, rows: models.QuerySet[Any]) -> list[State]:
        """How ``rows`` stand, by key."""
        return standings(StrategyInstance.objects.filter(pk__in=rows.order_by().values("pk")))

    def live(self) -> list[State]:
        """Those at work, and those that were changed a moment ago."""
        return standings(lively(timezone.now()))

    def more(self, state: State, sent: State | None) -> State:
        """``signals`` and ``log``, the oldest first: those since ``sent``, or the newest ones."""
        return news(state, sent)


BACKTESTS = RunTopic(
    "backtests",
    "backtest:",
    "backtests.view_backtestrun",
    visible_runs,
    model=BacktestRun,
    columns=("progress", "attempt", "cancel_requested", "total_return", "max_drawdown", "sharpe", "trade_count"),
)
OPTIMIZATIONS = RunTopic(
    "optimizations",
    "optimization:",
    "backtests.view_optimizationrun",
    visible_optimizations,
    model=OptimizationRun,
    columns=("method", "total", "done", "skipped", "failed", "feasible", "generation", "walk_forward"),
)
WALK_FORWARDS = RunTopic(
    "walk-forwards",
    "walk-forward:",
    "backtests.view_walkforwardrun",
    visible_walks,
    model=WalkForwardRun,
    columns=("summary", "cancel_requested"),
)
STRATEGIES = StrategyTopic(
    "strategies", "strategy:", "strategies.view_strategyinstance", visible_instances, key="strategy", together=True
)

TOPICS: tuple[Topic, ...] = (BACKTESTS, OPTIMIZATIONS, WALK_FORWARDS, STRATEGIES)


def topic_of(channel: str) -> tuple[Topic, int | None]:
    """The topic of a channel and the row that it is about, ``None`` for all. Raises ``MissingError`` for no channel."""
    for topic in TOPICS:
        if channel == topic.every:
            return topic, None
        number = channel.removeprefix(topic.one)
        if number != channel and number.isascii() and number.isdigit() and len(number) <= 18:
            return topic, int(number)
    raise MissingError("unknown_channel", f"There is no channel {channel!r} on this socket")
