"""Loading the reference files again: nothing changes, the desk's rows stay, stale ones are corrected."""

from datetime import date
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.auth.models import Group

from accounts.models import User
from marketdata.fact_rows import Origin
from marketdata.models import Exchange, FeeRate, Product, TradingDay
from marketdata.reference_rows import load_reference

pytestmark = [pytest.mark.django_db, pytest.mark.embedded]


def test_after_migrate_everything_is_there() -> None:
    assert set(Exchange.objects.values_list("code", flat=True)) == {
        "SHFE",
        "INE",
        "DCE",
        "CZCE",
        "CFFEX",
        "GFEX",
        "SIM",
    }
    assert list(Exchange.objects.filter(close_today_flag=True).values_list("code", flat=True)) == ["INE", "SHFE", "SIM"]
    assert not TradingDay.objects.get(day=date(2024, 10, 1)).is_open
    assert TradingDay.objects.get(day=date(2024, 10, 8)).is_open
    assert not TradingDay.objects.filter(day=date(2024, 10, 12)).exists(), "Saturdays need no row"


def test_loading_again_changes_nothing() -> None:
    assert set(load_reference(apps).values()) == {0}


def test_missing_and_stale_rows_come_back_and_the_desks_stay() -> None:
    rb = Product.objects.get(exchange="SHFE", code="rb")
    Product.objects.filter(pk=rb.pk).update(name_zh="?")
    Product.objects.filter(exchange="SHFE", code="hc").update(name_zh="ours", origin=Origin.DESK)
    TradingDay.objects.filter(day=date(2024, 10, 1)).delete()
    fee = FeeRate.objects.filter(product=rb).order_by("valid_from")[0]
    FeeRate.objects.filter(pk=fee.pk).update(open_by_money=Decimal("0.5"))
    changed = load_reference(apps)
    assert {name: count for name, count in changed.items() if count} == {"Product": 1, "TradingDay": 1, "FeeRate": 1}
    assert Product.objects.get(pk=rb.pk).name_zh == rb.name_zh
    assert Product.objects.get(exchange="SHFE", code="hc").name_zh == "ours"
    assert FeeRate.objects.get(pk=fee.pk).open_by_money == fee.open_by_money


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("researcher", {"view_bar", "view_instrument", "add_barimport", "add_instrument"}, {"change_feerate"}),
        ("trader", {"view_bar", "view_instrument", "view_feerate"}, {"add_barimport", "change_feerate"}),
        ("risk officer", {"view_bar", "change_feerate", "add_marginrate"}, {"add_barimport", "change_product"}),
        ("administrator", {"view_bar", "change_feerate", "add_barimport", "change_tradingday"}, set()),
    ],
)
def test_each_role_may_what_it_needs(charlie: User, role: str, may: set[str], may_not: set[str]) -> None:
    charlie.groups.add(Group.objects.get(name=role))
    held = {
        name.removeprefix("marketdata.") for name in charlie.get_all_permissions() if name.startswith("marketdata.")
    }
    assert may <= held
    assert not may_not & held
