"""Four eyes: what one person proposed another one approves, by whatever door, in whatever order, at whatever time."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts import proposals
from accounts.models import AuditEntry, Proposal, User
from accounts.roles import ADMINISTRATOR, RISK_OFFICER, TRADER
from accounts.tasks import expire_proposals
from quantsite.common.errors import ConflictError, MissingError, RefusedError, RuleError
from quantsite.testing.cast import make_user

KIND = "test_value"
RIGHT = "accounts.approve_proposal"


class Box:
    """Something that takes two persons: a number, and how often it was set."""

    def __init__(self) -> None:
        self.value: Any = 1
        self.times = 0
        self.lock = threading.Lock()

    def apply(self, proposal: Proposal, _approver: User) -> None:
        with self.lock:
            self.value = proposal.after
            self.times += 1


@pytest.fixture
def box() -> Iterator[Box]:
    found = Box()
    proposals.register(KIND, proposals.ProposalKind("a number", RIGHT, lambda _target: found.value, found.apply))
    yield found
    del proposals.KINDS[KIND]


def ask(person: User, after: Any = 2, target: str = "it") -> Proposal:
    return proposals.propose(person, KIND, target, after, "because")


def refused_codes() -> list[str]:
    return [
        (entry.after or {}).get("reason", "") for entry in AuditEntry.objects.filter(verb="refused").order_by("seq")
    ]


@pytest.mark.embedded
@pytest.mark.django_db
def test_the_second_person_decides_and_it_is_done_once(rita: User, ada: User, box: Box) -> None:
    proposal = ask(rita)
    assert box.value == 1
    done = proposals.approve(ada, proposal.pk, "agreed")
    assert (box.value, box.times) == (2, 1)
    assert (done.status, done.decided_by, done.decision_reason) == ("approved", ada, "agreed")
    entry = AuditEntry.objects.latest("seq")
    assert (entry.verb, entry.actor_name, entry.before, entry.after) == (
        "proposal.approved",
        "ada",
        {"value": 1},
        {"value": 2},
    )
    for again in (proposals.approve, proposals.refuse):
        with pytest.raises(ConflictError, match="already"):
            again(ada, proposal.pk, "again")
    assert box.times == 1


@pytest.mark.embedded
@pytest.mark.django_db
def test_the_proposer_neither_approves_nor_refuses_and_may_withdraw(rita: User, ada: User, box: Box) -> None:
    proposal = ask(rita)
    for decide in (proposals.approve, proposals.refuse):
        with pytest.raises(RefusedError) as error:
            decide(rita, proposal.pk, "myself")
        assert error.value.code == "own_proposal"
    assert refused_codes() == ["own_proposal"] * 2
    with pytest.raises(RefusedError) as error:
        proposals.withdraw(ada, proposal.pk)
    assert error.value.code == "not_the_proposer"
    assert proposals.withdraw(rita, proposal.pk).status == "withdrawn"
    with pytest.raises(ConflictError):
        proposals.approve(ada, proposal.pk)
    assert (box.value, box.times) == (1, 0)


@pytest.mark.embedded
@pytest.mark.django_db
def test_a_proposer_stays_the_proposer_in_another_session_role_and_name(rita: User, box: Box) -> None:
    proposal = ask(rita)
    again = User.objects.get(pk=rita.pk)  # another session: another object of the same person
    again.groups.set([Group.objects.get(name=ADMINISTRATOR)])
    again.is_superuser = True
    again.username, again.email = "somebody", "somebody@example.com"
    again.save()
    for person in (rita, again, User.objects.get(username="somebody")):
        with pytest.raises(RefusedError) as error:
            proposals.approve(person, proposal.pk)
        assert error.value.code == "own_proposal"
    assert (box.times, Proposal.objects.get().status) == (0, "open")


@pytest.mark.embedded
@pytest.mark.django_db
def test_what_a_session_remembers_of_a_person_does_not_count(rita: User, ada: User, box: Box) -> None:
    proposal = ask(rita)
    assert ada.has_perm(RIGHT)  # the object keeps this in mind
    User.objects.filter(pk=ada.pk).update(is_active=False)
    with pytest.raises(RefusedError):
        proposals.approve(ada, proposal.pk)
    User.objects.get(pk=ada.pk).groups.clear()
    User.objects.filter(pk=ada.pk).update(is_active=True)
    with pytest.raises(RefusedError):
        proposals.approve(ada, proposal.pk)
    assert (box.times, Proposal.objects.get().status) == (0, "open")


@pytest.mark.embedded
@pytest.mark.django_db
def test_who_may_not_approve_does_not_and_the_system_is_no_person(
    rita: User, bob: User, alice: User, charlie: User, box: Box
) -> None:
    proposal = ask(rita)
    for person in (bob, alice, charlie):
        for decide in (proposals.approve, proposals.refuse):
            with pytest.raises(RefusedError):
                decide(person, proposal.pk, "let me")
        with pytest.raises(RefusedError):
            ask(person, target="other")
    attempts: list[Callable[[], object]] = [
        lambda: proposals.approve(None, proposal.pk),
        lambda: proposals.refuse(None, proposal.pk, "x"),
        lambda: proposals.withdraw(None, proposal.pk),
        lambda: proposals.propose(None, KIND, "other", 5, "x"),
    ]
    for nobody in attempts:
        with pytest.raises(RuleError, match="two persons"):
            nobody()
    with pytest.raises(MissingError):
        proposals.approve(rita, proposal.pk + 99)
    assert (box.times, Proposal.objects.count()) == (0, 1)


@pytest.mark.embedded
@pytest.mark.django_db
def test_after_its_time_a_proposal_is_refused_and_closed(rita: User, ada: User, box: Box) -> None:
    proposal = ask(rita)
    Proposal.objects.update(expires_at=timezone.now() - timedelta(microseconds=1))
    with pytest.raises(ConflictError) as error:
        proposals.approve(ada, proposal.pk)
    assert error.value.code == "proposal_expired"
    assert (box.times, Proposal.objects.get().status) == (0, "expired")
    assert ask(rita).status == "open"  # and another one may be made


@pytest.mark.embedded
@pytest.mark.django_db
def test_what_has_changed_since_is_not_overwritten(rita: User, ada: User, box: Box) -> None:
    proposal = ask(rita)
    box.value = 7
    with pytest.raises(ConflictError) as error:
        proposals.approve(ada, proposal.pk)
    assert error.value.code == "proposal_stale"
    assert (box.value, box.times, Proposal.objects.get().status) == (7, 0, "stale")


@pytest.mark.embedded
@pytest.mark.django_db
def test_one_waits_at_a_time_unless_it_can_never_be_approved(rita: User, ada: User, box: Box) -> None:
    first = ask(rita)
    with pytest.raises(ConflictError) as error:
        ask(ada, 3)
    assert error.value.code == "proposal_open"
    box.value = 5
    second = ask(ada, 3)
    first.refresh_from_db()
    assert (first.status, first.decided_by, second.before) == ("stale", None, 5)


@pytest.mark.embedded
@pytest.mark.django_db
def test_a_proposal_says_why_and_changes_something(rita: User, box: Box) -> None:
    with pytest.raises(RuleError, match="Say why"):
        proposals.propose(rita, KIND, "it", 2, "  ")
    with pytest.raises(RuleError, match="nothing to propose"):
        ask(rita, 1)
    with pytest.raises(RuleError, match="Say why"):
        proposals.refuse(make_user("rolf", RISK_OFFICER), ask(rita).pk, " ")
    assert (box.times, Proposal.objects.get().status) == (0, "open")


@pytest.mark.embedded
@pytest.mark.django_db
def test_what_fails_while_it_is_applied_is_not_approved(rita: User, ada: User, box: Box) -> None:
    def fail(_proposal: Proposal, _approver: User) -> None:
        raise ConflictError("cannot", "It cannot be done.")

    proposal = ask(rita)
    proposals.register(KIND, proposals.ProposalKind("a number", RIGHT, lambda _target: box.value, fail))
    with pytest.raises(ConflictError, match="cannot be done"):
        proposals.approve(ada, proposal.pk)
    assert Proposal.objects.get().status == "open"
    assert not AuditEntry.objects.filter(verb="proposal.approved").exists()


@pytest.mark.embedded
@pytest.mark.django_db
def test_beat_closes_what_is_past_its_time_and_writes_it_down(rita: User, box: Box) -> None:
    late, open_one = ask(rita), ask(rita, target="other")
    Proposal.objects.filter(pk=late.pk).update(expires_at=timezone.now())
    assert expire_proposals() == 1
    assert expire_proposals() == 0
    statuses = dict(Proposal.objects.values_list("pk", "status"))
    assert statuses == {late.pk: "expired", open_one.pk: "open"}
    entry = AuditEntry.objects.latest("seq")
    assert (entry.verb, entry.actor_name, entry.object_id) == ("proposal.expired", "system", str(late.pk))
    assert box.times == 0


@pytest.mark.embedded
@pytest.mark.django_db
def test_the_table_itself_knows_that_two_persons_are_two(rita: User, ada: User, box: Box) -> None:
    """Against raw SQL, as a proposer with a database client would try: as oneself, as nobody, by changing places."""
    proposal = ask(rita)
    table = Proposal._meta.db_table

    def write(assignments: str, *values: str | int | None) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE {table} SET {assignments} WHERE id = %s", [*values, proposal.pk])

    for status in ("approved", "refused"):
        with pytest.raises(IntegrityError):
            write("status = %s, decided_by_id = %s", status, rita.pk)
        with pytest.raises(IntegrityError):
            write("status = %s, decided_by_id = NULL", status)
    assert Proposal.objects.get().status == "open"
    proposals.approve(ada, proposal.pk)
    with pytest.raises(IntegrityError):
        write("proposed_by_id = %s", ada.pk)
    with pytest.raises(IntegrityError):
        write("decided_by_id = %s", rita.pk)
    assert Proposal.objects.get().proposed_by == rita


@pytest.mark.django_db(transaction=True)
def test_many_approve_at_once_and_it_is_done_once(box: Box) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("one writer at a time")
    proposal = ask(make_user("rita", RISK_OFFICER))
    people = [make_user(f"officer{number}", RISK_OFFICER) for number in range(6)]
    together = Barrier(len(people))

    def approve(person: User) -> str:
        try:
            together.wait()
            return proposals.approve(person, proposal.pk).status
        except ConflictError as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as pool:
        outcomes = sorted(pool.map(approve, people))
    assert outcomes == ["approved", *["proposal_decided"] * (len(people) - 1)]
    assert (box.times, box.value) == (1, 2)


@pytest.mark.django_db(transaction=True)
def test_many_propose_at_once_and_one_waits(box: Box) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("one writer at a time")
    people = [make_user(f"officer{number}", RISK_OFFICER) for number in range(6)]
    together = Barrier(len(people))

    def propose(person: User) -> str:
        try:
            together.wait()
            return ask(person, f"of {person.username}").status
        except ConflictError as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as pool:
        outcomes = sorted(pool.map(propose, people))
    assert outcomes == ["open", *["proposal_open"] * (len(people) - 1)]
    assert (Proposal.objects.count(), box.times) == (1, 0)


@pytest.mark.embedded
@pytest.mark.django_db
def test_a_trader_who_became_officer_approves_what_another_one_proposed(rita: User, box: Box) -> None:
    """Roles decide whether somebody may approve, persons whether it is a second one."""
    other = make_user("trudy", TRADER)
    proposal = ask(rita)
    with pytest.raises(RefusedError):
        proposals.approve(other, proposal.pk)
    other.groups.set([Group.objects.get(name=RISK_OFFICER)])
    assert proposals.approve(other, proposal.pk).status == "approved"
    assert box.value == 2
