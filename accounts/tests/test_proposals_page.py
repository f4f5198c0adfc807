"""The console's page about proposals: others' are decided there, one's own taken back."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import proposals
from accounts.models import AuditEntry, Proposal, User
from accounts.proposals import ProposalKind, register
from quantsite.testing.cast import make_user

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:accounts_proposal_changelist")
SHELF = {"left": 3}


@pytest.fixture
def shelf() -> Iterator[dict[str, int]]:
    """Something that takes two persons: a number."""
    SHELF["left"] = 3

    def apply(proposal: Proposal, _approver: User) -> None:
        SHELF.update(proposal.after or {})

    kind = ProposalKind("Change the shelf", "accounts.approve_proposal", lambda _target: dict(SHELF), apply)
    register("shelf", kind)
    yield SHELF
    del proposals.KINDS["shelf"]


@pytest.fixture
def waiting(shelf: dict[str, int], rita: User) -> Proposal:
    """Rita wants it to be five."""
    return proposals.propose(rita, "shelf", "oak", {"left": 5}, "too little for tonight")


def at(user: User) -> Client:
    """The console as this person sees it."""
    client = Client()
    client.force_login(user)
    return client


def verb(name: str, proposal: Proposal) -> str:
    """The address of one of the verbs."""
    return reverse(f"admin:accounts_proposal_{name}", args=[proposal.pk])


def test_a_second_person_sees_the_difference_and_approves(waiting: Proposal, ada: User, shelf: dict[str, int]) -> None:
    client = at(ada)
    shown = client.get(PAGE).content.decode()
    assert "<del>3</del>" in shown
    assert "<ins>5</ins>" in shown
    assert "too little for tonight" in shown
    assert "rita proposed it" in shown
    assert verb("approve", waiting) in shown
    assert "<del>3</del>" in client.get(verb("approve", waiting)).content.decode()
    assert client.post(verb("approve", waiting)).headers["Location"] == PAGE
    assert shelf["left"] == 5
    waiting.refresh_from_db()
    assert (waiting.status, waiting.decided_by) == ("approved", ada)
    assert verb("approve", waiting) not in client.get(PAGE).content.decode()


def test_ones_own_has_no_button_and_no_way_around_it(waiting: Proposal, rita: User, shelf: dict[str, int]) -> None:
    client = at(rita)
    shown = client.get(PAGE).content.decode()
    assert verb("approve", waiting) not in shown
    assert verb("refuse", waiting) not in shown
    assert verb("withdraw", waiting) in shown
    for name in ("approve", "refuse"):
        assert client.get(verb(name, waiting)).status_code == 403
        assert client.post(verb(name, waiting), {"reason": "mine"}).status_code == 403
    assert shelf["left"] == 3
    refused = AuditEntry.objects.filter(verb="refused", actor=rita)
    assert refused.count() == 4
    assert client.post(verb("withdraw", waiting)).status_code == 302
    waiting.refresh_from_db()
    assert waiting.status == "withdrawn"


def test_a_refusal_needs_a_reason_which_stays(waiting: Proposal, ada: User, shelf: dict[str, int]) -> None:
    client = at(ada)
    client.post(verb("refuse", waiting), {"reason": "  "})
    waiting.refresh_from_db()
    assert waiting.status == "open"
    client.post(verb("refuse", waiting), {"reason": "not before the holiday"})
    waiting.refresh_from_db()
    assert (waiting.status, waiting.decision_reason, shelf["left"]) == ("refused", "not before the holiday", 3)
    one = client.get(reverse("admin:accounts_proposal_change", args=[waiting.pk])).content.decode()
    assert "not before the holiday" in one


def test_what_is_over_or_overtaken_is_not_approved(waiting: Proposal, ada: User, shelf: dict[str, int]) -> None:
    client = at(ada)
    shelf["left"] = 4
    client.post(verb("approve", waiting))
    waiting.refresh_from_db()
    assert (waiting.status, shelf["left"]) == ("stale", 4)
    late = proposals.propose(make_user("rolf", "risk officer"), "shelf", "oak", {"left": 9}, "now")
    Proposal.objects.filter(pk=late.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    shown = client.get(PAGE).content.decode()
    assert verb("approve", late) not in shown
    assert "expired" in shown
    client.post(verb("approve", late))
    late.refresh_from_db()
    assert (late.status, shelf["left"]) == ("expired", 4)


def test_without_the_right_there_is_no_page_and_no_tile(waiting: Proposal, bob: User, ada: User, rita: User) -> None:
    assert at(bob).get(PAGE).status_code == 403
    assert at(bob).get(verb("approve", waiting)).status_code == 403
    assert at(bob).post(verb("approve", waiting)).status_code == 403
    front = reverse("admin:index")
    assert "Changes waiting" not in at(bob).get(front).content.decode()
    tiles = {user: {tile.title: tile for tile in at(user).get(front).context["tiles"]} for user in (ada, rita)}
    assert (tiles[ada]["Changes waiting for you"].value, tiles[ada]["Changes waiting for you"].tone) == ("1", "warning")
    assert tiles[rita]["Changes waiting for you"].value == "0"
