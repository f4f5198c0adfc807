"""Limits by their verbs: tightening counts at once, loosening waits for a second person, nobody else may."""

from typing import Any

import pytest

from accounts import proposals
from accounts.models import AuditEntry, Proposal, User
from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError
from trading import services
from trading.limit_models import RiskLimit, RiskLimitChange, RiskRevision
from trading.tests.desk import make_desk

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

VOLUME = "max_order_volume"


def revision() -> int:
    row = RiskRevision.objects.filter(pk=1).first()
    return row.number if row else 0


def put(actor: User | None, maximum: float | None, kind: str = "desk", key: str = "house", **more: Any) -> Any:
    return services.set_limit(actor, more.pop("rule", VOLUME), kind, key, maximum, reason="because", **more)


def test_the_first_limit_counts_at_once_with_its_history_and_its_trace(rita: User) -> None:
    make_desk("A1")
    before = revision()
    outcome = put(rita, 100)
    assert outcome.proposal is None
    assert outcome.limit == RiskLimit.objects.get()
    assert (outcome.limit.maximum, outcome.limit.updated_by) == (100.0, rita)
    change = RiskLimitChange.objects.get()
    assert (change.before, change.after, change.reason) == (
        None,
        {"maximum": 100.0, "action": "warn", "params": {}},
        "because",
    )
    assert (change.changed_by, change.approved_by) == (rita, None)
    assert revision() == before + 1
    entry = AuditEntry.objects.latest("seq")
    assert (entry.verb, entry.actor_name, entry.object_text) == ("limit.set", "rita", "max_order_volume desk house")


def test_lowering_counts_at_once_raising_waits_for_another_person(rita: User, ada: User) -> None:
    make_desk("A1")
    put(rita, 100)
    assert put(rita, 50).limit.maximum == 50
    before = revision()
    outcome = put(rita, 60)
    assert outcome.limit.maximum == RiskLimit.objects.get().maximum == 50
    assert outcome.proposal.status == "open"
    assert revision() == before
    proposals.approve(ada, outcome.proposal.pk)
    assert RiskLimit.objects.get().maximum == 60
    change = RiskLimitChange.objects.latest("pk")
    assert (change.changed_by, change.approved_by, change.reason) == (rita, ada, "because")
    assert revision() == before + 1


LOOSER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"maximum": 50}, {"maximum": 51}),
    ({"maximum": 50}, {"maximum": None}),
    ({"maximum": 50, "rule": "max_daily_loss", "action": "flatten"}, {"maximum": 50, "action": "cancel"}),
    ({"maximum": 50, "rule": "min_available"}, {"maximum": 49}),
    ({"maximum": 40, "rule": "max_large_cancels"}, {"maximum": 40, "params": {"volume": 301}}),
    (
        {"maximum": 0, "rule": "allowed_directions", "params": {"allowed": ["buy"]}},
        {"maximum": 0, "params": {"allowed": ["buy", "sell"]}},
    ),
]


@pytest.mark.parametrize(("first", "then"), LOOSER)
def test_what_loosens_waits_and_the_way_back_does_not(
    rita: User, ada: User, first: dict[str, Any], then: dict[str, Any]
) -> None:
    make_desk("A1")
    assert put(rita, **first).proposal is None
    stood = RiskLimit.objects.values().get()
    looser = put(rita, **{"rule": first.get("rule", VOLUME), **then})
    assert looser.proposal is not None
    assert RiskLimit.objects.values().get() == stood
    proposals.approve(ada, looser.proposal.pk)
    assert RiskLimit.objects.values().get() != stood
    assert put(rita, **first).proposal is None


def test_a_narrow_limit_looser_than_the_wide_one_waits(rita: User) -> None:
    make_desk("A1")
    put(rita, 50)
    make_desk("A2")
    assert put(rita, 40, "account", "A2").proposal is None
    assert put(rita, 60, "account", "A1").proposal is not None
    assert not RiskLimit.objects.filter(scope_key="A1").exists()


def test_a_default_that_nobody_set_is_not_raised_alone(rita: User) -> None:
    make_desk("A1")
    assert put(rita, 400, rule="max_cancels_instrument").proposal is None
    assert put(rita, 471, "account", "A1", rule="max_cancels_instrument").proposal is not None


def test_removal_waits_where_a_wider_limit_is_looser(rita: User) -> None:
    make_desk("A1")
    put(rita, 50)
    put(rita, 20, "account", "A1")
    outcome = services.remove_limit(rita, VOLUME, "account", "A1", "no need")
    assert outcome.proposal is not None
    assert outcome.limit == RiskLimit.objects.get(scope_key="A1", maximum=20)
    put(rita, 10)
    assert services.remove_limit(rita, VOLUME, "account", "A1", "the desk is stricter").limit is None
    assert RiskLimitChange.objects.latest("pk").after is None


def test_what_is_inherited_belongs_to_what_a_proposal_starts_from(rita: User, ada: User) -> None:
    make_desk("A1")
    put(rita, 50)
    waiting = put(rita, 60, "account", "A1").proposal
    put(rita, 5)
    with pytest.raises(ConflictError, match="stands no more"):
        proposals.approve(ada, waiting.pk)
    assert not RiskLimit.objects.filter(scope_kind="account").exists()


