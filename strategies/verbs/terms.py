"""What an instance is: the terms that it is tested, approved and run with, checked whichever door they come through."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from marketdata.domain.intervals import interval_name, parse_interval
from marketdata.instruments import find_instrument
from marketdata.models import Instrument
from quantsite.common.errors import MissingError, RuleError
from quantsite.common.texts import say, sentences
from strategies import registry
from strategies.choices import OnFailure
from strategies.domain.execution.plan import parse
from strategies.domain.forms import ANY_LEGS, fits
from strategies.instance_models import StrategyInstance
from strategies.verbs.accounts_of import paper_account
from trading.account_models import TradingAccount

if TYPE_CHECKING:
    from accounts.models import User

TICKS = "tick"
KEY = re.compile(r"[A-Za-z0-9][-\w]{0,79}", re.ASCII)
MOST_UNIT = 1_000_000
MOST_LEGS = 50
MOST_SEED = 2**63 - 1
MOST_YUAN = Decimal(10) ** 13
MOST_BUDGET_MS = 60_000
LEAST_MEMORY_MB, MOST_MEMORY_MB = 64, 65_536
PLACES = 6
"""Decimals of the columns of money."""

FREE = ("title", "note")
"""What may be written whenever: nobody trades by it."""

AT_ONCE = ("on_failure", "day_loss_limit", "total_loss_limit", "budget_ms")
"""Bounds that hold from the next event on, while the instance runs."""

STOPPED_ONLY = ("unit", "execution", "follow_main", "isolated", "memory_mb")
"""What is read when an instance starts."""

FLAT_ONLY = ("strategy", "instruments", "interval", "seed", "account")
"""What makes it another one: it must be stopped and hold nothing, and what it knows is forgotten."""

TERMS = (*FLAT_ONLY, "parameters", *STOPPED_ONLY, *AT_ONCE)
"""All that a second person agrees to."""


@dataclass(frozen=True, slots=True)
class NewInstance:
    """An instance as asked for. Loss limits in yuan, ``unit`` in lots, instruments by their codes, leg 0 first."""

    key: str
    strategy: str
    instruments: tuple[str, ...]
    account: str
    interval: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    note: str = ""
    unit: int = 1
    seed: int = 0
    follow_main: bool = False
    execution: Mapping[str, Any] = field(default_factory=dict)
    on_failure: str = OnFailure.CANCEL
    day_loss_limit: Decimal | None = None
    total_loss_limit: Decimal | None = None
    budget_ms: int = 200
    memory_mb: int = 512
    isolated: bool | None = None

    def terms(self) -> dict[str, Any]:
        """The terms by name, as :func:`checked` takes them."""
        return {name: getattr(self, name) for name in (*FREE, *TERMS)}


@dataclass(frozen=True, slots=True)
class Checked:
    """Terms that may be stored: ``columns`` of the instance, and the instruments of its legs where they were given."""

    columns: dict[str, Any]
    instruments: tuple[Instrument, ...] | None


class Faults:
    """What is wrong so far: input -> sentence; ``code`` is that of the first."""

    def __init__(self) -> None:
        self.code = ""
        self.fields: dict[str, str] = {}

    def collect(self, name: str, check: Callable[[], Any]) -> Any:
        """What ``check`` gives; its ``RuleError`` is noted under its own fields, else under ``name``."""
        try:
            return check()
        except RuleError as error:
            self.code = self.code or error.code
            for where, text in (error.fields or {name: error.text}).items():
                self.fields.setdefault(where, text)
            return None

    def demand_none(self) -> None:
        """Raises ``RuleError`` with every fault beside its input."""
        if self.fields:
            raise RuleError(self.code, sentences(*self.fields.values()), fields=self.fields)


def terms_of(instance: StrategyInstance) -> dict[str, Any]:
    """The terms of a stored instance as JSON, with the source that they were tested with."""
    own = {name: getattr(instance, name) for name in TERMS if name not in {"instruments", "account"}}
    for name in ("day_loss_limit", "total_loss_limit"):
        own[name] = None if own[name] is None else f"{Decimal(own[name]).normalize():f}"
    legs = instance.legs.select_related("instrument").order_by("number")
    return {
        **own,
        "instruments": [leg.instrument.code for leg in legs],
        "account": instance.account.code,
        "source_hash": instance.source_hash,
    }


def checked(actor: "User | None", given: Mapping[str, Any], now: Mapping[str, Any] | None = None) -> Checked:
    """``given`` terms made ready to be stored; ``now`` are those that stand beside them (none for a new instance).

    Raises ``RuleError`` whose ``fields`` name every refused input.
    """
    faults, columns = Faults(), {}
    for name in given.keys() & _PLAIN.keys():
        check = _PLAIN[name]
        columns[name] = faults.collect(name, partial(check, name, given[name]))
    both = {**(now or {}), **given}
    if "strategy" in given or "parameters" in given:
        columns["parameters"] = faults.collect("parameters", lambda: _parameters(both))
    instruments = None
    if "strategy" in given or "instruments" in given:
        instruments = faults.collect("instruments", lambda: _instruments(both))
    if "strategy" in given or "interval" in given:
        faults.collect("interval", lambda: _demand_driven(both))
    if "execution" in given or "instruments" in given:
        columns["execution"] = faults.collect("execution", lambda: _execution(both))
    if "account" in given:
        columns["account"] = faults.collect("account", lambda: _account(actor, given["account"]))
    if actor is not None and both.get("isolated") is False and given.keys() & {"strategy", "isolated"}:
        faults.collect("isolated", partial(_demand_trusted, both["strategy"]))
    faults.demand_none()
    return Checked(columns, instruments)


def checked_key(key: str) -> str:
    """The key. Raises ``RuleError`` ``invalid_key``."""
    if not KEY.fullmatch(key):
        text = _("A key is 1 to 80 letters, digits, - and _, and begins with a letter or digit, not %(key)s.")
        told = text % {"key": repr(key[:90])}
        raise RuleError("invalid_key", told, fields={"key": told})
    return key


def _parameters(both: Mapping[str, Any]) -> dict[str, Any]:
    values = both.get("parameters") or {}
    if not isinstance(values, Mapping):
        raise _fault("parameters", _("Parameters are names with values, not %(value)s.") % {"value": repr(values)})
    try:
        return registry.parameters_of(both["strategy"]).from_mapping(values).as_dict()
    except MissingError as error:  # the name is an input here, not an address
        raise RuleError(error.code, error.text, fields={"strategy": error.text}) from error


def _demand_trusted(strategy: str) -> None:
    """Raises ``RuleError`` for code that only a process of its own may run: who owns a file does not vouch for it."""
    if not registry.is_trusted(strategy):
        text = _(
            "%(strategy)s runs in a process of its own: what may run in the runner's, the operator names in "
            "QUANTSITE_TRUSTED_STRATEGIES."
        )
        raise _fault("isolated", text % {"strategy": strategy})


def _demand_driven(both: Mapping[str, Any]) -> None:
    """Raises ``RuleError`` where the strategy cannot decide on what the interval names."""
    try:
        facts = registry.facts(both["strategy"])
    except RuleError as error:  # said beside the strategy, with its parameters
        raise RuleError(error.code, error.text, fields={"strategy": error.text}) from error
    name = {"strategy": facts.name, "name": facts.name}
    if both["interval"] == TICKS and not facts.ticks:
        raise _fault("interval", _("%(strategy)s decides on bars only: name an interval of bars.") % name)
    if both["interval"] != TICKS and not facts.own_forms:
        raise _fault("interval", say("%(name)s cannot be driven by bars.", **name))


def _instruments(both: Mapping[str, Any]) -> tuple[Instrument, ...]:
    codes = tuple(both["instruments"])
    try:
        wanted = registry.legs(both["strategy"])
    except RuleError as error:  # said beside the strategy, with its parameters
        raise RuleError(error.code, error.text, fields={"strategy": error.text}) from error
    if not fits(wanted, len(codes)) or len(set(codes)) != len(codes) or len(codes) > MOST_LEGS:
        many = _("%(strategy)s trades two different instruments or more, %(most)d at most: name each, not %(given)s.")
        one = _("%(strategy)s trades %(wanted)d different instruments: name each of them, not %(given)s.")
        names = {"strategy": both["strategy"], "wanted": wanted, "most": MOST_LEGS, "given": ", ".join(codes) or "-"}
        raise _fault("instruments", (many if wanted == ANY_LEGS else one) % names)
    try:
        return tuple(find_instrument(code) for code in codes)
    except MissingError as error:
        raise RuleError(error.code, error.text, fields={"instruments": error.text}) from error


def _account(actor: "User | None", code: str) -> TradingAccount:
    try:
        return paper_account(actor, code)
    except MissingError as error:
        raise RuleError(error.code, error.text, fields={"account": error.text}) from error


def _whole(least: int, most: int) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            text = _("%(name)s must be a whole number from %(least)d to %(most)d, not %(value)s.")
            raise _fault(name, text % {"name": name, "least": least, "most": most, "value": repr(value)})
        return value

    return check


def _loss(name: str, value: Any) -> Decimal | None:
    """Yuan above 0; None for no limit."""
    if value is None:
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and 0 < amount < MOST_YUAN and amount == round(amount, PLACES)):
        text = _("%(name)s is an amount of yuan above 0, with six decimals at most, or none, not %(value)s.")
        raise _fault(name, text % {"name": name, "value": repr(value)})
    return amount


def _policy(name: str, value: Any) -> str:
    if value not in OnFailure.values:
        text = _("%(name)s is one of %(known)s, not %(value)s.")
        raise _fault(name, text % {"name": name, "known": ", ".join(OnFailure.values), "value": repr(value)})
    return str(value)


def _flag(*, empty: bool) -> Callable[[str, Any], bool | None]:
    def check(name: str, value: Any) -> bool | None:
        if not (isinstance(value, bool) or (empty and value is None)):
            raise _fault(name, _("%(name)s is true or false, not %(value)s.") % {"name": name, "value": repr(value)})
        return value

    return check


def _interval(name: str, value: Any) -> str:
    if value == TICKS:
        return TICKS
    try:
        return interval_name(parse_interval(str(value)))
    except RuleError as error:
        raise RuleError(error.code, error.text, fields={name: error.text}) from error


def _execution(both: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of an execution as given; empty for market orders at once. Faults are keyed ``execution.kind``."""
    given = both.get("execution") or {}
    try:
        parse(given, legs=len(tuple(both["instruments"])))
    except RuleError as error:
        own = {name: text for name, text in error.fields.items() if name != "execution"}
        fields = {f"execution.{name}": text for name, text in own.items()} or error.fields
        raise RuleError(error.code, error.text, fields=fields) from error
    return dict(given)


def _text(most: int) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        text = str(value).strip()
        if len(text) > most or "\x00" in text:
            raise _fault(name, _("%(name)s has at most %(most)d characters.") % {"name": name, "most": most})
        return text

    return check


def _name(_field: str, value: Any) -> str:
    return str(value)  # that it exists is found with its parameters


def _fault(name: str, told: str) -> RuleError:
    return RuleError(f"invalid_{name}", told, fields={name: told})


_PLAIN: Mapping[str, Callable[[str, Any], Any]] = {
    "title": _text(120),
    "note": _text(10_000),
    "strategy": _name,
    "interval": _interval,
    "seed": _whole(0, MOST_SEED),
    "unit": _whole(1, MOST_UNIT),
    "follow_main": _flag(empty=False),
    "isolated": _flag(empty=True),
    "memory_mb": _whole(LEAST_MEMORY_MB, MOST_MEMORY_MB),
    "on_failure": _policy,
    "day_loss_limit": _loss,
    "total_loss_limit": _loss,
    "budget_ms": _whole(1, MOST_BUDGET_MS),
}
"""Terms that can be judged by themselves."""
