"""REST: limits and stops; risk events, plans and proposals stand in ``risk_handling_api``."""

from typing import Any, cast

from django.db.models import Prefetch, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from accounts.models import User
from quantsite.common.errors import MissingError
from quantsite.web.bodies import StrictSerializer
from trading import services
from trading.limit_models import KillSwitch, RiskLimit, RiskLimitChange, SwitchEffect
from trading.risk_choices import ScopeName
from trading.risk_filters import LimitChangeFilter, LimitFilter, SwitchFilter
from trading.risk_permissions import visible_scoped
from trading.risk_serializers import (
    LimitChangeSerializer,
    LimitInForceSerializer,
    LimitOutcomeSerializer,
    LimitSerializer,
    LimitValuesSerializer,
    NewLimitSerializer,
    NewSwitchSerializer,
    ProposalSerializer,
    RiskReasonSerializer,
    StopPreviewSerializer,
    StopSerializer,
    SwitchSerializer,
)
from trading.verbs.limits import LimitOutcome
from trading.verbs.risk_scopes import find_scope

LONGEST_NUMBER = r"\d{1,18}"
LIMIT_OUTCOMES = {200: LimitOutcomeSerializer, 202: LimitOutcomeSerializer}
SCOPE_PARAMETERS = [
    OpenApiParameter("scope_kind", OpenApiTypes.STR, enum=ScopeName.values, required=True),
    OpenApiParameter("scope_key", OpenApiTypes.STR, description="A code; left out for everything."),
]


def caller_of(request: Request) -> User:
    """The user behind the request: the permission class lets nobody else through."""
    return cast("User", request.user)


def body_of(kind: type[StrictSerializer], request: Request, *, partial: bool = False) -> Any:
    """The valid body. Raises ``ValidationError``."""
    body = kind(data=request.data, partial=partial)
    body.is_valid(raise_exception=True)
    return body.validated_data


class RiskLimitViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[RiskLimit]):
    """The limits that are set, the newest first, of scopes in which the caller sees something.

    What tightens is applied and answered with 200; what loosens anything anywhere is answered with 202 and the proposal
    that waits for a second person.
    """

    queryset = RiskLimit.objects.all()
    serializer_class = LimitSerializer
    filterset_class = LimitFilter
    lookup_value_regex = LONGEST_NUMBER
    action_permissions = {
        "in_force": "trading.view_risklimit",
        **dict.fromkeys(("create", "update", "partial_update", "remove"), "trading.change_risklimit"),
        **dict.fromkeys(("history", "changes"), "trading.view_risklimitchange"),
    }

    def get_queryset(self) -> QuerySet[RiskLimit]:
        """Those at scopes that the caller may know of."""
        if not isinstance(self.request.user, User):
            return RiskLimit.objects.none()
        return visible_scoped(self.request.user, RiskLimit.objects.select_related("updated_by"))

    @extend_schema(request=NewLimitSerializer, responses=LIMIT_OUTCOMES)
    def create(self, request: Request) -> Response:
        """Set a limit, whether or not there is one on this rule at this scope."""
        asked = body_of(NewLimitSerializer, request)
        return _set(caller_of(request), asked["rule"], asked["scope_kind"], asked["scope_key"], asked)

    @extend_schema(request=LimitValuesSerializer, responses=LIMIT_OUTCOMES)
    def update(self, request: Request, pk: str) -> Response:
        """Set what this limit says anew, whole."""
        limit = self._limit(pk)
        return _set(
            caller_of(request), limit.rule, limit.scope_kind, limit.scope_key, body_of(LimitValuesSerializer, request)
        )

    @extend_schema(request=LimitValuesSerializer, responses=LIMIT_OUTCOMES)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change some of what this limit says; the rest stays."""
        limit = self._limit(pk)
        stands = {"maximum": limit.maximum, "action": limit.action, "params": limit.params, "reason": ""}
        asked = stands | body_of(LimitValuesSerializer, request, partial=True)
        return _set(caller_of(request), limit.rule, limit.scope_kind, limit.scope_key, asked)

    @extend_schema(request=RiskReasonSerializer, responses=LIMIT_OUTCOMES)
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: str) -> Response:
        """Take the limit away, so that a wider one counts again."""
        limit = self._limit(pk)
        why = body_of(RiskReasonSerializer, request)["reason"]
        outcome = services.remove_limit(caller_of(request), limit.rule, limit.scope_kind, limit.scope_key, why)
        return _answer(outcome)

    @extend_schema(parameters=SCOPE_PARAMETERS, responses=LimitInForceSerializer(many=True))
    @action(detail=False, url_path="in-force", filterset_class=None, pagination_class=None)
    def in_force(self, request: Request) -> Response:
        """Every rule at one scope, with the value that counts there and the scope that it comes from."""
        caller = caller_of(request)
        asked = request.query_params
        kind, key = asked.get("scope_kind", ""), asked.get("scope_key", "")
        scope = find_scope(caller, kind, key, unborn=True)
        cells: Any = list(services.limits_at(caller, scope).cells.values())
        return Response(LimitInForceSerializer(cells, many=True).data)

    @extend_schema(responses=LimitChangeSerializer(many=True))
    @action(detail=True, filterset_class=None)
    def history(self, request: Request, pk: str) -> Response:
        """What this limit was and became, by whom and why, the newest first."""
        del request
        limit = self._limit(pk)
        same = {"rule": limit.rule, "scope_kind": limit.scope_kind, "scope_key": limit.scope_key}
        return self._page(RiskLimitChange.objects.filter(**same))

    @extend_schema(responses=LimitChangeSerializer(many=True))
    @action(detail=False, filterset_class=LimitChangeFilter)
    def changes(self, request: Request) -> Response:
        """Every change of a limit, of those that were taken away too, the newest first."""
        rows: Any = visible_scoped(caller_of(request), RiskLimitChange.objects.all())
        return self._page(self.filter_queryset(rows))

    def _limit(self, pk: str) -> RiskLimit:
        """The limit. Raises ``MissingError`` where there is none that the caller may see."""
        found = self.get_queryset().filter(pk=pk).first()
        if found is None:
            raise MissingError("unknown_limit", f"There is no limit {pk}.")
        return found

    def _page(self, rows: Any) -> Response:
        page: Any = self.paginate_queryset(rows.select_related("changed_by", "approved_by"))
        return self.get_paginated_response(LimitChangeSerializer(page, many=True).data)


class KillSwitchViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[KillSwitch]):
    """Stops, the newest first, of scopes in which the caller sees something."""

    queryset = KillSwitch.objects.all()
    serializer_class = SwitchSerializer
    filterset_class = SwitchFilter
    lookup_value_regex = LONGEST_NUMBER
    action_permissions = {
        **dict.fromkeys(("create", "preview"), "trading.view_killswitch"),  # a trader stops an own account
        "release": "trading.release_killswitch",
    }

    def get_queryset(self) -> QuerySet[KillSwitch]:
        """Those at scopes that the caller may know of, with their effects."""
        if not isinstance(self.request.user, User):
            return KillSwitch.objects.none()
        effects = Prefetch("effects", SwitchEffect.objects.select_related("account"))
        rows = KillSwitch.objects.select_related("set_by", "released_by", "approved_by").prefetch_related(effects)
        return visible_scoped(self.request.user, rows)

    @extend_schema(request=NewSwitchSerializer, responses={201: SwitchSerializer})
    def create(self, request: Request) -> Response:
        """Stop trading now. One person is enough; the release takes two."""
        asked = body_of(NewSwitchSerializer, request)
        where = asked["scope_kind"], asked["scope_key"], asked["strength"]
        switch = services.set_switch(caller_of(request), *where, asked["reason"])
        headers = {"Location": reverse("kill-switch-detail", args=[switch.pk])}
        body = self.get_serializer(self.get_queryset().get(pk=switch.pk)).data
        return Response(body, status.HTTP_201_CREATED, headers=headers)

    @extend_schema(request=StopSerializer, responses=StopPreviewSerializer)
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def preview(self, request: Request) -> Response:
        """What a stop would reach, counted; nothing is stopped."""
        asked = body_of(StopSerializer, request)
        where = asked["scope_kind"], asked["scope_key"], asked["strength"]
        return Response(StopPreviewSerializer(services.preview_stop(caller_of(request), *where)).data)

    @extend_schema(request=RiskReasonSerializer, responses={202: ProposalSerializer})
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Propose the release; a second person approves it under ``risk-proposals/``."""
        asked = body_of(RiskReasonSerializer, request)
        return proposed(services.ask_release(caller_of(request), int(pk), asked["reason"]))


def proposed(proposal: Any) -> Response:
    """202 with a proposal that waits, and its address."""
    headers = {"Location": reverse("risk-proposal-detail", args=[proposal.pk])}
    return Response(ProposalSerializer(proposal).data, status.HTTP_202_ACCEPTED, headers=headers)


def _set(caller: User, rule: str, scope_kind: str, scope_key: str, asked: Any) -> Response:
    values = asked["maximum"], asked["action"], asked["params"], asked["reason"]
    return _answer(services.set_limit(caller, rule, scope_kind, scope_key, *values))


def _answer(outcome: LimitOutcome) -> Response:
    """200 where it holds already, 202 where it waits."""
    waiting = outcome.proposal is not None
    return Response(LimitOutcomeSerializer(outcome).data, status.HTTP_202_ACCEPTED if waiting else status.HTTP_200_OK)
