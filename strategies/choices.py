"""The choices of this app's rows, with their names for people; the values are the domain's own."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class StageName(models.TextChoices):
    """How far an instance is trusted (``strategies.domain.lifecycle.Stage``)."""

    DRAFT = "draft", pgettext_lazy("strategy", "draft")
    BACKTESTED = "backtested", pgettext_lazy("strategy", "backtested")
    PAPER = "paper", pgettext_lazy("strategy", "paper")
    APPROVED = "approved", pgettext_lazy("strategy", "approved")
    LIVE = "live", pgettext_lazy("strategy", "live")
    RETIRED = "retired", pgettext_lazy("strategy", "retired")


GATE_STAGES = [(stage.value, stage.label) for stage in StageName if stage not in {StageName.DRAFT, StageName.RETIRED}]
"""The stages that may be hard to enter."""


class ActivityName(models.TextChoices):
    """What people want an instance to do (``strategies.domain.lifecycle.Activity``)."""

    STOPPED = "stopped", pgettext_lazy("strategy", "stopped")
    RUNNING = "running", pgettext_lazy("strategy", "running")
    PAUSED = "paused", pgettext_lazy("strategy", "paused")


class Health(models.TextChoices):
    """What the runner says of an instance."""

    OFF = "off", pgettext_lazy("strategy", "off")
    WAITING = "waiting", pgettext_lazy("strategy", "waiting for its former orders to end")
    WARMING = "warming", pgettext_lazy("strategy", "warming up")
    RUNNING = "running", pgettext_lazy("strategy", "running")
    PAUSED = "paused", pgettext_lazy("strategy", "paused")
    FAILED = "failed", pgettext_lazy("strategy", "failed")
    GAP = "gap", pgettext_lazy("strategy", "data missing")


class OnFailure(models.TextChoices):
    """What becomes of orders and lots of an instance that stops or fails."""

    LEAVE = "leave", _("leave orders and lots")
    CANCEL = "cancel", _("withdraw orders, keep lots")
    FLATTEN = "flatten", _("withdraw orders, close lots")


class CauseName(models.TextChoices):
    """Why an order was decided on (``strategies.domain.hosting.intents.Cause``)."""

    TARGET = "target", pgettext_lazy("cause", "target")
    ORDER = "order", pgettext_lazy("cause", "order")
    REPLY = "reply", pgettext_lazy("cause", "reply")
    STOP = "stop", pgettext_lazy("cause", "stop")
    ROLL = "roll", pgettext_lazy("cause", "roll")
    FLATTEN = "flatten", pgettext_lazy("cause", "flatten")
    ALGO = "algo", pgettext_lazy("cause", "execution")


class EvidenceName(models.TextChoices):
    """What can be shown of a strategy (``strategies.domain.gates.EvidenceKind``)."""

    BACKTEST = "backtest", _("backtest")
    LOOK_AHEAD = "look_ahead", _("check for later bars")
    WARM_UP = "warm_up", _("check of the warm-up")
    PAPER_DAY = "paper_day", _("day on paper")
    DRIFT = "drift", _("day repeated by the backtester")


class RollState(models.TextChoices):
    """Where a roll from one contract to the next stands."""

    PLANNED = "planned", pgettext_lazy("roll", "planned")
    ROLLING = "rolling", pgettext_lazy("roll", "under way")
    EXPOSED = "exposed", pgettext_lazy("roll", "one leg open")
    DONE = "done", pgettext_lazy("roll", "done")
    UNDONE = "undone", pgettext_lazy("roll", "undone")
    FAILED = "failed", pgettext_lazy("roll", "failed")


class LogLevel(models.TextChoices):
    """How much a line of an instance's log matters."""

    DEBUG = "debug", pgettext_lazy("log", "detail")
    INFO = "info", pgettext_lazy("log", "information")
    WARNING = "warning", pgettext_lazy("log", "warning")
    ERROR = "error", pgettext_lazy("log", "error")
