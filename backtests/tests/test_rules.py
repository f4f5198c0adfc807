"""The switches of realism through every door: asked for, stored, repeated, told, refused."""

import json
from dataclasses import replace
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from backtests import services
from backtests.domain.rules import PLAIN, Adjust, LimitFill, Rules, Sessions
from backtests.models import BacktestRun
from backtests.requests import RunRequest
from backtests.rule_options import RULE_OPTIONS, rule_pairs, rules_from
from backtests.run_document import result_document
from backtests.tests.runs import finished
from backtests.tests.test_admin import ADD, form_of, logged_in
from backtests.tests.test_api import URL, body_of
from marketdata.daily_facts import ContractRoll, DailySettlement
from marketdata.models import Instrument
from quantsite.common.errors import RuleError
from quantsite.common.times import SHANGHAI

pytestmark = pytest.mark.django_db

ARGUMENTS = ["double_ma", "--instrument", "simrb88.SIM", "--interval", "5m"]
CAPPED = Rules(volume_cap=0.25, limit_fill=LimitFill.THROUGH, seed=7)
GIVEN = {"volume_cap": 0.25, "limit_fill": "through", "seed": 7}


def test_every_rule_is_an_option_with_a_text_and_the_kind_of_its_default() -> None:
    assert rules_from({}) == PLAIN
    assert rules_from({option.name: option.default for option in RULE_OPTIONS}) == PLAIN
    assert {option.name: option.kind for option in RULE_OPTIONS if option.choices} == {
        "limit_fill": LimitFill,
        "adjust": Adjust,
        "sessions": Sessions,
    }
    assert rules_from(CAPPED.given()) == CAPPED
    assert rule_pairs({"volume_cap": 0.25, "margin_call": True, "adjust": "ratio"}) == [
        ("Volume cap", "0.25"),
        ("Margin call", "on"),
        ("Adjusted signals", "by the ratio"),
    ]


def test_the_command_takes_them_and_prints_those_that_differ(asked: RunRequest) -> None:
    out = StringIO()
    options = ["--volume-cap", "0.25", "--limit-fill", "through", "--seed", "7", "--sessions", "all", "--json"]
    call_command("run_backtest", *ARGUMENTS, *options, stdout=out)
    printed = json.loads(out.getvalue())
    run = BacktestRun.objects.get()
    assert printed["rules"] == run.rules == GIVEN
    assert (run.seed, run.legs, run.form) == (7, [], "")


def test_a_plain_run_has_none(alice: User, asked: RunRequest) -> None:
    run = finished(alice, asked)
    assert (run.rules, run.seed, result_document(run)["rules"]) == ({}, 0, {})


