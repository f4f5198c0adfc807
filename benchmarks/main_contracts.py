"""How our rule of the main contract agrees with recorded data: a recorded list of rolls, one day of all contracts, and
the open interest of recorded main-contract bars around their rolls.

It measures nothing of this machine and is no part of ``make bench``: it prints what the recorded data say
(``python -m benchmarks.main_contracts``; with ``--json`` one object a line).
"""

import csv
import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from marketdata.domain.calendar import to_day_number
from marketdata.domain.codes import InstrumentCode, parse_code, resolve
from marketdata.domain.expiry import expiry_by_rule, rule_name
from marketdata.domain.main_contract import ContractDay, Decision, Obstacle, days_left, decide, rule_of
from marketdata.domain.reference import find_product, load_calendar

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SNAPSHOT_DAY = date(2020, 6, 16)
"""Its volumes are of this day: TA009 has 670,125 lots, as the recorded bars of TA of that day have."""
DECIDED_FOR = date(2020, 6, 17)


@dataclass(frozen=True)
class ListedRoll:
    """A roll of the recorded list: ``day`` is the first trading day of the new contract."""

    exchange: str
    product: str
    day: date
    old: InstrumentCode
    new: InstrumentCode


@cache
def listed_rolls(data: Path = DATA) -> tuple[ListedRoll, ...]:
    """The whole recorded list, by product and day."""
    with gzip.open(data / "reference" / "wt_hots.json.gz", "rt", encoding="utf-8") as file:
        content = json.load(file)
    found = []
    for exchange, products in content.items():
        for product, rows in products.items():
            for row in rows:
                day = datetime.strptime(row["date"], "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
                pair = (resolve(parse_code(f"{row[end]}.{exchange}"), day) for end in ("from", "to"))
                found.append(ListedRoll(exchange, product, day, *pair))
    return tuple(found)


@dataclass(frozen=True)
class Structure:
    """What the list itself keeps to: ``back`` rolls to an earlier month, ``closed`` on days without trading,
    ``twice`` a second one of the product on a day, ``broken`` ones that begin at another contract."""

    rolls: int
    products: int
    back: int
    closed: int
    twice: int
    broken: int


def structure(rolls: Sequence[ListedRoll]) -> Structure:
    """Never back, one a day, an unbroken chain."""
    pairs = [(one, two) for one, two in pairwise(rolls) if (one.exchange, one.product) == (two.exchange, two.product)]
    return Structure(
        rolls=len(rolls),
        products=len({(roll.exchange, roll.product) for roll in rolls}),
        back=sum(_month(roll.new) <= _month(roll.old) for roll in rolls),
        closed=sum(not load_calendar().is_trading_day(roll.day) for roll in rolls),
        twice=sum(one.day == two.day for one, two in pairs),
        broken=sum(one.new != two.old for one, two in pairs),
    )


@dataclass(frozen=True)
class LastDays:
    """How near its end the list leaves a contract. ``left`` -> rolls: trading days from the first day of the new
    contract to the last day of the old one; ``later`` come after our rule would have forced them; ``delivery``: day of
    the delivery month -> rolls that fall into it."""

    left: dict[int, int]
    later: int
    delivery: dict[int, int]
    by_rule: dict[str, tuple[int, int]]


def last_days(rolls: Sequence[ListedRoll]) -> LastDays:
    """Trading days that the list leaves to a contract, by the products' own expiry rules."""
    calendar = load_calendar()
    left, delivery, later = Counter[int](), Counter[int](), 0
    by_rule: dict[str, list[int]] = {}
    for roll in rolls:
        days = days_left(_expiry(roll.exchange, roll.product, _month(roll.old)), roll.day, calendar)
        left[days] += 1
        later += days < rule_of(roll.exchange).leave_days - 1
        by_rule.setdefault(rule_name(find_product(roll.exchange, roll.product), *_month(roll.old)), []).append(days)
        if (roll.day.year, roll.day.month) == _month(roll.old):
            delivery[len(calendar.between(roll.day.replace(day=1), roll.day))] += 1
    told = {name: (min(days), len(days)) for name, days in by_rule.items()}
    return LastDays(dict(sorted(left.items())), later, dict(sorted(delivery.items())), told)


@dataclass(frozen=True)
class Pick:
    """One product on the recorded day: the list's contract on the next day, what our rule says, with the figures.

    ``ours`` is decided with the list's contract of that day as the present one, ``first`` without any, ``again`` with
    the contract before the list's last roll, '' where that one is over.
    """

    product: str
    listed: str
    present: str
    ours: str
    first: str
    again: str
    ground: str
    figures: dict[str, tuple[float, float]]


def picks(data: Path = DATA) -> Iterator[Pick]:
    """The products of the list with a contract in force, against the one recorded day of all contracts."""
    calendar, table = load_calendar(), snapshot(data)
    for key in sorted({(roll.exchange, roll.product) for roll in listed_rolls(data)}):
        mine = [roll for roll in listed_rolls(data) if (roll.exchange, roll.product) == key]
        before = [roll.new.code for roll in mine if roll.day <= SNAPSHOT_DAY]
        listed = [roll.new.code for roll in mine if roll.day <= DECIDED_FOR]
        if not before or key not in table:
            continue
        rule, rows = rule_of(key[0]), table[key]
        ours = decide(rows, before[-1], DECIDED_FOR, calendar, rule)
        past = next(roll.old.code for roll in mine if roll.new.code == listed[-1])
        live = past in {row.code for row in rows}
        yield Pick(
            product=f"{key[1]}.{key[0]}",
            listed=listed[-1],
            present=before[-1],
            ours=_code(ours),
            first=_code(decide(rows, None, DECIDED_FOR, calendar, rule)),
            again=_code(decide(rows, past, DECIDED_FOR, calendar, rule)) if live else "",
            ground=ours.ground.value if isinstance(ours, Decision) else ours.value,
            figures={row.code: (row.open_interest, row.volume) for row in rows},
        )


def _code(found: Decision | Obstacle) -> str:
    return found.main.code if isinstance(found, Decision) else found.value


def snapshot(data: Path = DATA) -> dict[tuple[str, str], list[ContractDay]]:
    """The live contracts of the recorded day by product; the file has no prices, so each stands at 1."""
    found: dict[tuple[str, str], list[ContractDay]] = {}
    with gzip.open(data / "reference" / "futures_2020-06-16.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["expired"] != "False":
                continue
            expires = date.fromisoformat(row["expire_datetime"][:10])
            month = (int(row["delivery_year"]), int(row["delivery_month"]))
            code = f"{row['instrument_id']}.{row['exchange_id']}"
            figures = (float(row["open_interest"]), float(row["pre_volume"]))
            day = ContractDay(code, month, expires, *figures, close=1.0)
            found.setdefault((row["exchange_id"], row["product_id"]), []).append(day)
    return found


@dataclass(frozen=True)
class Splice:
    """A roll as recorded bars show it: open interest of the old contract at the close before, of the new one after its
    first five minutes. ``ratio`` above 1.1: our rule had fired (the new one's figure is five minutes late)."""

    day: date
    shift: int
    old_interest: float
    new_interest: float
    gap: float

    @property
    def ratio(self) -> float:
        """New to old."""
        return self.new_interest / self.old_interest


def splices(data: Path = DATA, reach: int = 2, least: float = 0.01) -> Iterator[Splice]:
    """The rolls of steel that stand out in the recorded bars: the day, within ``reach`` of the listed one, at whose
    first bar open interest and price jump most alike; rolls whose spread is below ``least`` cannot be placed."""
    days, first, last = _series_days(data / "bars" / "SHFE.rb.HOT_5m_2014-2019.csv.gz")
    with gzip.open(data / "reference" / "wt_hots.json.gz", "rt", encoding="utf-8") as file:
        listed = json.load(file)["SHFE"]["rb"]
    for row in listed:
        day = datetime.strptime(row["date"], "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
        spread = row["newclose"] / row["oldclse"] - 1
        at = int(np.searchsorted(days, to_day_number(day)))
        if abs(spread) < least or not reach < at < len(days) - reach:
            continue
        gaps = {shift: first[at + shift][0] / last[at + shift - 1][0] - 1 for shift in range(-reach, reach + 1)}
        best = max(gaps, key=lambda shift: abs(gaps[shift]) - abs(gaps[shift] - spread))
        here = at + best
        yield Splice(day, best, last[here - 1][1], first[here][1], gaps[best])


def index_splices(data: Path = DATA, reach: int = 6) -> Iterator[Splice]:
    """The rolls of the index future in its recorded bars, one for each month of 2014-2017: there is no list of them.

    ``day`` is the last trading day of the month's contract, ``shift`` the trading days from it to the day at
    whose first bar open interest jumps most, from ``reach`` days before it to two after it.
    """
    days, first, last = _series_days(data / "bars" / "CFFEX.IF.HOT_5m_2014-2017.csv.gz")
    for year in range(2014, 2018):
        for month in range(1, 13):
            expiry = _expiry("CFFEX", "IF", (year, month))
            at = days.index(to_day_number(expiry))
            ratios = {shift: first[at + shift][1] / last[at + shift - 1][1] for shift in range(-reach, 3)}
            best = max(ratios, key=lambda shift: ratios[shift])
            here = at + best
            yield Splice(expiry, best, last[here - 1][1], first[here][1], first[here][0] / last[here - 1][0] - 1)


def _series_days(path: Path) -> tuple[list[int], list[tuple[float, float]], list[tuple[float, float]]]:
    """Trading days, and of each one the open with the first bar's open interest, and the close with the last one's."""
    days: list[int] = []
    first: list[tuple[float, float]] = []
    last: list[tuple[float, float]] = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            wall = datetime.fromisoformat(row["datetime"])
            evening = wall.hour >= 18
            day = _trading_day(wall.date(), evening=evening)
            if not days or days[-1] != day:
                days.append(day)
                first.append((float(row["open"]), float(row["open_interest"])))
                last.append(first[-1])
            last[-1] = (float(row["close"]), float(row["open_interest"]))
    return days, first, last


@cache
def _trading_day(day: date, *, evening: bool) -> int:
    calendar = load_calendar()
    return to_day_number(calendar.next_after(day) if evening else calendar.on_or_after(day))


def _month(code: InstrumentCode) -> tuple[int, int]:
    return code.year or 0, code.month or 0


def _expiry(exchange: str, product: str, month: tuple[int, int]) -> date:
    return expiry_by_rule(find_product(exchange, product), *month, load_calendar())


def main(arguments: list[str]) -> int:
    """Print every comparison."""
    rolls = listed_rolls()
    found = list(picks())
    steel, index = list(splices()), list(index_splices())
    told = {
        "structure": asdict(structure(rolls)),
        "last_days": asdict(last_days(rolls)),
        "picks": {
            "products": len(found),
            "agree": sum(pick.ours == pick.listed for pick in found),
            "agree_without_history": sum(pick.first == pick.listed for pick in found),
            "rolls_repeated": [
                sum(pick.again == pick.listed for pick in found),
                sum(pick.again != "" for pick in found),
            ],
            "rolled": [asdict(pick) for pick in found if pick.ours != pick.present],
            "differ": [asdict(pick) for pick in found if pick.ours != pick.listed],
            "differ_without_history": [asdict(pick) for pick in found if pick.first != pick.listed],
        },
        "splices": {
            "rolls": len(steel),
            "fired": sum(one.ratio > rule_of("SHFE").ratio for one in steel),
            "ratios": {str(one.day): [one.shift, round(one.ratio, 3)] for one in steel},
        },
        "index_splices": {
            "rolls": len(index),
            "fired": sum(one.ratio > rule_of("CFFEX").ratio for one in index),
            "least": round(min(one.ratio for one in index), 3),
            "days_before_the_last": dict(sorted(Counter(-one.shift for one in index).items())),
        },
    }
    for name, value in told.items():
        if "--json" in arguments:
            print(json.dumps({"name": f"main_contracts.{name}", **value}))
        else:
            print(name, json.dumps(value, indent=1), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
