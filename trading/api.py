"""REST: orders, fills and positions; accounts stand in ``account_api``, risk in ``risk_api`` and beside it."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from accounts.models import User
from accounts.permissions import refuse
from quantsite.web.pagination import NewestFirstCursor
from trading import services
from trading.account_api import TradingAccountViewSet
from trading.account_models import REDUCE_EVERY, TRADE, TRADE_EVERY
from trading.filters import FillFilter, OrderFilter, PositionFilter
from trading.ledger_models import Position
from trading.order_models import AccountRows, Fill, Order, RowT
from trading.risk_api import KillSwitchViewSet, RiskLimitViewSet
from trading.risk_handling_api import FlattenPlanViewSet, ProposalViewSet, RiskEventViewSet
from trading.serializers import (
    CancelAllSerializer,
    CancelledSerializer,
    CloseSerializer,
    FillSerializer,
    NewOrderSerializer,
    OrderSerializer,
    PositionSerializer,
)
from trading.verbs.told_reasons import told_reason

TRADERS = (TRADE, TRADE_EVERY)
REDUCERS = (*TRADERS, REDUCE_EVERY)
LONGEST_NUMBER = r"\d{1,18}"


def _visible(rows: AccountRows[RowT], request: Request) -> QuerySet[RowT]:
    """Those of the rows that the caller may see."""
    return rows.visible_to(request.user) if isinstance(request.user, User) else rows.none()


class OrderViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Order]):
    """Orders of the accounts that the caller may see, the newest first."""

    queryset = Order.objects.all()
    serializer_class = OrderSerializer
    filterset_class = OrderFilter
    lookup_value_regex = LONGEST_NUMBER
    action_permissions = dict.fromkeys(("create", "cancel", "cancel_all"), "trading.view_order")

    def get_queryset(self) -> QuerySet[Order]:
        """The orders that the caller may see."""
        return _visible(Order.objects.select_related("account", "instrument"), self.request)

    def retrieve(self, request: Request, *_given: Any, **_named: Any) -> Response:
        """One order; its reason names orders of other accounts that the caller may see."""
        order, caller = self.get_object(), request.user
        told = told_reason(order, caller) if isinstance(caller, User) else order.reason_text
        return Response({**OrderSerializer(order).data, "reason_text": told})

    @extend_schema(request=NewOrderSerializer, responses={201: OrderSerializer, 200: OrderSerializer})
    def create(self, request: Request) -> Response:
        """Place an order: 201, and 200 for the same body again; 409 where the id names another order.

        What is wrong whatever the market does is refused with 4xx; all else comes as an event of the order.
        """
        caller = _caller_with(request, TRADERS)
        body = NewOrderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        order, new = services.create_order(caller, body.validated_data["account"], body.to_order())
        return _placed(order, new=new)

    @extend_schema(request=None, responses={202: OrderSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Ask for an order to be withdrawn; 409 for one that has ended."""
        order = services.cancel_order(_caller_with(request, REDUCERS), int(pk))
        return Response(OrderSerializer(order).data, status.HTTP_202_ACCEPTED)

    @extend_schema(request=CancelAllSerializer, responses={202: CancelledSerializer})
    @action(detail=False, methods=["post"], url_path="cancel-all", filterset_class=None, pagination_class=None)
    def cancel_all(self, request: Request) -> Response:
        """Ask for every working order to be withdrawn that the caller may cancel, as narrowed by the body."""
        caller = _caller_with(request, REDUCERS)
        body = CancelAllSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        commands = services.cancel_all(
            caller,
            asked.get("account", ""),
            instrument=asked.get("instrument", ""),
            strategy_key=asked.get("strategy_key"),
        )
        answer = {"orders": [command.order_id for command in commands]}
        return Response(CancelledSerializer(answer).data, status.HTTP_202_ACCEPTED)


class FillViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Fill]):
    """Fills of the accounts that the caller may see, the newest first."""

    queryset = Fill.objects.all()
    serializer_class = FillSerializer
    filterset_class = FillFilter
    lookup_value_regex = LONGEST_NUMBER

    def get_queryset(self) -> QuerySet[Fill]:
        """The fills that the caller may see."""
        return _visible(Fill.objects.select_related("account", "instrument"), self.request)


class PositionCursor(NewestFirstCursor):
    """Positions as they were opened: one that changes keeps its place."""

    ordering = "pk"


class PositionViewSet(mixins.ListModelMixin, GenericViewSet[Position]):
    """What the accounts hold that the caller may see, by instrument and side."""

    queryset = Position.objects.all()
    serializer_class = PositionSerializer
    filterset_class = PositionFilter
    pagination_class = PositionCursor
    action_permissions = {"close": "trading.view_position"}

    def get_queryset(self) -> QuerySet[Position]:
        """The positions that the caller may see."""
        return _visible(Position.objects.select_related("account", "instrument"), self.request)

    @extend_schema(request=CloseSerializer, responses={201: OrderSerializer})
    @action(detail=False, methods=["post"], filterset_class=None, pagination_class=None)
    def close(self, request: Request) -> Response:
        """Place an order that closes a side of an instrument; 409 where nothing is free to close."""
        caller = _caller_with(request, REDUCERS)
        body = CloseSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        order = services.close_position(
            caller,
            asked["account"],
            asked["instrument"],
            asked["side"],
            asked.get("volume"),
            price=asked.get("price"),
            client_order_id=asked.get("client_order_id", ""),
        )
        return _placed(order, new=True)


def _caller_with(request: Request, codenames: tuple[str, ...]) -> User:
    """The caller. Raises ``AuditedRefusalError`` for one whose role has none of these, before the body is looked at."""
    caller = request.user
    if not isinstance(caller, User):
        raise TypeError("the permission class lets nobody through who is not a user")
    if not any(caller.has_perm(f"trading.{name}") for name in codenames):
        text = _("%(name)s lacks the permission %(permission)s.")
        wanted = f"trading.{codenames[0]}"
        verb = f"{request.method} {request.path}"[:64]
        shown = {"name": caller.username, "permission": wanted}
        refuse(caller, verb, None, "permission_denied", text % shown, reason=wanted)
    return caller


def _placed(order: Order, *, new: bool) -> Response:
    headers = {"Location": reverse("order-detail", args=[order.pk])}
    return Response(
        OrderSerializer(order).data, status.HTTP_201_CREATED if new else status.HTTP_200_OK, headers=headers
    )


routes = [
    ("orders", OrderViewSet, "order"),
    ("fills", FillViewSet, "fill"),
    ("positions", PositionViewSet, "position"),
    ("trading-accounts", TradingAccountViewSet, "trading-account"),
    ("risk-limits", RiskLimitViewSet, "risk-limit"),
    ("kill-switches", KillSwitchViewSet, "kill-switch"),
    ("risk-events", RiskEventViewSet, "risk-event"),
    ("risk-proposals", ProposalViewSet, "risk-proposal"),
    ("flatten-plans", FlattenPlanViewSet, "flatten-plan"),
]
