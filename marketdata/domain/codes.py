"""Instrument codes: symbol, dot, exchange, as each exchange writes its symbols; case counts."""

import re
from dataclasses import dataclass, replace
from datetime import date

from marketdata.domain.instrument import InstrumentKind
from quantsite.common.errors import RuleError
from quantsite.common.texts import did_you_mean, say, sentences

SIMULATED_EXCHANGE = "SIM"
"""Carries made-up data only."""

EXCHANGES = ("SHFE", "INE", "DCE", "CZCE", "CFFEX", "GFEX", SIMULATED_EXCHANGE)
CONTINUOUS_SERIES = ("88", "888", "889", "99", "888r", "889r")
"""Main contract raw, forward and backward adjusted by difference, index; ``r``: adjusted by ratio (RQData's names)."""

SERIES_ON_TICK_GRID = frozenset({"88"})
"""Only the raw main contract quotes prices that were traded; adjusted and averaged ones lie off the grid."""

_LOWER = re.compile(r"([a-z]{1,5})(\d{2})(\d{2})(F?)")
_PATTERNS = {
    "CZCE": re.compile(r"([A-Z]{1,3})(\d)(\d{2})()"),
    "CFFEX": re.compile(r"([A-Z]{1,3})(\d{2})(\d{2})()"),
}
_CONTINUOUS = re.compile(r"([A-Za-z]{1,5}(?:_f)?)(888r|889r|888|889|88|99)")
_OPTION = re.compile(r"[A-Za-z]+\d{3,4}(F|MS)?-?[CP]-?\d+(\.\d+)?")
_COMBINATION = re.compile(r"(SP|SPC|SPD|IPS|STD|STG|PRT|BUL|BER|BOX|CAS)D? .*&.*")


@dataclass(frozen=True, slots=True)
class InstrumentCode:
    """A code taken apart. ``series`` is empty for a contract, ``year`` and ``month`` are ``None`` for a series.

    ``year`` of a CZCE contract is ``None`` until :func:`resolve` has seen the date of the data, for CZCE writes one
    digit of it.
    """

    symbol: str
    exchange: str
    product: str
    kind: InstrumentKind
    series: str = ""
    year: int | None = None
    month: int | None = None

    @property
    def code(self) -> str:
        """``rb2501.SHFE``."""
        return f"{self.symbol}.{self.exchange}"

    @property
    def on_tick_grid(self) -> bool:
        """Whether prices of this instrument must be multiples of the price tick."""
        return self.kind is InstrumentKind.FUTURE or self.series in SERIES_ON_TICK_GRID


def parse_code(text: str) -> InstrumentCode:
    """Take ``rb2501.SHFE``, ``TA001.CZCE`` or ``IF88.CFFEX`` apart.

    Raises :class:`RuleError`: ``unknown_exchange``; ``unsupported_instrument`` for options and combinations;
    ``invalid_code`` for everything else that is not a code of that exchange, with the likely one where there is one.
    """
    symbol, dot, exchange = text.strip().rpartition(".")
    if not dot or exchange not in EXCHANGES:
        known = ", ".join(EXCHANGES)
        told = say("%(text)r names no exchange: write symbol.EXCHANGE with one of %(known)s.", text=text, known=known)
        raise RuleError("unknown_exchange", told)
    if _OPTION.fullmatch(symbol) or _COMBINATION.fullmatch(symbol):
        told = say("%(text)r is an option or a combination: only futures are supported.", text=text)
        raise RuleError("unsupported_instrument", told)
    parsed = _parse_symbol(symbol, exchange)
    if parsed is None:
        likely = _likely(symbol, exchange)
        told = say("%(symbol)r is no futures symbol as %(exchange)s writes them.", symbol=symbol, exchange=exchange)
        raise RuleError("invalid_code", sentences(told, did_you_mean(likely.code if likely else None)))
    return parsed


def resolve(code: InstrumentCode, on: date) -> InstrumentCode:
    """``code`` with its full delivery year, given a day ``on`` which it was traded.

    A CZCE contract is the nearest one of its digit whose delivery month is that of ``on`` or later: TA001 traded in
    2019 is of January 2020, traded in 2009 of January 2010. Others, and series, come back as they are.
    """
    if code.month is None or code.year is not None:
        return code
    digit = int(code.symbol[len(code.product)])
    year = on.year + (digit - on.year) % 10
    if (year, code.month) < (on.year, on.month):
        year += 10
    return replace(code, year=year)


def contract_symbol(exchange: str, product: str, year: int, month: int) -> str:
    """The symbol of a contract as its exchange writes it: ``rb2501``, ``TA501``, ``l2603F``."""
    if exchange == "CZCE":
        return f"{product}{year % 10}{month:02d}"
    letters, suffix = (product[:-2], "F") if product.endswith("_f") else (product, "")
    return f"{letters}{year % 100:02d}{month:02d}{suffix}"


def _parse_symbol(symbol: str, exchange: str) -> InstrumentCode | None:
    upper = exchange in _PATTERNS
    series = _CONTINUOUS.fullmatch(symbol)
    if series and series[1] == (series[1].upper() if upper else series[1].lower()):
        return InstrumentCode(symbol, exchange, series[1], InstrumentKind.CONTINUOUS, series=series[2])
    match = _PATTERNS.get(exchange, _LOWER).fullmatch(symbol)
    if match is None or not 1 <= int(match[3]) <= 12:
        return None
    product = f"{match[1]}_f" if match[4] else match[1]
    year = None if exchange == "CZCE" else 2000 + int(match[2])
    return InstrumentCode(symbol, exchange, product, InstrumentKind.FUTURE, year=year, month=int(match[3]))


def _likely(symbol: str, exchange: str) -> InstrumentCode | None:
    """The code meant where letters have the wrong case, or CZCE's year two digits."""
    swapped = symbol.upper() if exchange in _PATTERNS else symbol.lower()
    if exchange == "CZCE":
        swapped = re.sub(r"^([A-Z]+)\d(\d{3})$", r"\1\2", swapped)
    return _parse_symbol(swapped, exchange)
