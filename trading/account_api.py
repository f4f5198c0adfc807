"""REST: trading accounts with their funds, what came and went, statements and settlement."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from accounts.models import User
from quantsite.web.bodies import StrictSerializer
from quantsite.web.pagination import NewestFirstCursor
from trading import services
from trading.account_models import FUND, SETTLE, SHARE, TradingAccount
from trading.account_serializers import (
    AccessSerializer,
    AccountSerializer,
    CashSerializer,
    CommandSerializer,
    EquitySerializer,
    MoneySerializer,
    PreviewSerializer,
    SettleSerializer,
    StatementSerializer,
)
from trading.broker_serializers import BrokerSerializer
from trading.choices import CommandStatus
from trading.filters import AccountFilter
from trading.order_models import AccountCommand
from trading.permissions import find_account, visible_accounts
from trading.risk_serializers import AccountRiskSerializer, WhatIfOrderSerializer, WhatIfSerializer


class CodeCursor(NewestFirstCursor):
    """Accounts in the order of their codes."""

    ordering = "code"


class StatementCursor(NewestFirstCursor):
    """Trading days, the newest first."""

    ordering = "-trading_day"


class DayCursor(NewestFirstCursor):
    """Trading days in their order; a year on a page."""

    ordering = "trading_day"
    page_size = 1_000
    max_page_size = 10_000


def _needs(*names: str) -> tuple[str, ...]:
    """The permissions of an action on a visible account."""
    return ("trading.view_tradingaccount", *(f"trading.{name}" for name in names))


class TradingAccountViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[TradingAccount]):
    """The accounts that the caller may see, by code."""

    queryset = TradingAccount.objects.all()
    serializer_class = AccountSerializer
    filterset_class = AccountFilter
    pagination_class = CodeCursor
    lookup_field = "code"
    lookup_value_regex = r"[-\w]{1,32}"
    action_permissions = {
        **dict.fromkeys(("history", "equity"), _needs("view_balancesnapshot")),
        "cash": _needs("view_cashentry"),
        "what_if": _needs(),
        "broker": _needs("view_brokercomparison"),
        **dict.fromkeys(("commands", "command"), _needs("view_accountcommand")),
        **dict.fromkeys(("deposit", "withdraw"), _needs(FUND)),
        **dict.fromkeys(("settlement", "settle", "undo_settlement"), _needs(SETTLE)),
        **dict.fromkeys(("grant", "revoke"), _needs(SHARE)),
    }

    def get_queryset(self) -> QuerySet[TradingAccount]:
        """The accounts that the caller may see."""
        if not isinstance(self.request.user, User):
            return TradingAccount.objects.none()
        return visible_accounts(self.request.user)

    @extend_schema(responses=StatementSerializer(many=True))
    @action(detail=True, filterset_class=None, pagination_class=StatementCursor)
    def history(self, request: Request, code: str) -> Response:
        """Statements, the newest trading day first; a settlement that was undone is left out."""
        rows = _account(request, code).snapshots.filter(undone_at=None).select_related("settled_by")
        return self._page(rows, StatementSerializer)

    @extend_schema(responses=EquitySerializer(many=True))
    @action(detail=True, filterset_class=None, pagination_class=DayCursor)
    def equity(self, request: Request, code: str) -> Response:
        """The balance after each settled trading day, in their order."""
        return self._page(_account(request, code).snapshots.filter(undone_at=None), EquitySerializer)

    @extend_schema(responses=CashSerializer(many=True))
    @action(detail=True, filterset_class=None, pagination_class=NewestFirstCursor)
    def cash(self, request: Request, code: str) -> Response:
        """Deposits and withdrawals, the newest first."""
        return self._page(_account(request, code).cash_entries.select_related("actor", "command"), CashSerializer)

    @extend_schema(responses=CommandSerializer(many=True))
    @action(detail=True, filterset_class=None, pagination_class=NewestFirstCursor)
    def commands(self, request: Request, code: str) -> Response:
        """What the account's gateway was asked for, the newest first."""
        return self._page(_account(request, code).commands.select_related("account", "actor"), CommandSerializer)

    @extend_schema(responses=CommandSerializer)
    @action(detail=True, url_path=r"commands/(?P<number>\d{1,18})", filterset_class=None, pagination_class=None)
    def command(self, request: Request, code: str, number: str) -> Response:
        """One of them, and what became of it."""
        rows = _account(request, code).commands.select_related("account", "actor")
        return Response(CommandSerializer(get_object_or_404(rows, pk=number)).data)

    @extend_schema(responses=AccountRiskSerializer)
    @action(detail=True, filterset_class=None, pagination_class=None)
    def risk(self, request: Request, code: str) -> Response:
        """Where the account stands: its figures, limits from the nearest, and how old all that is."""
        return Response(AccountRiskSerializer(services.get_account_risk(_caller(request), code)).data)

    @extend_schema(responses=BrokerSerializer)
    @action(detail=True, filterset_class=None, pagination_class=None)
    def broker(self, request: Request, code: str) -> Response:
        """What the account's broker says: session, the newest comparison of books, statement, adoption."""
        return Response(BrokerSerializer(services.get_broker(_caller(request), code)).data)

    @extend_schema(request=WhatIfOrderSerializer, responses=WhatIfSerializer)
    @action(detail=True, methods=["post"], url_path="what-if")
    def what_if(self, request: Request, code: str) -> Response:
        """Margin and limits after an order that nobody places, and why it would be refused."""
        _account(request, code)
        body = WhatIfOrderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        key = body.validated_data["strategy_key"]
        found = services.what_if_order(_caller(request), code, body.to_order(), strategy_key=key)
        return Response(WhatIfSerializer(found).data)

    @extend_schema(request=MoneySerializer, responses={200: CommandSerializer, 202: CommandSerializer})
    @action(detail=True, methods=["post"])
    def deposit(self, request: Request, code: str) -> Response:
        """Put money in: 200 where it was done at once, 202 where the account's gateway will do it."""
        asked = _body(MoneySerializer, request, code)
        return _answer(services.deposit(_caller(request), code, **asked))

    @extend_schema(request=MoneySerializer, responses={200: CommandSerializer, 202: CommandSerializer})
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, code: str) -> Response:
        """Take money out, as far as it is available: ``failed`` with a reason where it is not."""
        asked = _body(MoneySerializer, request, code)
        return _answer(services.withdraw(_caller(request), code, **asked))

    @extend_schema(responses=PreviewSerializer)
    @action(detail=True, filterset_class=None, pagination_class=None)
    def settlement(self, request: Request, code: str) -> Response:
        """The running day as it would end now; nothing is written."""
        return Response(PreviewSerializer(services.settlement_preview(_caller(request), code)).data)

    @extend_schema(request=SettleSerializer, responses={200: CommandSerializer, 202: CommandSerializer})
    @action(detail=True, methods=["post"])
    def settle(self, request: Request, code: str) -> Response:
        """End the running trading day; working orders expire."""
        asked = _body(SettleSerializer, request, code)
        return _answer(services.settle(_caller(request), code, asked["prices"], asked["trading_day"]))

    @extend_schema(request=None, responses={200: CommandSerializer, 202: CommandSerializer})
    @action(detail=True, methods=["post"], url_path="undo-settlement")
    def undo_settlement(self, request: Request, code: str) -> Response:
        """Take the last settlement back, as long as nothing was ordered or traded since."""
        return _answer(services.undo_settlement(_caller(request), code))

    @extend_schema(request=AccessSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def grant(self, request: Request, code: str) -> Response:
        """Let a person or a group see the account, or trade on it as far as their role allows."""
        return _share(services.grant_account, request, code)

    @extend_schema(request=AccessSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, code: str) -> Response:
        """Take a grant back; what was open by it ends."""
        return _share(services.revoke_account, request, code)

    def _page(self, rows: QuerySet[Any], serializer: Any) -> Response:
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(serializer(page, many=True).data)


def _caller(request: Request) -> User:
    if not isinstance(request.user, User):
        raise TypeError("the permission class lets nobody through who is not a user")
    return request.user


def _account(request: Request, code: str) -> TradingAccount:
    """The account. Raises ``MissingError`` where there is none that the caller may see."""
    return find_account(_caller(request), code)


def _body(kind: type[StrictSerializer], request: Request, code: str) -> Any:
    """The valid body, once it is sure that the caller sees the account."""
    _account(request, code)
    body = kind(data=request.data)
    body.is_valid(raise_exception=True)
    return body.validated_data


def _share(verb: Callable[[User, str, User | Group, str], None], request: Request, code: str) -> Response:
    _account(request, code)
    body = AccessSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    verb(_caller(request), code, body.receiver(), body.permission())
    return Response(status=status.HTTP_204_NO_CONTENT)


def _answer(command: AccountCommand) -> Response:
    """What became of a command, or where to look for it."""
    waiting = command.status == CommandStatus.QUEUED
    address = reverse("trading-account-command", args=[command.account.code, command.pk])
    body = CommandSerializer(command).data
    return Response(body, status.HTTP_202_ACCEPTED if waiting else status.HTTP_200_OK, headers={"Location": address})
