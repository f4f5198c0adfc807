"""Every block of docs/cookbook.md is a file that runs: honest, with a warm-up that is long enough, and trading."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backtests import author
from backtests.domain.lookahead_market import Market
from quantsite.common.errors import RuleError
from strategies.domain.forms import takes_ticks
from strategies.domain.hosting.snapshot import encode_attributes, restore_attributes
from strategies.domain.strategy import BaseStrategy

TEXT = (Path(__file__).parents[3] / "docs" / "cookbook.md").read_text(encoding="utf-8")
BLOCK = r"\n```python\n(.*?)```"
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->" + BLOCK, TEXT, re.DOTALL))
WRONG = {name: (told, code) for name, told, code in re.findall(r"<!-- wrong: (\w+) (.*?) -->" + BLOCK, TEXT, re.DOTALL)}


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """Modules of the document go with the test."""
    before = set(sys.modules)
    yield
    for name in {name for name in sys.modules if name.startswith("user_strategies_")} - before:
        del sys.modules[name]


def class_of(name: str, code: str, folder: Path) -> type[BaseStrategy]:
    """The strategy of a block, loaded as a user's file is."""
    path = folder / f"{name}.py"
    path.write_text(f'"""A block of the cookbook."""\n\n{code}', encoding="utf-8")
    return author.strategy_class(path)


def market_for(cls: type[BaseStrategy]) -> Market:
    """Bars for each leg, or ticks for one that nothing else drives."""
    on_ticks_only = takes_ticks(cls) and "on_tick" in vars(cls)
    return author.made_ticks() if on_ticks_only else author.made_bars(cls.legs)


def test_no_block_is_left_out() -> None:
    assert len(EXAMPLES) == 10
    assert len(WRONG) == 3
    assert TEXT.count("```python") == len(EXAMPLES) + len(WRONG)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_honest_and_trades_the_same_in_every_form(name: str, tmp_path: Path) -> None:
    cls = class_of(name, EXAMPLES[name], tmp_path)
    market = market_for(cls)
    assert author.faults_of(lambda: cls(cls.Parameters()), market) == []
    first, *others = author.deals(lambda: cls(cls.Parameters()), market)
    assert len(first) > 20
    assert all(other == first for other in others)


@pytest.mark.parametrize("name", WRONG)
def test_what_not_to_do_is_found(name: str, tmp_path: Path) -> None:
    told, code = WRONG[name]
    cls = class_of(name, code, tmp_path)
    assert any(told in fault for fault in author.faults_of(lambda: cls(cls.Parameters()), market_for(cls)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_an_example_remembers_can_be_stored(name: str, tmp_path: Path) -> None:
    cls = class_of(name, EXAMPLES[name], tmp_path)
    made: list[BaseStrategy] = []

    def make() -> BaseStrategy:
        made.append(cls(cls.Parameters()))
        return made[-1]

    author.deals(make, market_for(cls))
    own = cls(cls.Parameters())
    own.initialize()
    for attribute in set(vars(own)) - {"parameters"}:  # of a run, without what the check has wrapped
        setattr(own, attribute, getattr(made[-1], attribute))
    again = cls(cls.Parameters())
    restore_attributes(again, encode_attributes(own))
    kept = {key: value for key, value in vars(own).items() if key != "parameters"}
    assert {key: value for key, value in vars(again).items() if key != "parameters"} == kept


def test_what_cannot_be_stored_is_refused_by_its_name(tmp_path: Path) -> None:
    cls = class_of("moving_stop", EXAMPLES["moving_stop"], tmp_path)
    made = cls(cls.Parameters())
    made.initialize()
    made._rule = lambda close: close > 0  # type: ignore[attr-defined] # as the document warns
    with pytest.raises(RuleError, match="_rule"):
        encode_attributes(made)


def held(name: str, folder: Path) -> Iterator[tuple[int, int, float]]:
    """Day, minute of the day in Shanghai, and what is held from then on, after each fill."""
    cls, position = class_of(name, EXAMPLES[name], folder), 0.0
    for deal in author.deals(lambda: cls(cls.Parameters()), author.made_bars())[0]:
        position += deal.lots
        day, minute = divmod(deal.at // 60_000_000_000 + 8 * 60, 24 * 60)
        yield day, minute, position


@pytest.mark.parametrize(
    ("name", "first", "last"), [("out_before_close", 9 * 60, 895), ("morning_only", 9 * 60 + 30, 11 * 60 + 20)]
)
def test_nothing_is_held_outside_of_the_hours(name: str, first: int, last: int, tmp_path: Path) -> None:
    days: dict[int, float] = {}
    for day, minute, position in held(name, tmp_path):
        assert first <= minute <= last
        days[day] = position
    assert len(days) > 40
    assert set(days.values()) == {0.0}


@pytest.mark.parametrize(("name", "most"), [("pyramid", 4.0), ("sized_by_range", 10.0), ("moving_stop", 1.0)])
def test_sizes_stay_within_what_the_rule_says(name: str, most: float, tmp_path: Path) -> None:
    sizes = {abs(position) for _day, _minute, position in held(name, tmp_path)}
    assert max(sizes) <= most
    assert name == "moving_stop" or len(sizes) > 3, "more than one size was held"


def test_days_without_more_entries_after_three_losses(tmp_path: Path) -> None:
    """The recipe does what it says: by the fills of each day."""
    cls = class_of("three_strikes", EXAMPLES["three_strikes"], tmp_path)
    deals = author.deals(lambda: cls(cls.Parameters()), author.made_bars())[0]
    losses: dict[int, int] = {}
    opened: author.Deal | None = None
    full = 0
    for deal in deals:
        day = deal.at // (24 * 3_600_000_000_000)
        if deal.lots > 0:
            assert losses.get(day, 0) < 3 or opened is None
            opened = deal
        elif opened is not None:
            losses[day] = losses.get(day, 0) + (deal.price < opened.price)
            full += losses[day] == 3
    assert full > 0
    assert max(losses.values()) == 3
