"""REST: risk events, plans to close positions, proposals, and where an account stands."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from accounts import proposals
from accounts.models import Proposal, User
from trading import services
from trading.risk_api import LONGEST_NUMBER, body_of, caller_of, proposed
from trading.risk_filters import PlanFilter, ProposalFilter, RiskEventFilter
from trading.risk_models import FlattenPlan, RiskEvent
from trading.risk_permissions import HANDLE, find_plan, find_risk_event, visible_plans, visible_risk_events
from trading.risk_serializers import (
    AssignSerializer,
    CommentSerializer,
    NewPlanSerializer,
    NewProposalSerializer,
    PlanPreviewSerializer,
    PlanScopeSerializer,
    PlanSerializer,
    PossibleRiskReasonSerializer,
    ProposalSerializer,
    RiskEventNotesSerializer,
    RiskEventSerializer,
    RiskReasonSerializer,
)


class RiskEventViewSet(mixins.ListModelMixin, GenericViewSet[RiskEvent]):
    """Risk events of the accounts that the caller may see, the newest first; of all, for who sees every account."""

    queryset = RiskEvent.objects.all()
    serializer_class = RiskEventSerializer
    filterset_class = RiskEventFilter
    lookup_value_regex = LONGEST_NUMBER
    action_permissions = dict.fromkeys(("acknowledge", "assign", "comment", "close"), HANDLE)

    def get_queryset(self) -> QuerySet[RiskEvent]:
        """The events that the caller may see."""
        return visible_risk_events(self.request.user) if isinstance(self.request.user, User) else self.queryset.none()

    @extend_schema(responses=RiskEventNotesSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One event with what people wrote and did about it."""
        return _event(request, pk)

    @extend_schema(request=None, responses=RiskEventNotesSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Say that somebody has seen it."""
        services.acknowledge(caller_of(request), int(pk))
        return _event(request, pk)

    @extend_schema(request=AssignSerializer, responses=RiskEventNotesSerializer)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        """Give it to somebody, or take it."""
        services.assign(caller_of(request), int(pk), body_of(AssignSerializer, request)["to"])
        return _event(request, pk)

    @extend_schema(request=CommentSerializer, responses=RiskEventNotesSerializer)
    @action(detail=True, methods=["post"])
    def comment(self, request: Request, pk: str) -> Response:
        """Write something about it."""
        services.comment(caller_of(request), int(pk), body_of(CommentSerializer, request)["text"])
        return _event(request, pk)

    @extend_schema(request=RiskReasonSerializer, responses=RiskEventNotesSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """Be done with it."""
        services.close_risk_event(caller_of(request), int(pk), body_of(RiskReasonSerializer, request)["reason"])
        return _event(request, pk)


class FlattenPlanViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[FlattenPlan]):
    """Plans to close positions of the accounts that the caller may see, the newest first."""

    queryset = FlattenPlan.objects.all()
    serializer_class = PlanSerializer
    filterset_class = PlanFilter
    lookup_value_regex = LONGEST_NUMBER
    action_permissions = dict.fromkeys(("create", "preview", "stop"), "trading.view_flattenplan")

    def get_queryset(self) -> QuerySet[FlattenPlan]:
        """The plans that the caller may see."""
        return visible_plans(self.request.user) if isinstance(self.request.user, User) else self.queryset.none()

    @extend_schema(request=NewPlanSerializer, responses={201: PlanSerializer})
    def create(self, request: Request) -> Response:
        """Make a plan; it begins after a delay, in which it can be looked at and stopped."""
        asked = dict(body_of(NewPlanSerializer, request))
        plan = services.make_plan(caller_of(request), asked.pop("account"), **asked)
        headers = {"Location": reverse("flatten-plan-detail", args=[plan.pk])}
        return Response(PlanSerializer(plan).data, status.HTTP_201_CREATED, headers=headers)

    @extend_schema(request=PlanScopeSerializer, responses=PlanPreviewSerializer)
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def preview(self, request: Request) -> Response:
        """The steps of a plan as it would be made now; nothing is written."""
        asked = dict(body_of(PlanScopeSerializer, request))
        steps = services.preview_plan(caller_of(request), asked.pop("account"), **asked)
        return Response(PlanPreviewSerializer({"steps": steps}).data)

    @extend_schema(request=RiskReasonSerializer, responses=PlanSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """End it before it is done; what is closed stays closed."""
        caller = caller_of(request)
        services.stop_plan(caller, int(pk), body_of(RiskReasonSerializer, request)["reason"])
        return Response(PlanSerializer(find_plan(caller, int(pk))).data)


class ProposalViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Proposal]):
    """Changes that take two persons, the newest first: limits, stops, rates, live trading."""

    queryset = Proposal.objects.select_related("proposed_by", "decided_by")
    serializer_class = ProposalSerializer
    filterset_class = ProposalFilter
    lookup_value_regex = LONGEST_NUMBER
    action_permissions = {
        "create": "accounts.view_proposal",
        "withdraw": "accounts.view_proposal",
        **dict.fromkeys(("approve", "refuse"), proposals.APPROVE),
    }

    @extend_schema(request=NewProposalSerializer, responses={202: ProposalSerializer})
    def create(self, request: Request) -> Response:
        """Propose the release of a stop, live trading, another peak of a drawdown, or to adopt a broker's figures.

        A looser limit is asked for under ``risk-limits/``.
        """
        asked = body_of(NewProposalSerializer, request)
        caller, target, why = caller_of(request), asked["target"], asked["reason"]
        if asked["kind"] == "enable_live":
            return proposed(services.ask_live(caller, target, why))
        if asked["kind"] == "reset_peak":
            return proposed(services.ask_reset(caller, target, why))
        if asked["kind"] == "adopt_broker":
            return proposed(services.ask_adoption(caller, target, why))
        return proposed(services.ask_release(caller, int(target) if _is_number(target) else 0, why))

    @extend_schema(request=PossibleRiskReasonSerializer, responses=ProposalSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Have it done: by another person than who proposed it, in time, while what it starts from stands."""
        why = body_of(PossibleRiskReasonSerializer, request)["reason"]
        return _decided(proposals.approve(caller_of(request), int(pk), why))

    @extend_schema(request=RiskReasonSerializer, responses=ProposalSerializer)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str) -> Response:
        """Say no, as another person than who proposed it."""
        why = body_of(RiskReasonSerializer, request)["reason"]
        return _decided(proposals.refuse(caller_of(request), int(pk), why))

    @extend_schema(request=None, responses=ProposalSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take one's own proposal back."""
        return _decided(proposals.withdraw(caller_of(request), int(pk)))


def _event(request: Request, pk: str) -> Response:
    event: Any = find_risk_event(caller_of(request), int(pk))
    return Response(RiskEventNotesSerializer(event).data)


def _decided(proposal: Proposal) -> Response:
    return Response(ProposalSerializer(proposals.find(proposal.pk)).data)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
