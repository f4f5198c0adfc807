"""What lists of limits, stops, risk events, plans and proposals can be narrowed by."""

import django_filters
from django.db.models import QuerySet

from accounts.models import ProposalStatus
from trading.risk_choices import PlanStatus, RiskEventKind, RuleName, ScopeName, StrengthName
from trading.risk_models import FlattenPlan


class ScopedFilter(django_filters.FilterSet):
    """What everything at a scope is found by."""

    scope_kind = django_filters.ChoiceFilter(choices=ScopeName.choices)
    scope_key = django_filters.CharFilter()


class LimitFilter(ScopedFilter):
    """Limits that are set."""

    rule = django_filters.ChoiceFilter(choices=RuleName.choices)


class LimitChangeFilter(LimitFilter):
    """Changes of limits; ``created_from`` is included, ``created_to`` is not."""

    created_from = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_to = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")


class SwitchFilter(ScopedFilter):
    """Stops; ``active`` true: those that nobody has released."""

    strength = django_filters.ChoiceFilter(choices=StrengthName.choices)
    active = django_filters.BooleanFilter(field_name="released_at", lookup_expr="isnull")


class RiskEventFilter(ScopedFilter):
    """Risk events; ``open`` true: not closed. ``last_from`` is included, ``last_to`` is not."""

    account = django_filters.CharFilter(field_name="account__code")
    kind = django_filters.MultipleChoiceFilter(choices=RiskEventKind.choices)
    rule = django_filters.ChoiceFilter(choices=RuleName.choices)
    subject = django_filters.CharFilter()
    trading_day = django_filters.DateFilter()
    open = django_filters.BooleanFilter(field_name="closed_at", lookup_expr="isnull")
    acknowledged = django_filters.BooleanFilter(field_name="acknowledged_at", lookup_expr="isnull", exclude=True)
    assigned_to = django_filters.CharFilter(field_name="assigned_to__username")
    level_from = django_filters.NumberFilter(field_name="level", lookup_expr="gte")
    last_from = django_filters.IsoDateTimeFilter(field_name="last_at", lookup_expr="gte")
    last_to = django_filters.IsoDateTimeFilter(field_name="last_at", lookup_expr="lt")


class PlanFilter(django_filters.FilterSet):
    """Plans to close positions; ``open`` true: waiting or running."""

    account = django_filters.CharFilter(field_name="account__code")
    status = django_filters.MultipleChoiceFilter(choices=PlanStatus.choices)
    open = django_filters.BooleanFilter(method="filter_open")

    def filter_open(self, rows: QuerySet[FlattenPlan], _name: str, value: bool) -> QuerySet[FlattenPlan]:
        """Those that may still send orders, or those that may not."""
        going = {"status__in": (PlanStatus.WAITING, PlanStatus.RUNNING)}
        return rows.filter(**going) if value else rows.exclude(**going)


class ProposalFilter(django_filters.FilterSet):
    """Proposals of every kind."""

    kind = django_filters.CharFilter()
    target = django_filters.CharFilter()
    status = django_filters.MultipleChoiceFilter(choices=ProposalStatus.choices)
    proposed_by = django_filters.CharFilter(field_name="proposed_by__username")