def test_the_api_takes_them_nested_and_flat(api: Any, alice: User, asked: RunRequest) -> None:
    plain = {name: value for name, value in body_of(asked).items() if name != "rules"}
    nested = api(alice).post(URL, plain | {"rules": GIVEN}).json()
    flat = api(alice).post(URL, plain | GIVEN).json()
    mixed = api(alice).post(URL, plain | {"rules": {"volume_cap": 0.25, "limit_fill": "through"}, "seed": 7}).json()
    assert nested["rules"] == flat["rules"] == mixed["rules"] == GIVEN
    assert (nested["seed"], nested["form"], nested["legs"]) == (7, "", [])


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"rules": {"volumecap": 1}}, "rules.volumecap", "Did you mean 'volume_cap'?"),
        ({"volumecap": 1}, "volumecap", "Did you mean 'volume_cap'?"),
        ({"volume_cap": 1.5, "rules": {}}, "volume_cap", "from 0 to 1"),
        ({"volume_cap": 1, "rules": {"volume_cap": 1}}, "volume_cap", "It is given twice: beside rules and in it."),
        ({"rules": {"limit_fill": "maybe"}}, "rules.limit_fill", "not a valid choice"),
        ({"form": "fast"}, "form", "not a valid choice"),
        ({"form": "event"}, "form", "double_ma has no form 'event'"),
        ({"rules": {"price_limit": 0.05}}, "price_limit", "price_limits"),
        ({"rules": {"expiry": True}}, "expiry", "never expires"),
    ],
)
def test_the_api_names_the_rule_that_it_refuses(
    api: Any, alice: User, asked: RunRequest, changes: dict[str, Any], field: str, text: str
) -> None:
    body = {name: value for name, value in body_of(asked).items() if name != "rules"}
    answer = api(alice).post(URL, body | changes)
    assert answer.status_code == 400
    assert text in answer.json()["fields"][field]
    assert not BacktestRun.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--volume-cap", "2"], "volume_cap must be from 0 to 1"),
        (["--seed=-1"], "seed must be from 0"),
        (["--limit-fill", "never"], "invalid choice"),
        (["--price-limit", "0.1"], "price_limit does nothing without price_limits"),
        (["--expiry"], "simrb88.SIM never expires"),
        (["--form", "event"], "it has .*plain"),
    ],
)
def test_the_command_refuses_in_one_sentence(asked: RunRequest, arguments: list[str], text: str) -> None:
    with pytest.raises(CommandError, match=text):
        call_command("run_backtest", *ARGUMENTS, *arguments)
    assert not BacktestRun.objects.exists()


def test_a_repeated_run_keeps_rules_seed_and_form(alice: User, asked: RunRequest) -> None:
    first = finished(alice, replace(asked, rules=CAPPED, form="plain"))
    again = services.run_again(alice, first.pk)
    assert (again.rules, again.seed, again.form) == (GIVEN, 7, "plain")
    entry = AuditEntry.objects.get(verb="backtest.run", object_id=str(again.pk))
    assert entry.after is not None
    assert (entry.after["rules"], entry.after["form"]) == (GIVEN, "plain")


def test_the_form_has_them_in_a_group_of_its_own_and_fills_it_again(
    alice: User, asked: RunRequest, sim: Instrument
) -> None:
    client: Client = logged_in(alice)
    chosen = {f"rule_{name}": value for name, value in GIVEN.items()}
    assert client.post(ADD, form_of(asked, sim.pk, **chosen, form="plain")).status_code == 302
    run = BacktestRun.objects.get()
    assert (run.rules, run.form) == (GIVEN, "plain")
    page = client.get(ADD, {"from": run.pk})
    groups = {group.name: group for group in page.context["adminform"]}
    assert groups["Realism"].is_collapsible
    initial = page.context["adminform"].form.initial
    assert (initial["rule_volume_cap"], initial["rule_limit_fill"], initial["form"]) == (0.25, "through", "plain")


def test_the_form_tells_a_refused_rule_beside_its_field_and_opens_the_group(
    alice: User, asked: RunRequest, sim: Instrument
) -> None:
    answer = logged_in(alice).post(ADD, form_of(asked, sim.pk, rule_price_limit=0.05))
    assert "price_limits" in answer.context["adminform"].form.errors["rule_price_limit"][0]
    assert not {group.name: group for group in answer.context["adminform"]}["Realism"].is_collapsible
    assert not BacktestRun.objects.exists()


def test_page_and_line_tell_the_rules(alice: User, asked: RunRequest) -> None:
    run = finished(alice, replace(asked, rules=CAPPED))
    page = logged_in(alice).get(reverse("admin:backtests_backtestrun_change", args=[run.pk])).content.decode()
    assert "Volume cap" in page
    assert "one tick beyond" in page
    assert "one tick beyond" in services.generate_report(alice, run.pk, "en")
    out = StringIO()
    call_command("run_backtest", *ARGUMENTS, "--volume-cap", "0.25", stdout=out)
    assert "volume_cap=0.25" in out.getvalue()


