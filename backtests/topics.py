"""What the sockets tell of: backtests, optimisations and walk-forwards; how each is read and who may see it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backtests.models import BacktestRun
from backtests.optimise.models import OptimizationRun, WalkForwardRun
from backtests.optimise.permissions import visible_optimizations, visible_walks
from backtests.permissions import visible_runs
from backtests.states import OPEN_STATES
from quantsite.common.errors import MissingError

if TYPE_CHECKING:
    from accounts.models import User

JUST_FINISHED = timedelta(seconds=30)
"""Final states stay in view for this long: a poll that failed or came late still finds them."""

State = dict[str, Any]
"""What a socket tells of one row: ``run`` is its number, the other keys are as in the API's list."""

COMMON = ("status", "strategy", "interval", "error", "created_at", "started_at", "finished_at")


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of rows: ``every`` is the channel of all that one may see, ``one`` the beginning of a row's own."""

    every: str
    one: str
    model: type[models.Model]
    columns: tuple[str, ...]
    visible: Callable[["User"], models.QuerySet[Any]]

    def states(self, rows: models.QuerySet[Any]) -> list[State]:
        """The states of ``rows``, the newest first."""
        values = rows.order_by("-pk").values(*COMMON, *self.columns, run=F("pk"), code=F("instrument__code"))
        return [{"run": row.pop("run"), "instrument": row.pop("code"), **row} for row in values]

    def live(self) -> list[State]:
        """The rows that are open or have just come to their end."""
        recent = Q(status__in=OPEN_STATES) | Q(finished_at__gt=Now() - JUST_FINISHED)
        return self.states(self.model._default_manager.filter(recent))


BACKTESTS = Topic(
    "backtests",
    "backtest:",
    BacktestRun,
    ("progress", "attempt", "cancel_requested", "total_return", "max_drawdown", "sharpe", "trade_count"),
    visible_runs,
)
OPTIMIZATIONS = Topic(
    "optimizations",
    "optimization:",
    OptimizationRun,
    ("method", "total", "done", "skipped", "failed", "feasible", "generation", "walk_forward"),
    visible_optimizations,
)
WALK_FORWARDS = Topic("walk-forwards", "walk-forward:", WalkForwardRun, ("summary", "cancel_requested"), visible_walks)

TOPICS = (BACKTESTS, OPTIMIZATIONS, WALK_FORWARDS)


def topic_of(channel: str) -> tuple[Topic, int | None]:
    """The topic of a channel and the row that it is about, ``None`` for all. Raises ``MissingError`` for no channel."""
    for topic in TOPICS:
        if channel == topic.every:
            return topic, None
        number = channel.removeprefix(topic.one)
        if number != channel and number.isascii() and number.isdigit() and len(number) <= 18:
            return topic, int(number)
    raise MissingError("unknown_channel", f"There is no channel {channel!r} on this socket")
