"""Risk events by their verbs: repeats are counted, whoever finds them and at once; people leave notes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from accounts.models import AuditEntry, User
from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError
from trading import services
from trading.account_models import TradingAccount
from trading.domain.risk.scopes import Scope, ScopeKind
from trading.risk_models import RiskEvent
from trading.risk_permissions import visible_risk_events
from trading.tests.desk import DAY, make_desk
from trading.verbs.risk_events import Found, found

TEXT = "The loss of the day is %(value)s."


def near(account: TradingAccount, level: float = 0.8, subject: str = "") -> RiskEvent:
    scope = Scope(ScopeKind.ACCOUNT, account.code)
    what = Found(
        "warning",
        TEXT,
        {"value": level},
        account,
        "max_daily_loss",
        scope,
        level=level,
        trading_day=DAY,
        subject=subject,
    )
    return found(what)


@pytest.mark.embedded
@pytest.mark.django_db
def test_the_same_is_counted_another_is_another() -> None:
    account = make_desk("A1").account
    first = near(account)
    again = near(account, 0.95)
    assert (again.pk, again.count, again.level, again.values) == (first.pk, 2, 0.95, {"value": 0.95})
    assert again.last_at > again.created_at
    apart = [near(account, subject="rb2501.SHFE"), near(make_desk("A2").account), found(Found("breach", TEXT))]
    assert len({first.pk, *(event.pk for event in apart)}) == 4


@pytest.mark.embedded
@pytest.mark.django_db
def test_getting_worse_takes_the_acknowledgement_back(rita: User) -> None:
    account = make_desk("A1").account
    event = near(account, 0.6)
    assert services.acknowledge(rita, event.pk).acknowledged_by == rita
    assert near(account, 0.6).acknowledged_by == rita
    assert near(account, 0.8).acknowledged_by is None


@pytest.mark.django_db
def test_a_key_longer_than_its_column_still_tells_two_apart() -> None:
    keys = {Found("breach", TEXT, subject=f"{'x' * 110}{n}", reason_code="y" * 390).key for n in range(2)}
    assert len(keys) == 2
    assert max(map(len, keys)) <= 400


@pytest.mark.django_db(transaction=True)
def test_many_find_the_same_at_once_and_it_is_one() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("one writer at a time")
    account = make_desk("A1").account
    together = Barrier(8)

    def find(_number: int) -> int:
        try:
            together.wait()
            return near(account).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        numbers = set(pool.map(find, range(8)))
    event = RiskEvent.objects.get()
    assert numbers == {event.pk}
    assert event.count == 8


@pytest.mark.embedded
@pytest.mark.django_db
def test_people_see_take_comment_and_close_and_each_step_is_kept(rita: User, ada: User) -> None:
    event = near(make_desk("A1").account)
    services.acknowledge(rita, event.pk)
    services.acknowledge(ada, event.pk)
    services.assign(rita, event.pk, "ada")
    services.comment(ada, event.pk, " called the desk ")
    closed = services.close_risk_event(ada, event.pk, "they reduced")
    assert (closed.acknowledged_by, closed.assigned_to, closed.closed_by) == (rita, ada, ada)
    notes = [(note.verb, str(note.author), note.text) for note in event.notes.select_related("author")]
    assert notes == [
        ("acknowledge", "rita", ""),
        ("assign", "rita", "ada"),
        ("comment", "ada", "called the desk"),
        ("close", "ada", "they reduced"),
    ]
    verbs = AuditEntry.objects.filter(verb__startswith="risk_event.").order_by("seq").values_list("verb", flat=True)
    assert list(verbs) == [f"risk_event.{verb}" for verb in ("acknowledge", "assign", "comment", "close")]
    late_ones: list[Callable[[], object]] = [
        lambda: services.acknowledge(rita, event.pk),
        lambda: services.assign(rita, event.pk, "ada"),
        lambda: services.close_risk_event(rita, event.pk, "again"),
    ]
    for late in late_ones:
        with pytest.raises(ConflictError, match="is closed"):
            late()
    services.comment(rita, event.pk, "still worth a word")
    assert near(TradingAccount.objects.get()).pk != event.pk


@pytest.mark.embedded
@pytest.mark.django_db
def test_texts_are_asked_for_and_takers_must_be_able(rita: User, bob: User) -> None:
    event = near(make_desk("A1", bob).account)
    with pytest.raises(RuleError, match="Say why"):
        services.comment(rita, event.pk, " ")
    with pytest.raises(RuleError, match="Say why"):
        services.close_risk_event(rita, event.pk, "")
    with pytest.raises(RuleError, match="4000"):
        services.comment(rita, event.pk, "x" * 4_001)
    for name in ("bob", "nobody"):
        with pytest.raises(RuleError, match=f"'{name}' cannot take"):
            services.assign(rita, event.pk, name)
    assert not event.notes.exists()


@pytest.mark.embedded
@pytest.mark.django_db
def test_events_are_seen_with_their_account_and_handled_by_risk_officers(
    rita: User, bob: User, alice: User, charlie: User
) -> None:
    mine, other = near(make_desk("A1", bob).account), near(make_desk("A2").account)
    general = found(Found("switch", TEXT))
    assert set(visible_risk_events(rita)) == {mine, other, general}
    assert set(visible_risk_events(bob)) == {mine}
    services.grant_account(None, "A1", alice, "view_tradingaccount")
    assert not visible_risk_events(alice).exists()
    assert not visible_risk_events(charlie).exists()
    for person in (bob, alice, charlie):
        for event in (mine, other, general):
            with pytest.raises(RefusedError):
                services.acknowledge(person, event.pk)
    with pytest.raises(MissingError):
        services.acknowledge(rita, general.pk + 99)
    assert not RiskEvent.objects.exclude(acknowledged_at=None).exists()
    assert AuditEntry.objects.filter(verb="refused").count() == 9
