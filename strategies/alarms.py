"""The alarms of live strategies; docs/runbook.md says what to do about each."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.alarms import Value, clear_alarm, raise_alarm, register_kind, register_subject
from accounts.models import Severity
from quantsite.common.texts import kept

FAILED = register_kind("strategy_failed", _("A strategy has failed"))
OVER_BUDGET = register_kind("strategy_over_budget", _("A strategy takes too long"))
LOSS_LIMIT = register_kind("strategy_loss_limit", _("A strategy has lost more than it may"))
LOST_TOO_MUCH = gettext_noop(
    "Strategy %(key)s has lost %(loss)s yuan and may lose %(maximum)s: it is stopped and taken back to backtested."
)
GAP = register_kind("strategy_gap", _("A strategy has missed market data"))
ROLL_EXPOSED = register_kind("strategy_roll_exposed", _("A roll stands on one leg"))
ROLL_FAILED = register_kind("strategy_roll_failed", _("A roll has failed"))
EXPIRING = register_kind("strategy_expiring", _("Lots of a strategy stand in a contract that ends"))
PAIR_UNEVEN = register_kind("strategy_pair_uneven", _("A leg of a pair stands alone"))
LEG_SILENT = register_kind("strategy_leg_silent", _("A strategy hears nothing of one of its contracts"))
STALLED = register_kind("strategies_stalled", _("Strategies are to run and nobody says anything of them"))
RUNNER = register_subject("strategies", _("runner of strategies"))
NOT_FLAT = register_kind("strategy_not_flat", _("Lots of a stopped strategy could not be closed"))

SLOW = gettext_noop(
    "Strategy %(key)s took %(took)d ms for one event, its budget is %(budget)d ms: others wait while it computes. Give "
    "it a process of its own, or have it do less."
)
MISSED = gettext_noop(
    "Strategy %(key)s has missed market data of %(sources)s: bars were taken from the store as far as they are there."
)
SILENT = gettext_noop(
    "Strategy %(key)s has heard nothing of %(codes)s for %(seconds)d seconds of trading, while others of the same feed "
    "are told of: what it decides, and the stops that are kept for it, stand on old prices."
)
UNRUN = gettext_noop(
    "%(count)d strategies are to run, and no runner does (manage.py run_strategies): %(keys)s. Their orders rest where "
    "they are, and their stops trigger on nothing."
)
UNTOLD = gettext_noop(
    "The runner of strategies is there and has said nothing of %(count)d of them for more than %(seconds)d s: %(keys)s."
)
LEFT = gettext_noop("Strategy %(key)s is stopped, and %(lots)s could not be closed: %(reason)s")
NOT_ROLLED = gettext_noop("Strategy %(key)s has not rolled from %(old)s to %(new)s: %(reason)s")
ENDS_SOON = gettext_noop(
    "Strategy %(key)s holds %(lots)d lots of %(code)s, which trades for %(days)d more days, and nothing rolls them: "
    "close them, or roll by hand."
)
UNEVEN = gettext_noop("Strategy %(key)s holds a pair of which one leg stands alone: %(reason)s")
ALONE = gettext_noop("Strategy %(key)s: %(lots)d lots of a pair have stood alone for %(seconds)d s.")
EXPOSED = gettext_noop("Strategy %(key)s rolls from %(old)s to %(new)s and has held one leg for %(seconds)d s.")

Values = Mapping[str, Value]


def tell_failed(key: str, text: str, values: Values) -> None:
    """It decides no more until somebody starts it again."""
    raise_alarm(FAILED, key, text, Severity.CRITICAL, values)


def tell_slow(key: str, took_ms: float, budget_ms: int) -> None:
    """A strategy in the runner's own process is over its budget."""
    raise_alarm(OVER_BUDGET, key, SLOW, Severity.WARNING, {"key": key, "took": int(took_ms), "budget": budget_ms})


def tell_stalled(keys: Sequence[str], count: int, seconds: int, *, running: bool) -> None:
    """Of ``count`` strategies, ``keys`` among them, nobody has said anything for so long."""
    named = ", ".join(keys) + (" …" if count > len(keys) else "")
    values: Values = {"count": count, "seconds": seconds, "keys": named}
    raise_alarm(STALLED, RUNNER, UNTOLD if running else UNRUN, Severity.CRITICAL, values)


def tell_gap(key: str, sources: str) -> None:
    """The stream no longer holds what the instance had not seen."""
    raise_alarm(GAP, key, MISSED, Severity.WARNING, {"key": key, "sources": sources})


def tell_silent(key: str, codes: str, seconds: int) -> None:
    """Legs without a tick while their market trades and their source is alive."""
    raise_alarm(LEG_SILENT, key, SILENT, Severity.WARNING, {"key": key, "codes": codes, "seconds": seconds})


def tell_left(key: str, lots: str, reason: str) -> None:
    """Lots of an instance that was to be flattened stay."""
    raise_alarm(NOT_FLAT, key, LEFT, Severity.CRITICAL, {"key": key, "lots": lots, "reason": reason})


def tell_exposed(key: str, old: str, new: str, seconds: float) -> None:
    """Only one leg of a roll is filled."""
    values: Values = {"key": key, "old": old, "new": new, "seconds": int(seconds)}
    raise_alarm(ROLL_EXPOSED, key, EXPOSED, Severity.CRITICAL, values)


def tell_roll_failed(key: str, old: str, new: str, reason: Any) -> None:
    """A roll has ended without the position in the new contract; ``reason`` is a kept or stored sentence."""
    values: Values = {"key": key, "old": old, "new": new, "reason": _kept(reason)}
    raise_alarm(ROLL_FAILED, key, NOT_ROLLED, Severity.CRITICAL, values)


def tell_expiring(key: str, lots: int, code: str, days: int) -> None:
    """Lots of a contract that is about to end, and nothing rolls them."""
    raise_alarm(EXPIRING, key, ENDS_SOON, Severity.CRITICAL, {"key": key, "lots": lots, "code": code, "days": days})


def tell_pair_failed(key: str, reason: Any) -> None:
    """A pair could be neither completed nor undone."""
    raise_alarm(PAIR_UNEVEN, key, UNEVEN, Severity.CRITICAL, {"key": key, "reason": _kept(reason)})


def tell_pair_exposed(key: str, lots: int, seconds: float) -> None:
    """A leg of a pair has been ahead of the other beyond its plan."""
    values: Values = {"key": key, "lots": lots, "seconds": int(seconds)}
    raise_alarm(PAIR_UNEVEN, key, ALONE, Severity.CRITICAL, values)


def _kept(sentence: Any) -> Value:
    """A stored sentence (``quantsite.common.texts.stored``) as alarms take it."""
    if not isinstance(sentence, Mapping):
        return cast("Value", sentence)
    return kept(sentence["text"], **{name: _kept(value) for name, value in sentence["values"].items()})


def end(code: str, key: str) -> None:
    """It is over."""
    clear_alarm(code, key)
