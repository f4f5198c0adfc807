"""``manage.py check_strategy``: what it prints, and that a cheat ends with exit code 1 and a sentence."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry, User
from backtests.models import BacktestRun
from backtests.tests.domain import cheats
from marketdata.models import Instrument
from strategies import registry
from strategies.domain.gates import parameters_hash
from strategies.domain.strategy import BaseStrategy
from strategies.measured import measured_warm_up
from strategies.models import Evidence

pytestmark = pytest.mark.django_db

BARS = ["--instrument", "simrb88.SIM", "--interval", "5m", "--cuts", "8"]


@pytest.fixture
def cheating(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry with the cheats among the strategies."""
    found = {cls.name: cls for cls in vars(cheats).values() if isinstance(cls, type) and issubclass(cls, BaseStrategy)}
    known = {name: registry.get(name) for name in registry.names()}
    monkeypatch.setattr(registry, "_classes", lambda: known | found)


def check(name: str, *arguments: str) -> tuple[str, str]:
    """What is printed, and the error if there is one."""
    out = StringIO()
    try:
        call_command("check_strategy", name, *BARS, *arguments, stdout=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def test_an_honest_strategy_passes_and_that_is_written_down(sim: Instrument) -> None:
    printed, error = check("double_ma", "--set", "fast=3", "--set", "slow=8")
    assert error == ""
    assert "double_ma on simrb88.SIM 5m, 1,770 bars" in printed
    assert "form target: 8 cuts" in printed
    assert "the warm-up of 9 bars is long enough" in printed
    assert "No look-ahead was found" in printed
    assert "A live start needs 9 bars." in printed
    assert not BacktestRun.objects.exists()
    shown = {row.kind: row for row in Evidence.objects.filter(strategy="double_ma", passed=True)}
    assert set(shown) == {"look_ahead", "warm_up"}
    assert f"Written down as evidence {shown['look_ahead'].pk}, {shown['warm_up'].pk}." in printed
    assert {row.source_hash for row in shown.values()} == {registry.source_hash("double_ma")}
    assert shown["look_ahead"].facts["cuts"] == {"target": 8, "plain": 8}
    parameters = {"fast": 3, "slow": 8}
    assert shown["warm_up"].parameters_hash == parameters_hash(parameters)
    stated, needed = (shown["warm_up"].facts[name] for name in ("stated", "needed"))
    assert (stated, 0 < needed <= 9) == (9, True)
    measured = (registry.source_hash("double_ma"), parameters)
    assert measured_warm_up("double_ma", *measured, "5m") == needed
    assert measured_warm_up("double_ma", *measured, "1m") is None


def test_json_says_the_same_for_programs(sim: Instrument) -> None:
    printed, _ = check("double_ma", "--set", "fast=3", "--set", "slow=8", "--seed", "5", "--json")
    document: dict[str, Any] = json.loads(printed)
    assert document["ok"] is True
    assert document["parameters"] == {"fast": 3, "slow": 8}
    assert document["forms"] == ["target", "plain"]
    assert document["look_ahead"] == []
    (warm_up,) = document["warm_up"]
    assert (warm_up["stated"], warm_up["ok"], warm_up["bar"]) == (9, True, None)
    assert document["bars"] == 1770


@pytest.mark.usefixtures("cheating")
def test_a_cheat_is_named_by_bar_and_values(sim: Instrument) -> None:
    printed, error = check("next_close", "--json")
    (fault,) = json.loads(printed)["look_ahead"]
    assert json.loads(printed)["ok"] is False
    assert fault["sentence"] in error
    assert f"bar {fault['bar']} (" in error
    assert f"was {fault['full']} with all bars and is {fault['part']}" in error
    assert fault["start"] < fault["cut"]
    assert Evidence.objects.get(kind="look_ahead").passed is False


@pytest.mark.usefixtures("cheating")
def test_a_short_warm_up_is_a_fault(sim: Instrument) -> None:
    printed, error = check("ema", "--set", "length=20", "--set", "stated=12")
    assert "the warm-up of 12 bars is too short" in error
    assert "long enough" not in printed
    assert "No look-ahead" not in printed
    assert {row.kind: row.passed for row in Evidence.objects.all()} == {"look_ahead": True, "warm_up": False}


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("doubel_ma", [], "Did you mean 'double_ma'?"),
        ("double_ma", ["--set", "fasst=3"], "Did you mean 'fast'?"),
        ("double_ma", ["--cuts", "0"], "cuts must be at least 1, not 0"),
        ("double_ma", ["--cuts", "20000"], "cuts must be at most 10000, not 20000"),
        ("double_ma", ["--set", "slow=1000"], "A warm-up of 1001 bars takes at least 2002 bars to check"),
        ("spread", [], "spread trades 2 instruments"),
    ],
)
def test_refusals_name_the_fix(sim: Instrument, name: str, arguments: list[str], text: str) -> None:
    printed, error = check(name, *arguments)
    assert text in error
    assert printed == ""


def test_it_acts_for_those_who_may_run_backtests(alice: User, bob: User, sim: Instrument) -> None:
    assert check("double_ma", "--user", "alice")[1] == ""
    assert "bob" in check("double_ma", "--user", "bob")[1]
    assert AuditEntry.objects.filter(actor=bob).exists(), "the refusal is on record"
    assert set(Evidence.objects.values_list("created_by__username", flat=True)) == {"alice"}
