"""Is a request for a backtest sound? Every fault is found at once, each beside the input it belongs to."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import partial
from math import isfinite
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from backtests.requests import CostOptions, RunRequest
from backtests.rule_checks import check_form, check_rules
from backtests.run_costs import cost_table
from backtests.tick_checks import check_driven_by_ticks, check_hosted, check_ticks
from backtests.tick_days import TICK
from marketdata.domain.intervals import interval_name, parse_interval
from marketdata.models import BarCoverage, Instrument
from quantsite.common.errors import RuleError
from quantsite.common.texts import sentences
from strategies import registry
from strategies.domain.forms import ANY_LEGS, fits

T = TypeVar("T")

MAX_CAPITAL = 1e15
"""Yuan. Above it a float64 no longer tells hundredths apart."""

MAX_VOLUME = 1e6
"""Lots a target; no exchange lets anybody hold as many."""

MAX_LEGS = 50
"""Instruments on one account: their bars lie in memory together."""


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A request that may be stored: names resolved, every parameter filled in, cost options without the empty ones.

    ``instruments`` has one for each leg, the first one first.
    """

    request: RunRequest
    instruments: tuple[Instrument, ...]
    interval: str
    parameters: dict[str, Any]
    costs: dict[str, float]

    @property
    def instrument(self) -> Instrument:
        """That of the first leg."""
        return self.instruments[0]


class _Faults:
    """The faults found so far: input -> sentence; ``code`` is that of the first."""

    def __init__(self) -> None:
        self.code = ""
        self.fields: dict[str, str] = {}

    def add(self, name: str, text: str, code: str = "invalid_request") -> None:
        self.code = self.code or code
        self.fields.setdefault(name, text)

    def collect(self, name: str, check: Callable[[], T]) -> T | None:
        """What ``check`` gives; its ``RuleError`` is noted under its own fields, else under ``name``."""
        try:
            return check()
        except RuleError as error:
            for field, text in (error.fields or {name: error.text}).items():
                self.add(field, text, error.code)
            return None


def check_request(request: RunRequest, *, ticks: bool = False) -> CheckedRequest:
    """The request made ready to be stored; only with ``ticks`` it may ask for a run on ticks.

    Raises ``RuleError`` whose ``fields`` name every refused input.
    """
    faults = _Faults()
    parameters = faults.collect("parameters", lambda: _parameters(request))
    on_ticks = ticks and request.interval == TICK
    hosted = request.rules.ticks and not on_ticks
    interval = TICK if on_ticks else faults.collect("interval", lambda: _interval(request))
    if parameters is not None:
        faults.collect("form", lambda: _check_road(request, on_ticks=on_ticks, hosted=hosted, allowed=ticks))
        faults.collect("instrument", lambda: _check_legs(request))
    instruments = _instruments(request, faults)
    if interval:
        for instrument in instruments:
            faults.collect("interval", partial(_check_data, request, instrument, TICK if hosted else interval))
    for instrument in instruments:
        faults.collect("costs", partial(_check_costs, request, instrument))
    _check_money(request, faults)
    if not faults.fields and interval:
        faults.collect("rules", lambda: check_rules(request, instruments, interval))
    if faults.fields or interval is None or parameters is None:
        raise RuleError(faults.code, sentences(*faults.fields.values()), fields=faults.fields)
    return CheckedRequest(request, instruments, interval, parameters, request.costs.given())


def _check_road(request: RunRequest, *, on_ticks: bool, hosted: bool, allowed: bool) -> None:
    """Strategy, form and switches must fit the road: bars, every tick, or bars that decide and ticks that fill."""
    if on_ticks:
        check_driven_by_ticks(request)
    elif hosted and not allowed:
        text = _("ticks is for a single backtest: leave it out here.")
        raise RuleError("not_on_ticks", text, fields={"ticks": text})
    else:
        check_form(request)
        if hosted:
            check_hosted(request)


def _instruments(request: RunRequest, faults: _Faults) -> tuple[Instrument, ...]:
    """The instruments of all legs that exist; none where the legs make no sense."""
    if "instrument" in faults.fields:
        return ()
    found = [faults.collect("instrument", partial(_instrument, code)) for code in request.instruments[:MAX_LEGS]]
    return tuple(instrument for instrument in found if instrument)