@pytest.mark.parametrize("sessions", [Sessions.DAY, Sessions.NIGHT])
def test_sessions_need_bars_within_them(alice: User, asked: RunRequest, sim: Instrument, sessions: Sessions) -> None:
    sim.product.sessions.update(night="")
    changed = replace(asked, rules=Rules(sessions=sessions), start=date(2024, 1, 8))
    if sessions == Sessions.DAY:
        assert services.run_backtest(alice, changed).rules == {"sessions": "day"}
    else:
        with pytest.raises(RuleError, match="no night session"):
            services.run_backtest(alice, changed)


def settle(sim: Instrument, day: date, **values: float) -> None:
    """One stored settlement of the simulated series."""
    DailySettlement.objects.create(instrument=sim, trading_day=day, settlement_price=3_600.0, **values)


@pytest.mark.parametrize(
    ("rules", "field", "fix"),
    [
        (Rules(roll=True), "roll", "import_rolls FILE"),
        (Rules(adjust=Adjust.RATIO), "adjust", "import_rolls FILE"),
        (Rules(settlement=True), "settlement", "import_settlements FILE"),
        (Rules(price_limits=True), "price_limits", "give price_limit"),
    ],
)
def test_a_switch_without_its_data_is_refused_with_the_fix(
    alice: User, asked: RunRequest, rules: Rules, field: str, fix: str
) -> None:
    with pytest.raises(RuleError) as refusal:
        services.run_backtest(alice, replace(asked, rules=rules))
    assert fix in refusal.value.fields[field]
    assert not BacktestRun.objects.exists()


def test_settlements_are_used_where_stored_and_the_rest_is_told(
    alice: User, asked: RunRequest, sim: Instrument
) -> None:
    plain = finished(alice, asked)
    settle(sim, date(2024, 1, 8))
    run = finished(alice, replace(asked, rules=Rules(settlement=True)))
    days = run.days.count()
    sentence = f"{days - 1} of {days} trading days of simrb88.SIM have no stored settlement price"
    assert any(text.startswith(sentence) for text in run.warnings)
    equity = {row.trading_day: row.equity for row in run.days.all()}
    other = {row.trading_day: row.equity for row in plain.days.all()}
    assert {day for day in equity if equity[day] != pytest.approx(other[day])} == {date(2024, 1, 8)}
    assert run.result_hash != plain.result_hash, "the rules are part of it"


def test_stored_or_estimated_limits_will_do(alice: User, asked: RunRequest, sim: Instrument) -> None:
    settle(sim, date(2024, 1, 8))
    with pytest.raises(RuleError, match="No price limits"):
        services.run_backtest(alice, replace(asked, rules=Rules(price_limits=True)))
    assert services.run_backtest(alice, replace(asked, rules=Rules(price_limits=True, price_limit=0.05))).pk
    settle(sim, date(2024, 1, 9), upper_limit=3_700.0)
    assert services.run_backtest(alice, replace(asked, rules=Rules(price_limits=True))).pk


def test_a_stored_roll_is_paid_for(alice: User, asked: RunRequest, sim: Instrument) -> None:
    ContractRoll.objects.create(
        instrument=sim,
        trading_day=date(2024, 1, 15),
        from_contract="simrb2405.SIM",
        to_contract="simrb2410.SIM",
        old_close=3_600.0,
        new_close=3_500.0,
        closes_day=date(2024, 1, 12),
    )
    plain, rolled = finished(alice, asked), finished(alice, replace(asked, rules=Rules(roll=True)))
    assert rolled.fill_count == (plain.fill_count or 0) + 2, "out of the old contract, into the new one"
    assert (rolled.commission or 0) > (plain.commission or 0)


def test_night_trades_only(alice: User, asked: RunRequest) -> None:
    run = finished(alice, replace(asked, rules=Rules(sessions=Sessions.NIGHT)))
    hours = {fill.start.astimezone(SHANGHAI).hour for fill in run.fills.all()}
    assert hours
    assert hours <= {21, 22, 23, 0, 1, 2}
