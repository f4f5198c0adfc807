"""Every preset on recorded bars: the committed table holds, and the plain form trades as the fast one does."""

from pathlib import Path

import numpy as np
import pytest

from backtests.domain.engine import RunSetup, prepare_legs
from backtests.domain.result import FillTable
from benchmarks import presets
from benchmarks.presets import CASES, Case
from strategies import registry
from strategies.domain.forms import Form

DOCUMENT = Path(__file__).parents[3] / "docs" / "presets.md"

SEVERAL_FORMS = [case for case in CASES if case.series == ("TA",) and len(registry.forms(case.preset)) > 1]

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """The rows of the committed table."""
    figures = DOCUMENT.read_text(encoding="utf-8").split(presets.BEGIN)[1].split(presets.END)[0]
    return [line for line in figures.splitlines() if line.startswith("|")][2:]


def name_of(case: Case) -> str:
    return " ".join(case.label)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_committed_figures_hold(case: Case, printed: list[str], shared_data: Path) -> None:
    assert presets.row_of(case, shared_data) == printed[CASES.index(case)]


def test_the_table_has_every_preset_and_nothing_else(printed: list[str]) -> None:
    assert len(printed) == len(CASES)
    assert {case.preset for case in CASES} == set(registry.names())


@pytest.mark.parametrize("case", SEVERAL_FORMS, ids=name_of)
def test_the_plain_form_trades_as_the_fast_one_does(case: Case, shared_data: Path) -> None:
    legs, fills = presets.legs_of(case, shared_data), dict[Form, FillTable]()
    for form in registry.forms(case.preset):
        setup = RunSetup(presets.CAPITAL, presets.VOLUME, form=form)
        fills[form] = prepare_legs(legs, setup).run(registry.create(case.preset, case.values)).fills
    for column in ("bar_index", "direction", "offset", "volume"):
        first, *others = (getattr(table, column) for table in fills.values())
        assert len(first) > 100
        assert all(np.array_equal(first, other) for other in others), column
    first, *others = (table.price for table in fills.values())
    for other in others:
        np.testing.assert_allclose(first, other, rtol=1e-9)
