"""REST: strategy instances with their verbs, signals, gates, and the strategies that there are."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet, ViewSet

from accounts.models import Proposal, User
from quantsite.web.bodies import StrictSerializer
from quantsite.web.pagination import NewestFirstCursor
from strategies import registry, services
from strategies.api_rows import InstanceRowsMixin
from strategies.event_models import Signal
from strategies.filters import InstanceFilter, SignalFilter
from strategies.instance_models import ADD, CHANGE, OPERATE, VIEW, StrategyGate, StrategyInstance
from strategies.library_serializers import (
    BrokenStrategySerializer,
    LibrarySerializer,
    StrategySerializer,
    strategy_document,
)
from strategies.permissions import (
    demand_change,
    demand_halt,
    demand_operate,
    demand_share,
    find_instance,
    visible_instances,
)
from strategies.reading import instance_state
from strategies.serializers import (
    AskApprovalSerializer,
    ChangeSerializer,
    DemoteSerializer,
    GateSerializer,
    InstanceAccessSerializer,
    InstanceSerializer,
    NewGateSerializer,
    NewInstanceSerializer,
    ParametersSerializer,
    RetireSerializer,
    RollNowSerializer,
    SeenSerializer,
    SignalSerializer,
    StateSerializer,
    StrategyStopSerializer,
    WhySerializer,
)
from trading.risk_api import LONGEST_NUMBER, body_of, caller_of
from trading.risk_serializers import ProposalSerializer

Demand = Callable[[User, StrategyInstance], None]

OUTCOMES = {200: InstanceSerializer, 202: ProposalSerializer}
"""Done, or waiting for a second person."""


class KeyCursor(NewestFirstCursor):
    """Instances in the order of their keys."""

    ordering = "key"


def _needs(*names: str) -> tuple[str, ...]:
    """The permissions of an action on a visible instance; on which one, its verb asks."""
    return tuple(f"strategies.{name}" for name in (VIEW, *names))


class StrategyViewSet(
    InstanceRowsMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[StrategyInstance]
):
    """Strategy instances: one's own and those granted, by key. What was approved changes by proposals (202)."""

    queryset = StrategyInstance.objects.all()
    serializer_class = InstanceSerializer
    filterset_class = InstanceFilter
    pagination_class = KeyCursor
    lookup_value_regex = LONGEST_NUMBER
    action_permissions = {
        **dict.fromkeys(("state", "gates"), _needs()),
        "create": _needs(ADD),
        **dict.fromkeys(("partial_update", "promote", "ask_approval", "retire", "parameters"), _needs(CHANGE)),
        **dict.fromkeys(("withdraw", "grant", "revoke"), _needs(CHANGE)),
        **dict.fromkeys(("start", "resume", "go_live", "roll"), _needs(OPERATE)),
        **dict.fromkeys(("stop", "pause", "flatten", "demote"), _needs()),  # risk officers too: the verb asks
        "approve": "accounts.approve_proposal",
        **InstanceRowsMixin.row_permissions,
    }

    def get_queryset(self) -> QuerySet[StrategyInstance]:
        """The instances that the caller may see."""
        if not isinstance(self.request.user, User):
            return StrategyInstance.objects.none()
        return visible_instances(self.request.user).prefetch_related("legs__instrument")

    @extend_schema(request=NewInstanceSerializer, responses={201: InstanceSerializer})
    def create(self, request: Request) -> Response:
        """A draft of one's own."""
        body = NewInstanceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made = services.create_instance(caller_of(request), body.to_instance())
        headers = {"Location": reverse("strategy-detail", args=[made.pk])}
        return Response(InstanceSerializer(made).data, status.HTTP_201_CREATED, headers=headers)

    @extend_schema(request=ChangeSerializer, responses=OUTCOMES)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Other terms: those that are named. 202 where a second person must agree."""
        asked = _asked(ChangeSerializer, request, pk, demand_change, partial=True)
        how = {"reason": asked.pop("reason", ""), "version": asked.pop("version", None)}
        return _outcome(services.change_instance(caller_of(request), int(pk), asked, **how))

    @extend_schema(request=ParametersSerializer, responses=OUTCOMES)
    @action(detail=True, methods=["post"])
    def parameters(self, request: Request, pk: str) -> Response:
        """Other parameters, from the next bar on; those that are not named stay. 202 as for other terms."""
        asked = _asked(ParametersSerializer, request, pk, demand_change)
        return _outcome(services.set_parameters(caller_of(request), int(pk), asked.pop("parameters"), **asked))

    @extend_schema(request=SeenSerializer, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, pk: str) -> Response:
        """To the next stage, where its gates are open: draft, backtested, paper."""
        asked = _asked(SeenSerializer, request, pk, demand_change)
        return _told(services.promote(caller_of(request), int(pk), **asked))

    @extend_schema(request=AskApprovalSerializer, responses={202: ProposalSerializer})
    @action(detail=True, methods=["post"], url_path="ask-approval")
    def ask_approval(self, request: Request, pk: str) -> Response:
        """Ask a second person to approve it for an account that trades live."""
        asked = _asked(AskApprovalSerializer, request, pk, demand_change)
        return _waits(services.ask_approval(caller_of(request), int(pk), asked["account"], asked["reason"]))

    @extend_schema(request=WhySerializer, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Agree to what was asked for, as another person than its owner and than who asked."""
        return _told(services.approve(caller_of(request), int(pk), **body_of(WhySerializer, request)))

    @extend_schema(request=None, responses=ProposalSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take back what one has asked a second person for."""
        demand_change(caller_of(request), find_instance(caller_of(request), int(pk)))
        return Response(ProposalSerializer(services.withdraw_request(caller_of(request), int(pk))).data)

    @extend_schema(request=SeenSerializer, responses=InstanceSerializer)
    @action(detail=True, methods=["post"], url_path="go-live")
    def go_live(self, request: Request, pk: str) -> Response:
        """Let it trade on the account that it was approved for; it starts by a verb of its own."""
        asked = _asked(SeenSerializer, request, pk, demand_operate)
        return _told(services.go_live(caller_of(request), int(pk), **asked))

    @extend_schema(request=SeenSerializer, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Let it run."""
        asked = _asked(SeenSerializer, request, pk, demand_operate)
        return _told(services.start(caller_of(request), int(pk), **asked))

    @extend_schema(request=SeenSerializer, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Let a paused one open positions again."""
        asked = _asked(SeenSerializer, request, pk, demand_operate)
        return _told(services.resume(caller_of(request), int(pk), **asked))

    @extend_schema(request=WhySerializer, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """It goes on to decide, and opens nothing."""
        asked = _asked(WhySerializer, request, pk, demand_halt)
        return _told(services.pause(caller_of(request), int(pk), **asked))

    @extend_schema(request=StrategyStopSerializer, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """It decides no more; ``then`` says what becomes of its orders and lots."""
        asked = _asked(StrategyStopSerializer, request, pk, demand_halt)
        return _told(services.stop(caller_of(request), int(pk), **asked))

    @extend_schema(request=WhySerializer, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def flatten(self, request: Request, pk: str) -> Response:
        """Withdraw its orders and close its lots; one that runs is paused."""
        asked = _asked(WhySerializer, request, pk, demand_halt)
        return _told(services.flatten(caller_of(request), int(pk), **asked))

    @extend_schema(request=RollNowSerializer, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def roll(self, request: Request, pk: str) -> Response:
        """Have a leg go to another contract of its product; how it goes is among its rolls."""
        asked = _asked(RollNowSerializer, request, pk, demand_operate)
        done = services.roll_now(caller_of(request), int(pk), asked["leg"], asked["to"], asked["reason"])
        return _told(find_instance(caller_of(request), done.instance_id))

    @extend_schema(request=DemoteSerializer, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def demote(self, request: Request, pk: str) -> Response:
        """Back to a lower stage."""
        asked = _asked(DemoteSerializer, request, pk, demand_halt)
        done = services.demote(caller_of(request), int(pk), asked["to"], asked["reason"], then=asked["then"])
        return _told(done)

    @extend_schema(request=RetireSerializer, responses=InstanceSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: str) -> Response:
        """The end of it; it stays to be looked at."""
        asked = _asked(RetireSerializer, request, pk, demand_change)
        return _told(services.retire(caller_of(request), int(pk), **asked))

    @extend_schema(request=InstanceAccessSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def grant(self, request: Request, pk: str) -> Response:
        """Let a person or a group see it, operate it, or be its second person."""
        return self._access(services.grant_instance, request, pk)

    @extend_schema(request=InstanceAccessSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """Take such a grant back."""
        return self._access(services.revoke_instance, request, pk)

    @extend_schema(responses=StateSerializer)
    @action(detail=True, filterset_class=None, pagination_class=None)
    def state(self, request: Request, pk: str) -> Response:
        """Where it stands now, on one page."""
        return Response(StateSerializer(instance_state(caller_of(request), int(pk))).data)

    def _access(self, verb: Any, request: Request, pk: str) -> Response:
        demand_share(caller_of(request), find_instance(caller_of(request), int(pk)), VIEW)
        body = InstanceAccessSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        verb(caller_of(request), int(pk), body.receiver(), body.permission())
        return Response(status=status.HTTP_204_NO_CONTENT)


class SignalViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Signal]):
    """Signals of the instances that the caller may see, the newest first."""

    queryset = Signal.objects.all()
    serializer_class = SignalSerializer
    filterset_class = SignalFilter
    lookup_value_regex = LONGEST_NUMBER

    def get_queryset(self) -> QuerySet[Signal]:
        """The signals that the caller may see."""
        if not isinstance(self.request.user, User):
            return Signal.objects.none()
        return Signal.objects.visible_to(self.request.user).select_related("instance", "instrument")


class GateViewSet(mixins.ListModelMixin, GenericViewSet[StrategyGate]):
    """What an instance must show before it may enter a stage."""

    queryset = StrategyGate.objects.select_related("updated_by")
    serializer_class = GateSerializer
    pagination_class = None
    filterset_class = None
    action_permissions = {"create": "strategies.change_strategygate"}

    @extend_schema(request=NewGateSerializer, responses={200: GateSerializer, 202: ProposalSerializer})
    def create(self, request: Request) -> Response:
        """Set a gate: at once (200), or as a proposal where it asks for less than before (202)."""
        done = services.set_gate(caller_of(request), **body_of(NewGateSerializer, request))
        return _waits(done.proposal) if done.proposal else Response(GateSerializer(done.gate).data)


class LibraryViewSet(ViewSet):
    """The strategies that can be run: the platform's own, users' own, and files that give none."""

    action_permissions = dict.fromkeys(("list", "retrieve"), f"strategies.{VIEW}")
    lookup_value_regex = r"[A-Za-z_]\w{0,63}"

    @extend_schema(responses=LibrarySerializer)
    def list(self, _request: Request) -> Response:
        """All of them; ``broken``: files of users that give no strategy, with line and reason."""
        known = [strategy_document(name) for name in registry.names()]
        broken = BrokenStrategySerializer(registry.broken(), many=True).data
        return Response({"results": StrategySerializer(known, many=True).data, "next": None, "broken": broken})

    @extend_schema(responses=StrategySerializer)
    def retrieve(self, _request: Request, pk: str) -> Response:
        """One of them."""
        return Response(StrategySerializer(strategy_document(pk)).data)


def _asked(
    kind: type[StrictSerializer], request: Request, pk: str, demand: Demand, *, partial: bool = False
) -> dict[str, Any]:
    """The valid body of a verb on an instance; who may not do it is told so before the body is looked at."""
    caller = caller_of(request)
    demand(caller, find_instance(caller, int(pk)))
    found: dict[str, Any] = body_of(kind, request, partial=partial)
    return found


def _told(instance: StrategyInstance) -> Response:
    return Response(InstanceSerializer(instance).data)


def _waits(proposal: Proposal) -> Response:
    return Response(ProposalSerializer(proposal).data, status.HTTP_202_ACCEPTED)


def _outcome(done: services.ChangeOutcome) -> Response:
    return _waits(done.proposal) if done.proposal else _told(done.instance)


routes = [
    ("strategies", StrategyViewSet, "strategy"),
    ("signals", SignalViewSet, "signal"),
    ("strategy-gates", GateViewSet, "strategy-gate"),
    ("strategy-library", LibraryViewSet, "strategy-library"),
]
