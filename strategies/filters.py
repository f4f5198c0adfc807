"""What lists of instances, signals, orders, log lines and evidence can be narrowed by."""

import django_filters
from django.db.models import QuerySet

from strategies.choices import ActivityName, CauseName, EvidenceName, Health, LogLevel, StageName
from strategies.instance_models import InstanceQuerySet, StrategyInstance

LONGEST = 2**63 - 1


class InstanceFilter(django_filters.FilterSet):
    """Instances; ``on_duty`` true: those that people want to run or have paused."""

    key = django_filters.CharFilter()
    strategy = django_filters.CharFilter()
    account = django_filters.CharFilter(field_name="account__code")
    owner = django_filters.CharFilter(field_name="owner__username")
    instrument = django_filters.CharFilter(field_name="legs__instrument__code", distinct=True)
    stage = django_filters.MultipleChoiceFilter(choices=StageName.choices)
    activity = django_filters.MultipleChoiceFilter(choices=ActivityName.choices)
    health = django_filters.MultipleChoiceFilter(choices=Health.choices)
    on_duty = django_filters.BooleanFilter(method="filter_on_duty")

    def filter_on_duty(self, queryset: InstanceQuerySet, _name: str, value: object) -> QuerySet[StrategyInstance]:
        """Those on duty, or those that are not."""
        duty = StrategyInstance.objects.on_duty().order_by().values("pk")
        return queryset.filter(pk__in=duty) if value else queryset.exclude(pk__in=duty)


class SignalFilter(django_filters.FilterSet):
    """Signals; ``decided_from`` is included, ``decided_to`` is not (market clock)."""

    instance = django_filters.NumberFilter(field_name="instance_id", min_value=1, max_value=LONGEST)
    key = django_filters.CharFilter(field_name="instance__key")
    strategy = django_filters.CharFilter(field_name="instance__strategy")
    instrument = django_filters.CharFilter(field_name="instrument__code")
    leg = django_filters.NumberFilter(min_value=0, max_value=100)
    late = django_filters.BooleanFilter()
    decided_from = django_filters.IsoDateTimeFilter(field_name="decided_at", lookup_expr="gte")
    decided_to = django_filters.IsoDateTimeFilter(field_name="decided_at", lookup_expr="lt")


class StrategyOrderFilter(django_filters.FilterSet):
    """Orders of an instance; ``refused`` true: those that the account did not take."""

    cause = django_filters.MultipleChoiceFilter(choices=CauseName.choices)
    instrument = django_filters.CharFilter(field_name="instrument__code")
    trading_day = django_filters.DateFilter()
    refused = django_filters.BooleanFilter(field_name="order", lookup_expr="isnull")


class LogFilter(django_filters.FilterSet):
    """Log lines; ``at_from`` is included, ``at_to`` is not."""

    level = django_filters.MultipleChoiceFilter(choices=LogLevel.choices)
    kind = django_filters.CharFilter()
    at_from = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    at_to = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")


class EvidenceFilter(django_filters.FilterSet):
    """Evidence."""

    kind = django_filters.MultipleChoiceFilter(choices=EvidenceName.choices)
    passed = django_filters.BooleanFilter()
    trading_day = django_filters.DateFilter()
    source_hash = django_filters.CharFilter()
