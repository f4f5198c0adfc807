"""The examples of docs/strategies.md are strategies that run, and its table of presets is the library's."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtests.domain.engine import RunConfig, run
from backtests.tests.domain.series import CODE, flat_costs
from marketdata.domain.bars import BarSeries
from strategies import registry
from strategies.domain.forms import ANY_LEGS, Form, forms, own_forms
from strategies.domain.strategy import BaseStrategy
from strategies.tests.domain.bars import series

TEXT = (Path(__file__).parents[3] / "docs" / "strategies.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->\n```python\n(.*?)```", TEXT, re.DOTALL))
FORM_OF = {"targets": Form.TARGET, "events": Form.EVENT, "conditional": Form.EVENT, "plain": Form.PLAIN}
LEGS = {1: "", 2: "two legs", ANY_LEGS: "two legs or more"}
NUMBERS = {Form.TARGET: "1", Form.EVENT: "2", Form.PLAIN: "3"}


@pytest.fixture(scope="module")
def bars() -> BarSeries:
    """A walk on whole ticks, fifty days of sixty bars."""
    chance = np.random.default_rng(8)
    moves = chance.integers(-4, 5, (3_000, 3))
    close = 4_000 + moves[:, 0].cumsum()
    opened = np.concatenate([[4_000], close[:-1]])
    high, low = (np.maximum(opened, close) + abs(moves[:, 1])), (np.minimum(opened, close) - abs(moves[:, 2]))
    return series(np.stack([opened, high, low, close], axis=1).astype(float).tolist(), day_bars=60)


def classes_of(example: str) -> list[type[BaseStrategy]]:
    """The classes that the text of an example defines."""
    names: dict[str, Any] = {"__name__": f"example_{example}"}
    exec(compile(EXAMPLES[example], f"docs/strategies.md: {example}", "exec", dont_inherit=True), names)  # noqa: S102
    made = [value for value in names.values() if isinstance(value, type) and value.__module__ == f"example_{example}"]
    return [cls for cls in made if issubclass(cls, BaseStrategy)]


@pytest.mark.parametrize("example", FORM_OF)
def test_an_example_trades_in_each_of_its_forms(example: str, bars: BarSeries) -> None:
    classes = classes_of(example)
    assert classes
    for cls in classes:
        registry.check_forms(cls)
        assert own_forms(cls) == (FORM_OF[example],)
        fills = [
            run(bars, cls(cls.Parameters()), RunConfig(CODE, "1m", 1e9, 1.0, flat_costs(), form=form)).fills
            for form in forms(cls)
        ]
        assert len(fills[0]) > 5
        for other in fills[1:]:
            assert np.array_equal(fills[0].bar_index, other.bar_index)
            assert np.array_equal(fills[0].price, other.price)


def test_the_table_of_presets_is_the_library() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d|ticks)(?:, (.*?))? \| (.*?) \|", TEXT, re.MULTILINE)
    assert sorted(name for name, *_ in rows) == registry.names()
    for name, form, several, told in rows:
        cls = registry.get(name)
        assert form == (NUMBERS[own_forms(cls)[0]] if own_forms(cls) else "ticks")
        assert several == LEGS[cls.legs]
        for info in registry.parameters(name):
            shown = "" if info.kind == "str" else f" {info.default:g}"
            assert f"`{info.name}`{shown}" in told, name