def _check_legs(request: RunRequest) -> None:
    """As many instruments as the strategy wants, none twice."""
    codes, wanted = request.instruments, registry.legs(request.strategy)
    if wanted == ANY_LEGS and not fits(wanted, len(codes)):
        text = _("%(strategy)s trades two instruments or more at once: name each of them.")
        text %= {"strategy": request.strategy}
    elif wanted > 1 and not fits(wanted, len(codes)):
        text = _("%(strategy)s trades %(wanted)d instruments, not %(given)d: name each of them.") % {
            "strategy": request.strategy,
            "wanted": wanted,
            "given": len(codes),
        }
    elif len(codes) > MAX_LEGS:
        text = _("A run takes at most %(limit)d instruments, not %(given)d.") % {
            "limit": MAX_LEGS,
            "given": len(codes),
        }
    elif twice := sorted({code for code in codes if codes.count(code) > 1}):
        text = _("Each instrument may be named once: %(codes)s.") % {"codes": ", ".join(twice)}
    else:
        return
    raise RuleError("invalid_legs", text, fields={"instrument": text})


def _parameters(request: RunRequest) -> dict[str, Any]:
    """The strategy's parameters, typed, defaults filled in."""
    return asdict(registry.parameters_of(request.strategy).from_mapping(request.parameters))


def _instrument(code: str) -> Instrument:
    """The instrument; the error proposes near codes among those that have bars."""
    found = Instrument.objects.select_related("product").filter(code=code).first()
    if found:
        return found
    with_bars = Instrument.objects.filter(coverage__bars__gt=0).distinct().values_list("code", flat=True)
    near = get_close_matches(code, with_bars, n=1, cutoff=0.5)
    text = _("There is no instrument %(code)s.") % {"code": repr(code)}
    hint = " " + _("Did you mean %(near)s?") % {"near": repr(near[0])} if near else ""
    raise RuleError("unknown_instrument", text + hint, fields={"instrument": text + hint})


def _interval(request: RunRequest) -> str:
    """The one name of the bars' interval."""
    return interval_name(parse_interval(request.interval))


def _check_data(request: RunRequest, instrument: Instrument, interval: str) -> None:
    """There must be bars, or ticks, between the days asked for."""
    cover = None if interval == TICK else coverage_of(instrument, interval)
    if request.start and request.end and request.start > request.end:
        text = _("The first day %(start)s lies after the last day %(end)s.") % {
            "start": request.start,
            "end": request.end,
        }
        raise RuleError("invalid_period", text, fields={"start": text})
    if cover is None:
        check_ticks(request, instrument)
        return
    after = request.start and cover.last_day and request.start > cover.last_day
    before = request.end and cover.first_day and request.end < cover.first_day
    if after or before:
        text = _("The bars of %(code)s %(interval)s reach from %(first)s to %(last)s.") % {
            "code": instrument.code,
            "interval": interval,
            "first": cover.first_day,
            "last": cover.last_day,
        }
        raise RuleError("no_bars", text, fields={"start" if after else "end": text})


def coverage_of(instrument: Instrument, interval: str) -> BarCoverage:
    """What is stored of an instrument and interval. Raises ``RuleError`` ``no_bars``, naming what is, for none."""
    stored = BarCoverage.objects.filter(instrument=instrument, bars__gt=0)
    cover = stored.filter(interval=interval).first()
    if cover is not None:
        return cover
    known = ", ".join(sorted(stored.values_list("interval", flat=True)))
    text = _("%(code)s has no bars of %(interval)s.") % {"code": instrument.code, "interval": interval}
    if known:
        text += " " + _("Stored: %(intervals)s.") % {"intervals": known}
    raise RuleError("no_bars", text, fields={"interval": text})


def _check_costs(request: RunRequest, instrument: Instrument) -> None:
    """Every option must be a sensible figure by itself, and the whole a cost table."""
    check_cost_figures(request.costs)
    cost_table(instrument, request.costs)


def check_cost_figures(costs: CostOptions) -> None:
    """Raises ``RuleError`` ``invalid_costs`` for a given cost below 0 or that is no number."""
    faults = {
        name: _("%(name)s must be 0 or more, not %(value)s.") % {"name": name, "value": value}
        for name, value in costs.given().items()
        if not (isfinite(value) and value >= 0)
    }
    if faults:
        raise RuleError("invalid_costs", " ".join(faults.values()), fields=faults)


def _check_money(request: RunRequest, faults: _Faults) -> None:
    """Capital above zero, and whole lots, both small enough that a sum of them keeps its cents."""
    faults.collect("capital", lambda: check_capital(request.capital))
    if not (1 <= request.volume <= MAX_VOLUME and float(request.volume).is_integer()):
        text = _("volume must be a whole number of lots, from 1 to %(limit).0f, not %(value)s.")
        faults.add("volume", text % {"limit": MAX_VOLUME, "value": request.volume})


def check_capital(capital: float) -> None:
    """Raises ``RuleError`` ``invalid_request`` for a capital that is not above zero, or too large for its cents."""
    if not 0 < capital <= MAX_CAPITAL:
        text = _("capital must be above 0 and at most %(limit).0f, not %(value)s.")
        text %= {"limit": MAX_CAPITAL, "value": capital}
        raise RuleError("invalid_request", text, fields={"capital": text})
