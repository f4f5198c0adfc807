"""docs/risk/README.md says what the code does."""

from django.utils import translation

from quantsite.testing.servers import ROOT
from trading.domain.risk.order_rules import FAILED
from trading.domain.risk.rules import RULES, RuleSpec
from trading.domain.risk.scopes import ScopeKind
from trading.domain.risk.switches import STOPPED, Strength
from trading.loop.desk_rules import NO_PRICE
from trading.loop.risk_tell import UNKNOWN
from trading.risk_choices import RuleName

PAGE = (ROOT / "docs" / "risk" / "README.md").read_text(encoding="utf-8")
STAGES = {"order": "before", "after": "after", "both": "both"}


def line(spec: RuleSpec) -> str:
    """The rule as a row of the page's table."""
    params = ", ".join(f"`{name}` {value}" for name, value in spec.params.items())
    least = ", a least value" if spec.floor else ""
    default = "" if spec.default is None else f"{spec.default:g}"
    label = RuleName(spec.rule.value).label
    return f"| `{spec.rule}` | {label} | {spec.unit}{least} | {STAGES[spec.stage]} | {default} | {params} |"


def test_the_table_of_rules_is_that_of_the_code() -> None:
    with translation.override("en"):
        assert [row for row in map(line, RULES.values()) if row not in PAGE] == []


def test_scopes_strengths_and_codes_are_told() -> None:
    wanted = {*ScopeKind, STOPPED, UNKNOWN, NO_PRICE, FAILED}
    assert [word for word in sorted(wanted) if f"`{word}`" not in PAGE] == []
    assert [one for one in Strength if f"| {one.value} |" not in PAGE] == []
