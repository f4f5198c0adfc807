"""Commission and margin take two persons: what the console saves is a proposal, whichever way it is saved."""

from datetime import date
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts import proposals
from accounts.models import AuditEntry, Proposal, User
from marketdata.fact_rows import Origin
from marketdata.instruments import ensure_instrument
from marketdata.models import FeeRate, MarginRate, Product
from quantsite.common.errors import ConflictError, RefusedError

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]

DAY = date(2026, 1, 5)
ADD = "admin:marketdata_feerate_add"


def console(user: User) -> Client:
    """A browser in which ``user`` is logged in."""
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def rb(db: None) -> Product:
    return Product.objects.get(exchange="SHFE", code="rb")


def fee_form(product: Product, **values: str) -> dict[str, str]:
    """What the form of a commission rate sends."""
    names = [f"{offset}_by_{base}" for offset in ("open", "close", "close_today") for base in ("money", "volume")]
    return {
        "product": str(product.pk),
        "instrument": "",
        "valid_from": "2026-01-05",
        **dict.fromkeys(names, "0"),
        "reason": "notice of the exchange",
        **values,
    }


def margin_form(row: MarginRate, **values: str) -> dict[str, str]:
    """What the form of a stored margin rate sends."""
    names = [f"{side}_by_{base}" for side in ("long", "short") for base in ("money", "volume")]
    return {
        "product": str(row.product_id or ""),
        "instrument": str(row.instrument_id or ""),
        "valid_from": row.valid_from.isoformat(),
        **{name: str(getattr(row, name)) for name in names},
        "reason": "notice of the exchange",
        **values,
    }


def test_a_new_fee_waits_for_another_person(rb: Product, rita: User, ada: User, bob: User) -> None:
    assert console(bob).post(reverse(ADD), fee_form(rb)).status_code == 403
    answer = console(rita).post(reverse(ADD), fee_form(rb, open_by_money="0.00012"), follow=True)
    proposal = Proposal.objects.get()
    assert f"Proposal {proposal.pk} waits for a second person" in answer.content.decode()
    assert not FeeRate.objects.filter(product=rb, valid_from=DAY).exists()
    assert (proposal.kind, proposal.target, proposal.before) == ("fees", "product rb.SHFE 2026-01-05", None)
    with pytest.raises(RefusedError):
        proposals.approve(rita, proposal.pk)
    proposals.approve(ada, proposal.pk)
    fee = FeeRate.objects.get(product=rb, valid_from=DAY)
    assert (fee.open_by_money, fee.close_by_money, fee.origin) == (Decimal("0.00012"), 0, Origin.DESK)
    entry = AuditEntry.objects.get(verb="fees.change")
    assert (entry.actor, (entry.after or {})["proposed_by"]) == (ada, "rita")


def test_a_changed_margin_is_told_column_by_column(rb: Product, rita: User, ada: User) -> None:
    row = MarginRate.objects.filter(product=rb).latest("valid_from")
    path = reverse("admin:marketdata_marginrate_change", args=[row.pk])
    console(rita).post(path, margin_form(row, long_by_money="0.2"))
    proposal = Proposal.objects.get()
    stands = f"{row.long_by_money:f}"
    told = [(found.name, found.before, found.after) for found in proposals.diff_of(proposal)]
    assert told == [("long, of value", stands, "0.2")]
    proposals.approve(ada, proposal.pk)
    row.refresh_from_db()
    assert (row.long_by_money, row.origin) == (Decimal("0.2"), Origin.DESK)


def test_a_rate_goes_by_two_and_its_page_to_delete_is_closed(rb: Product, rita: User, ada: User) -> None:
    row = MarginRate.objects.filter(product=rb).latest("valid_from")
    assert (
        console(ada).post(reverse("admin:marketdata_marginrate_delete", args=[row.pk]), {"post": "yes"}).status_code
        == 403
    )
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    console(ada).post(reverse("admin:marketdata_marginrate_changelist"), chosen)
    assert MarginRate.objects.filter(pk=row.pk).exists()
    path = reverse("admin:marketdata_marginrate_change", args=[row.pk])
    console(rita).post(path, margin_form(row, remove="on"))
    assert MarginRate.objects.filter(pk=row.pk).exists()
    proposals.approve(ada, Proposal.objects.get().pk)
    assert not MarginRate.objects.filter(pk=row.pk).exists()
    assert AuditEntry.objects.get(verb="margin.remove").actor == ada


def test_an_import_in_between_makes_the_proposal_stale(rb: Product, rita: User, ada: User) -> None:
    row = MarginRate.objects.filter(product=rb).latest("valid_from")
    console(rita).post(
        reverse("admin:marketdata_marginrate_change", args=[row.pk]), margin_form(row, long_by_money="0.2")
    )
    MarginRate.objects.filter(pk=row.pk).update(long_by_money=Decimal("0.3"))
    with pytest.raises(ConflictError) as error:
        proposals.approve(ada, Proposal.objects.get().pk)
    assert error.value.code == "proposal_stale"
    row.refresh_from_db()
    assert row.long_by_money == Decimal("0.3")


def test_a_day_that_was_taken_meanwhile_is_refused_and_stays_open(rb: Product, rita: User, ada: User) -> None:
    row = MarginRate.objects.filter(product=rb).latest("valid_from")
    path = reverse("admin:marketdata_marginrate_change", args=[row.pk])
    console(rita).post(path, margin_form(row, valid_from="2026-01-05"))
    MarginRate.objects.create(product=rb, valid_from=DAY)
    with pytest.raises(ConflictError, match="cannot be stored any more"):
        proposals.approve(ada, Proposal.objects.get().pk)
    assert Proposal.objects.get().status == "open"


def test_no_change_and_no_reason_make_no_proposal(rb: Product, rita: User) -> None:
    row = MarginRate.objects.filter(product=rb).latest("valid_from")
    path = reverse("admin:marketdata_marginrate_change", args=[row.pk])
    answer = console(rita).post(path, margin_form(row), follow=True)
    assert "nothing to propose" in answer.content.decode()
    assert console(rita).post(path, margin_form(row, reason=" ", long_by_money="0.2")).status_code == 200
    assert not Proposal.objects.exists()


def test_who_may_look_sees_no_form(rb: Product, bob: User) -> None:
    row = MarginRate.objects.filter(product=rb).latest("valid_from")
    page = console(bob).get(reverse("admin:marketdata_marginrate_change", args=[row.pk]))
    assert page.status_code == 200
    assert 'name="reason"' not in page.content.decode()


def test_a_rate_belongs_to_a_product_or_an_instrument(rb: Product, rita: User) -> None:
    contract = ensure_instrument("rb2605.SHFE", DAY)
    answer = console(rita).post(reverse("admin:marketdata_feerate_add"), fee_form(rb, instrument=str(contract.pk)))
    assert answer.status_code == 200
    assert "one of them" in answer.content.decode()
    assert not Proposal.objects.exists()
