"""What the rules say can be told again in another language from the English that was stored."""

import math

import pytest

from quantsite.common.texts import say
from quantsite.web.retold import Template, _template
from trading.domain.checks import Reason
from trading.domain.risk import switches, wording
from trading.domain.risk.limits import DEFAULT, Limit
from trading.domain.risk.measures import MEASURES
from trading.domain.risk.order_rules import order_reason
from trading.domain.risk.rules import RULES, Rule, Stage
from trading.domain.risk.scopes import Scope, ScopeKind
from trading.domain.risk.switches import Strength, Switch, stop_reason
from trading.tests.domain.risk.cases import asked, limit

KEYS = {kind: "" if kind == ScopeKind.PLATFORM else "rb.SHFE" for kind in ScopeKind}


def refused(rule: Rule) -> Reason:
    """The usual order against a limit that nothing keeps."""
    floor = 1e12 if RULES[rule].floor else -1.0
    reason = order_reason(asked(volume=400, day_profit=-5.0), {rule: limit(rule, floor, allowed=["rb2505.SHFE", "x"])})
    assert reason is not None
    assert reason.code == rule.value
    return reason


def known_templates() -> list[Template]:
    """Those that a catalogue would have of this package, the most telling first, as ``retold`` tries them."""
    texts = [
        *wording.WITH_ORDER.values(),
        *wording._ORIGIN.values(),
        *switches._WHERE.values(),
        "The limit is %(limit)s, the default of the rule; "
        "a risk officer can propose a looser one, which a second person must approve.",
    ]
    return sorted(map(_template, texts), key=lambda template: -template.letters)


def made_again(sentence: str) -> str:
    """The first template that fits, filled with the values that it finds."""
    for template in known_templates():
        values = template.values(sentence)
        if values is not None:
            assert ". " not in "".join(map(str, values.values())), f"{template.text} swallows its neighbours"
            return say(template.text, **values)
    pytest.fail(f"no template makes: {sentence}")


@pytest.mark.parametrize("rule", MEASURES)
def test_each_sentence_of_a_refusal_is_found_again(rule: Rule) -> None:
    text = refused(rule).text
    assert all(template.values(text) is None for template in known_templates())  # the whole is two sentences
    found, _, origin = text.partition(". ")
    assert made_again(f"{found}.") == f"{found}."
    assert made_again(origin) == origin


@pytest.mark.parametrize("kind", list(ScopeKind))
def test_each_origin_is_found_again_as_itself(kind: ScopeKind) -> None:
    told = wording.origin(Limit(Rule.RISK_DEGREE, Scope(kind, KEYS[kind]), 0.02))
    assert made_again(told) == told
    values = next(found for template in known_templates() if (found := template.values(told)) is not None)
    assert values == {"limit": "2 %", **({"key": "rb.SHFE"} if KEYS[kind] else {})}


@pytest.mark.parametrize("kind", list(ScopeKind))
def test_each_stop_is_found_again(kind: ScopeKind) -> None:
    scope = Scope(kind, KEYS[kind])
    reason = stop_reason([Switch(7, scope, Strength.NO_OPENING)], [scope], opening=True)
    assert reason is not None
    found, _, release = reason.text.partition(". ")
    assert made_again(f"{found}.") == f"{found}."
    assert release.endswith("a second person must approve.")


def test_every_rule_has_its_words() -> None:
    assert set(wording.WITH_ORDER) == set(MEASURES)
    assert {rule for rule, spec in RULES.items() if spec.stage != Stage.ORDER} <= set(wording.AS_IT_STANDS)


@pytest.mark.parametrize(
    ("rule", "value", "told"),
    [
        (Rule.MARGIN, 1_234_567.891, "1,234,567.89"),
        (Rule.RISK_DEGREE, 0.02, "2 %"),
        (Rule.RISK_DEGREE, 1 / 3, "33.3333 %"),
        (Rule.ORDER_VOLUME, 1_000_000.0, "1000000"),
        (Rule.RISK_DEGREE, math.inf, "∞"),
        (Rule.AVAILABLE, -math.inf, "-∞"),
        (Rule.MARGIN, math.nan, "NaN"),
    ],
)
def test_numbers_as_people_read_them(rule: Rule, value: float, told: str) -> None:
    assert wording.number(value, rule) == told


def test_a_list_is_its_own_limit_and_a_default_names_itself() -> None:
    assert wording.limit_text(limit(Rule.INSTRUMENTS, 0.0, allowed=["rb.SHFE", "cu.SHFE"])) == "rb.SHFE, cu.SHFE"
    assert wording.limit_text(limit(Rule.INSTRUMENTS, 0.0, allowed=[])) == "-"
    assert "the default of the rule" in wording.origin(Limit(Rule.CANCELS_INSTRUMENT, DEFAULT, 470.0))
