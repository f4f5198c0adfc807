"""Codes of rows in words for people: kinds of log lines, why an instance failed, and the columns that a verb names."""

from collections.abc import Iterable, Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = Mapping[str, str | Promise]

LOG_KINDS: Words = {
    "approve": pgettext_lazy("strategy log", "approved"),
    "change": pgettext_lazy("strategy log", "changed"),
    "create": pgettext_lazy("strategy log", "made"),
    "demote": pgettext_lazy("strategy log", "taken back"),
    "error": pgettext_lazy("strategy log", "error"),
    "expiring": pgettext_lazy("strategy log", "expires soon"),
    "fail": pgettext_lazy("strategy log", "failed"),
    "failed": pgettext_lazy("strategy log", "failed"),
    "flat": pgettext_lazy("strategy log", "flat"),
    "flatten": pgettext_lazy("strategy log", "flattening"),
    "gap": pgettext_lazy("strategy log", "data missed"),
    "given_up": pgettext_lazy("strategy log", "target given up"),
    "go_live": pgettext_lazy("strategy log", "gone live"),
    "heard": pgettext_lazy("strategy log", "heard again"),
    "left": pgettext_lazy("strategy log", "lots stay"),
    "loss_limit": pgettext_lazy("strategy log", "loss limit"),
    "pair_failed": pgettext_lazy("strategy log", "leg alone"),
    "pair_undone": pgettext_lazy("strategy log", "pair undone"),
    "parameters": pgettext_lazy("strategy log", "parameters"),
    "pause": pgettext_lazy("strategy log", "paused"),
    "paused": pgettext_lazy("strategy log", "paused"),
    "promote": pgettext_lazy("strategy log", "promoted"),
    "refused": pgettext_lazy("strategy log", "order refused"),
    "restored": pgettext_lazy("strategy log", "restored"),
    "resume": pgettext_lazy("strategy log", "goes on"),
    "resumed": pgettext_lazy("strategy log", "goes on"),
    "retire": pgettext_lazy("strategy log", "retired"),
    "roll": pgettext_lazy("strategy log", "roll"),
    "roll_asked": pgettext_lazy("strategy log", "roll asked for"),
    "roll_failed": pgettext_lazy("strategy log", "roll failed"),
    "rolled": pgettext_lazy("strategy log", "rolled"),
    "silent": pgettext_lazy("strategy log", "leg silent"),
    "slow": pgettext_lazy("strategy log", "slow"),
    "start": pgettext_lazy("strategy log", "started"),
    "started": pgettext_lazy("strategy log", "running"),
    "stop": pgettext_lazy("strategy log", "stopped"),
    "stopped": pgettext_lazy("strategy log", "stopped"),
    "unreadable": pgettext_lazy("strategy log", "state unreadable"),
    "waits": pgettext_lazy("strategy log", "waits for its former orders"),
}
"""``StrategyLog.kind`` -> a word."""

FAILURES: Words = {
    "behind": _("behind the market"),
    "died": _("its process died"),
    "lots_differ": _("other lots than its orders made"),
    "no_hours": _("its instrument has no hours"),
    "not_stored": _("what it led to cannot be stored"),
    "number_taken": _("the number of an order was taken"),
    "out_of_memory": _("too much memory"),
    "over_budget": _("too slow"),
    "permission_denied": _("no right to trade"),
    "raised": _("its code raised an error"),
    "roll_failed": _("a roll failed"),
    "state_too_large": _("its state is too large"),
    "state_unreadable": _("its state cannot be read"),
    "unfit": _("it wants what cannot be"),
    "unknown_account": _("its account is gone"),
    "unknown_strategy": _("its code is gone"),
}
"""``StrategyInstance.failure_code`` -> why, in a few words."""

REASONS: Words = {
    "add": pgettext_lazy("signal", "adds"),
    "breakout": pgettext_lazy("signal", "breakout"),
    "cross above": pgettext_lazy("signal", "crossed above"),
    "cross below": pgettext_lazy("signal", "crossed below"),
    "enter": pgettext_lazy("signal", "enters"),
    "lean": pgettext_lazy("signal", "leans"),
    "leave": pgettext_lazy("signal", "leaves"),
    "level": pgettext_lazy("signal", "level"),
    "out": pgettext_lazy("signal", "out"),
    "rank": pgettext_lazy("signal", "ranked"),
}
"""Why the platform's own strategies decide; an author's reasons are told as they are written."""

DAY_FAULTS: Words = {
    **LOG_KINDS,
    "begun_late": _("begun late"),
    "errors": _("its code raised an error"),
    "gaps": _("data missed"),
    "no_opening": _("without a beginning"),
    "no_ticks": _("no market data"),
}
"""Why a day on paper does not count: what was noticed of it, or a line of the log that spoils it."""

COLUMNS: Words = {
    "account": _("Account"),
    "budget_ms": _("Time for one event"),
    "day_loss_limit": _("Loss limit of a day"),
    "execution": _("Execution"),
    "follow_main": _("Follow the main contract"),
    "instruments": _("Instruments"),
    "interval": _("Interval"),
    "isolated": _("Process of its own"),
    "memory_mb": _("Memory of that process"),
    "note": _("Note"),
    "on_failure": _("On a failure"),
    "parameters": _("Parameters"),
    "seed": _("Seed"),
    "strategy": _("Strategy"),
    "title": _("Title"),
    "total_loss_limit": _("Loss limit in total"),
    "unit": _("Lots a unit"),
}
"""Terms of an instance by their columns."""


def word(words: Words, code: str) -> str:
    """The word for a code; a code that nobody has named is told as it is."""
    return str(words.get(code, code))


def listed(words: Words, codes: Iterable[str]) -> str:
    """Several of them, in the order of their codes."""
    return str(_(", ")).join(word(words, code) for code in sorted(codes))
