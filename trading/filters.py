"""What lists of orders, fills, positions and accounts can be narrowed by."""

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from trading.account_models import TradingAccount
from trading.choices import WORKING_STATUSES, DirectionName, OffsetName, SideName, StatusName
from trading.order_models import Order

WORKING = "working"
"""Stands for every status from which an order may still fill."""


def statuses(asked: list[str]) -> set[str]:
    """The statuses meant by names and ``working``."""
    return {*(name for name in asked if name != WORKING), *(WORKING_STATUSES if WORKING in asked else ())}


class AccountRowFilter(django_filters.FilterSet):
    """What every row of an account is found by."""

    account = django_filters.CharFilter(field_name="account__code")
    instrument = django_filters.CharFilter(field_name="instrument__code")


class OrderFilter(AccountRowFilter):
    """Orders; ``created_from`` is included, ``created_to`` is not."""

    status = django_filters.MultipleChoiceFilter(
        choices=[*StatusName.choices, (WORKING, _("working"))], method="filter_status"
    )
    direction = django_filters.ChoiceFilter(choices=DirectionName.choices)
    trading_day = django_filters.DateFilter()
    strategy_key = django_filters.CharFilter()
    created_from = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_to = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    def filter_status(self, queryset: QuerySet[Order], _name: str, value: list[str]) -> QuerySet[Order]:
        """Orders in one of these statuses; ``working`` names several."""
        return queryset.filter(status__in=statuses(value)) if value else queryset


class FillFilter(AccountRowFilter):
    """Fills; ``traded_from`` is included, ``traded_to`` is not."""

    order = django_filters.NumberFilter(field_name="order_id", min_value=1, max_value=2**63 - 1)
    direction = django_filters.ChoiceFilter(choices=DirectionName.choices)
    offset = django_filters.ChoiceFilter(choices=OffsetName.choices)
    trading_day = django_filters.DateFilter()
    strategy_key = django_filters.CharFilter()
    traded_from = django_filters.IsoDateTimeFilter(field_name="traded_at", lookup_expr="gte")
    traded_to = django_filters.IsoDateTimeFilter(field_name="traded_at", lookup_expr="lt")


class PositionFilter(AccountRowFilter):
    """Positions."""

    side = django_filters.ChoiceFilter(choices=SideName.choices)


class AccountFilter(django_filters.FilterSet):
    """Accounts."""

    desk = django_filters.CharFilter(field_name="desk__code")
    control_group = django_filters.CharFilter(field_name="control_group__code")

    class Meta:
        model = TradingAccount
        fields = ["desk", "control_group", "kind", "is_active"]
