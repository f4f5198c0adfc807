"""Strategies by name, and the hash that says which source ran."""

import hashlib
import importlib.util
import inspect
import sys
from pathlib import Path

import pytest

from marketdata.domain.bars import Bar, BarSeries, FloatColumn
from quantsite.common.errors import MissingError, RuleError
from strategies import registry
from strategies.domain import parameters, strategy
from strategies.domain.forms import Form, fits
from strategies.domain.hosting.driving import check_hosting
from strategies.domain.strategy import BaseStrategy, BoolColumn, Wake
from strategies.library import double_ma
from strategies.loading_rules import project_sources


def test_a_strategy_is_found_by_its_name() -> None:
    assert "double_ma" in registry.names()
    assert registry.names() == sorted(registry.names())
    assert registry.get("double_ma") is double_ma.DoubleMa


def test_an_unknown_name_proposes_a_near_one() -> None:
    with pytest.raises(MissingError, match=r"no strategy 'doublema'. Did you mean 'double_ma'\?") as refusal:
        registry.get("doublema")
    assert refusal.value.code == "unknown_strategy"


def test_create_reads_the_parameters() -> None:
    made = registry.create("double_ma", {"fast": "5", "slow": "20"})
    assert made.parameters.as_dict() == {"fast": 5, "slow": 20}
    with pytest.raises(RuleError, match="Did you mean 'fast'"):
        registry.create("double_ma", {"fsat": "5"})


def test_parameters_are_described() -> None:
    assert [(info.name, info.kind, info.default) for info in registry.parameters("double_ma")] == [
        ("fast", "int", 10),
        ("slow", "int", 30),
    ]


def test_every_strategy_of_the_library_says_its_rule_and_its_name_is_its_file() -> None:
    for name in registry.names():
        cls = registry.get(name)
        assert cls.__module__ == f"strategies.library.{name}"
        assert inspect.getdoc(cls)
        cls(cls.Parameters()).initialize()


def test_the_forms_of_a_strategy_are_told() -> None:
    assert {name: registry.forms(name) for name in registry.names()} == {
        "bollinger": (Form.TARGET, Form.PLAIN),
        "double_ma": (Form.TARGET, Form.PLAIN),
        "dual_thrust": (Form.EVENT, Form.PLAIN),
        "grid": (Form.EVENT, Form.PLAIN),
        "imbalance": (),
        "macd": (Form.TARGET, Form.PLAIN),
        "momentum_portfolio": (Form.PLAIN,),
        "rsi": (Form.TARGET, Form.PLAIN),
        "spread": (Form.PLAIN,),
        "turtle": (Form.PLAIN,),
    }
    assert {name: registry.legs(name) for name in registry.names() if registry.legs(name) != 1} == {
        "momentum_portfolio": 0,
        "spread": 2,
    }
    assert [name for name in registry.names() if registry.facts(name).ticks and not registry.forms(name)] == [
        "imbalance"
    ]


@pytest.mark.parametrize(
    ("legs", "counts"), [(1, [1]), (2, [2]), (0, [2, 3, 4]), (3, [3])], ids=["one", "two", "any", "three"]
)
def test_as_many_instruments_fit_as_a_strategy_trades(legs: int, counts: list[int]) -> None:
    assert [count for count in range(5) if fits(legs, count)] == counts


def test_a_host_takes_a_portfolio_on_two_legs_or_more() -> None:
    portfolio = registry.get("momentum_portfolio")
    check_hosting(portfolio, 2, on_ticks=False)
    check_hosting(portfolio, 5, on_ticks=False)
    with pytest.raises(RuleError, match="momentum_portfolio trades two instruments or more at a time, not 1"):
        check_hosting(portfolio, 1, on_ticks=False)


class Unfinished(BaseStrategy):
    """Has a name and no form."""

    name = "unfinished"


class NoWarmUp(BaseStrategy):
    """Decides over columns and does not say how many bars that takes."""

    def target_positions(self, bars: BarSeries) -> FloatColumn:
        """Flat."""
        return bars.close * 0.0


class NoFlagWarmUp(BaseStrategy):
    """Flags bars and does not say how many that takes."""

    def on_wake(self, wake: Wake) -> None:
        """Nothing."""

    def flags(self, bars: BarSeries) -> BoolColumn:
        """Every bar."""
        return bars.close > 0.0


class Blind(BaseStrategy):
    """Trades any number of legs and looks at one."""

    legs = 0

    def on_market_data(self, bar: Bar) -> None:
        """Nothing."""


class OneEyed(BaseStrategy):
    """Trades two legs and looks at one."""

    legs = 2

    def on_market_data(self, bar: Bar) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("cls", "missing"),
    [
        (Unfinished, "must implement target_positions, on_wake, on_market_data, on_bars or on_tick"),
        (NoWarmUp, "implements target_positions: it must state its warm_up"),
        (NoFlagWarmUp, "implements flags: it must state its warm_up"),
        (Blind, "trades any number of legs: it must implement on_bars or on_wake"),
        (OneEyed, "trades 2 legs: it must implement on_bars or on_wake"),
    ],
)
def test_an_unfinished_strategy_is_named_when_the_library_is_read(cls: type[BaseStrategy], missing: str) -> None:
    with pytest.raises(ImportError, match=f"{cls.__module__}.{cls.__name__} {missing}"):
        registry.check_forms(cls)


def test_the_library_cannot_be_read_while_a_strategy_is_unfinished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(double_ma.DoubleMa, "warm_up")
    registry._classes.cache_clear()
    try:
        with pytest.raises(ImportError, match=r"double_ma\.DoubleMa implements target_positions"):
            registry.names()
    finally:
        registry._classes.cache_clear()


def test_the_source_hash_covers_the_class_and_its_bases_in_the_project() -> None:
    own = b"".join(Path(inspect.getsourcefile(module) or "").read_bytes() + b"\0" for module in (double_ma, strategy))
    sources = project_sources(double_ma.DoubleMa)
    assert sources.startswith(own)
    imported = Path(inspect.getsourcefile(parameters) or "").read_bytes()
    assert imported + b"\0" in sources.removeprefix(own)
    assert registry.source_hash(double_ma.DoubleMa) == hashlib.sha256(sources).hexdigest()


def test_the_source_hash_does_not_know_where_the_file_lies(tmp_path: Path) -> None:
    source = Path(double_ma.__file__).read_text(encoding="utf-8")
    hashes = set()
    for place, text in (("here", source), ("there", source), ("changed", source + "\n# another\n")):
        name = f"strategies.library.copied_{place}"
        file = tmp_path / place / "double_ma.py"
        file.parent.mkdir()
        file.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
            hashes.add((place == "changed", registry.source_hash(module.DoubleMa)))
        finally:
            del sys.modules[name]
    assert len(hashes) == 2, "the two equal copies agree, the changed one differs"
    assert (False, registry.source_hash(double_ma.DoubleMa)) in hashes
    assert len({found for _, found in hashes}) == 2