BAD: list[tuple[dict[str, Any], type[RuleError], str]] = [
    ({"rule": "max_order_volum", "maximum": 1}, RuleError, "Did you mean 'max_order_volume'"),
    ({"maximum": -1}, RuleError, "0 or more"),
    ({"maximum": float("nan")}, RuleError, "0 or more"),
    ({"maximum": float("inf")}, RuleError, "0 or more"),
    ({"maximum": 1.5}, RuleError, "no whole number"),
    ({"maximum": 1, "action": "shout"}, RuleError, "'shout' is no action"),
    ({"maximum": 1, "params": {"volum": 3}}, RuleError, "no detail 'volum'"),
    ({"maximum": 1, "rule": "max_large_cancels", "params": {"volume": 0}}, RuleError, "from 1 to"),
    ({"maximum": 1, "rule": "max_large_cancels", "params": {"volum": 5}}, RuleError, "Did you mean 'volume'"),
    ({"maximum": 0, "rule": "allowed_instruments", "params": {"allowed": "rb"}}, RuleError, "list of codes"),
    ({"maximum": 1, "kind": "galaxy"}, RuleError, "'galaxy' is no scope"),
    ({"maximum": 1, "kind": "platform", "key": "house"}, RuleError, "everything has none"),
    ({"maximum": 1, "kind": "account", "key": ""}, RuleError, "everything has none"),
    ({"maximum": 1, "kind": "account_product", "key": "A1"}, RuleError, "A1/rb.SHFE"),
    ({"maximum": 1, "key": "hous"}, MissingError, "Did you mean 'house'"),
    ({"maximum": 1, "kind": "account", "key": "A2"}, MissingError, "Did you mean 'A1'"),
    ({"maximum": 1, "kind": "product", "key": "rb.SHF"}, MissingError, "Did you mean 'rb.SHFE'"),
    ({"maximum": 1, "kind": "account_product", "key": "A1/rb.SHF"}, MissingError, "Did you mean 'rb.SHFE'"),
    ({"maximum": 1, "kind": "user", "key": "rit"}, MissingError, "Did you mean 'rita'"),
    ({"maximum": 9, "rule": "max_product_share", "kind": "user", "key": "rita"}, RuleError, "watches accounts"),
]


@pytest.mark.parametrize(("asked", "kind", "told"), BAD)
def test_what_no_limit_can_say_is_refused_and_changes_nothing(
    rita: User, asked: dict[str, Any], kind: type[RuleError], told: str
) -> None:
    make_desk("A1")
    before = revision()
    with pytest.raises(kind, match=told):
        put(rita, **asked)
    assert revision() == before
    assert not RiskLimit.objects.exists()
    assert not Proposal.objects.exists()


def test_a_reason_is_asked_and_no_change_is_none(rita: User) -> None:
    make_desk("A1")
    with pytest.raises(RuleError, match="Say why"):
        services.set_limit(rita, VOLUME, "desk", "house", 5, reason=" ")
    put(rita, 5)
    with pytest.raises(RuleError, match="nothing would change"):
        put(rita, 5)
    with pytest.raises(RuleError, match="nothing would change"):
        services.remove_limit(rita, VOLUME, "account", "A1", "why not")


def test_nobody_without_the_right_sets_a_limit(bob: User, alice: User, charlie: User) -> None:
    make_desk("A1", bob)
    for person in (bob, alice, charlie):
        with pytest.raises(RefusedError):
            put(person, 5, "account", "A1")
        with pytest.raises(RefusedError):
            services.remove_limit(person, VOLUME, "account", "A1", "mine")
    assert not RiskLimit.objects.exists()
    assert AuditEntry.objects.filter(verb="refused").count() == 6


def test_the_system_tightens_alone_and_never_loosens() -> None:
    make_desk("A1")
    put(None, 5)
    with pytest.raises(RuleError, match="two persons"):
        put(None, 6)


def test_the_table_tells_each_value_and_where_it_comes_from(rita: User) -> None:
    make_desk("A1")
    make_desk("A2")
    put(rita, 50)
    put(rita, 20, "account", "A1")
    rows = {row.scope: row.cells for row in services.limits_table(rita)}
    told = {scope.key or "all": cells[next(iter(cells))] for scope, cells in rows.items()}
    values = {key: (cell.maximum, cell.origin and cell.origin.key, cell.own) for key, cell in told.items()}
    assert values == {
        "all": (None, None, False),
        "house": (50, "house", True),
        "A1": (20, "A1", True),
        "A2": (50, "house", False),
    }


def test_the_table_hides_what_is_of_others(rita: User, bob: User) -> None:
    make_desk("A1", bob)
    services.add_account(None, "B1", desk="night")
    for kind, key in (("account", "A1"), ("account", "B1"), ("desk", "night"), ("user", "rita"), ("user", "bob")):
        put(rita, 20, kind, key)
    put(rita, 20, "strategy", "secret")
    put(rita, 10, "account_product", "B1/rb.SHFE")
    seen = {(row.scope.kind.value, row.scope.key) for row in services.limits_table(bob)}
    assert seen == {("platform", ""), ("desk", "house"), ("account", "A1"), ("user", "bob")}
