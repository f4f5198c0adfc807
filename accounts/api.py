"""REST: registration, tokens, people and alarms."""

from typing import Any

import django_filters
from django.conf import settings
from django.contrib.auth import logout as end_session
from django.db.models import QuerySet
from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from accounts import services
from accounts.models import Alarm, Severity, User
from accounts.serializers import (
    AlarmSerializer,
    LogoutSerializer,
    MeSerializer,
    NoteSerializer,
    PasswordSerializer,
    ProfileSerializer,
    ReasonSerializer,
    RefreshSerializer,
    RegisterSerializer,
    RolesSerializer,
    TokenSerializer,
    UserSerializer,
)
from accounts.throttles import AddressThrottle


class RegisterView(APIView):
    """Ask to be let in. The answer is the same whether or not the name is taken."""

    authentication_classes = ()
    permission_classes = [AllowAny]
    throttle_classes = [AddressThrottle]
    throttle_scope = "register"

    @extend_schema(request=RegisterSerializer, responses={202: OpenApiResponse(description="The request was taken.")})
    def post(self, request: Request) -> Response:
        """202, always the same; 400 for a name or password that is not acceptable."""
        data = _valid(RegisterSerializer, request)
        opened = settings.REGISTRATION_OPEN
        services.register_user(data["username"], data["password"], data["email"], active=opened)
        text = _("If the name is free, you can log in now.") if opened else _("An administrator will look at it.")
        return Response({"detail": text}, status=status.HTTP_202_ACCEPTED)


class TokenView(TokenObtainPairView):
    """Name and password for an access and a refresh token; locked out after repeated failures."""

    serializer_class = TokenSerializer
    throttle_classes = [AddressThrottle]
    throttle_scope = "login"


class RefreshView(TokenRefreshView):
    """A refresh token for new ones; the old refresh token is used up."""

    serializer_class = RefreshSerializer


class LogoutView(APIView):
    """End a login."""

    permission_classes = [IsAuthenticated]

    @extend_schema(request=LogoutSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """204; a browser's session ends, a token's holder gives the refresh token or ends all of them."""
        data = _valid(LogoutSerializer, request)
        if request.auth is None:
            end_session(request._request)
        else:
            services.logout(_caller(request), data["refresh"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class UserViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[User]):
    """People: administrators see, approve and deactivate them and set their roles; everybody sees themselves."""

    queryset = User.objects.prefetch_related("groups")
    serializer_class = UserSerializer
    lookup_value_regex = r"\d+"
    filterset_fields = ["is_active", "username"]
    action_permissions = {
        "approve": "accounts.approve_user",
        "deactivate": "accounts.deactivate_user",
        "groups": "accounts.assign_groups",
    }

    @extend_schema(methods=["GET"], responses=MeSerializer)
    @extend_schema(methods=["PATCH"], request=ProfileSerializer, responses=MeSerializer)
    @action(detail=False, methods=["get", "patch"], permission_classes=[IsAuthenticated])
    def me(self, request: Request) -> Response:
        """The caller; PATCH changes e-mail address and language."""
        user = _caller(request)
        if request.method == "PATCH":
            data = _valid(ProfileSerializer, request)
            user = services.update_profile(user, **data)
        return Response(MeSerializer(user).data)

    @extend_schema(request=PasswordSerializer, responses={204: None})
    @action(
        detail=False,
        methods=["post"],
        url_path="me/password",
        permission_classes=[IsAuthenticated],
        throttle_classes=[AddressThrottle],
    )
    def me_password(self, request: Request) -> Response:
        """Change one's own password; every session and token ends."""
        data = _valid(PasswordSerializer, request)
        services.change_password(_caller(request), data["old_password"], data["new_password"])
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=ReasonSerializer, responses=UserSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, **_kwargs: Any) -> Response:
        """Let a person in."""
        data = _valid(ReasonSerializer, request)
        return self._answer(services.approve_user(_caller(request), self.get_object(), data["reason"]))

    @extend_schema(request=ReasonSerializer, responses=UserSerializer)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, **_kwargs: Any) -> Response:
        """Shut a person out at once."""
        data = _valid(ReasonSerializer, request)
        return self._answer(services.deactivate_user(_caller(request), self.get_object(), data["reason"]))

    @extend_schema(request=RolesSerializer, responses=UserSerializer)
    @action(detail=True, methods=["post"])
    def groups(self, request: Request, **_kwargs: Any) -> Response:
        """Set a person's roles."""
        data = _valid(RolesSerializer, request)
        return self._answer(services.set_groups(_caller(request), self.get_object(), data["roles"], data["reason"]))

    def get_throttles(self) -> list[Any]:
        """Guessing an old password is limited like a login."""
        self.throttle_scope = "login" if self.action == "me_password" else None
        return super().get_throttles()

    def _answer(self, user: User) -> Response:
        return Response(self.get_serializer(user).data)


class AlarmFilter(django_filters.FilterSet):
    """Alarms by state and weight."""

    open = django_filters.BooleanFilter(field_name="cleared_at", lookup_expr="isnull")
    acknowledged = django_filters.BooleanFilter(field_name="acknowledged_at", lookup_expr="isnull", exclude=True)
    severity = django_filters.ChoiceFilter(choices=Severity.choices)
    code = django_filters.CharFilter()

    class Meta:
        model = Alarm
        fields = ["open", "acknowledged", "severity", "code"]


class AlarmViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Alarm]):
    """Alarms, newest first; somebody takes one by acknowledging it."""

    queryset: QuerySet[Alarm] = Alarm.objects.select_related("acknowledged_by")
    serializer_class = AlarmSerializer
    filterset_class = AlarmFilter
    lookup_value_regex = r"\d+"
    action_permissions = {"acknowledge": "accounts.acknowledge_alarm"}

    @extend_schema(request=NoteSerializer, responses=AlarmSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, **_kwargs: Any) -> Response:
        """Take the alarm."""
        data = _valid(NoteSerializer, request)
        alarm = services.acknowledge_alarm(_caller(request), self.get_object(), data["note"])
        return Response(self.get_serializer(alarm).data)


def _valid(kind: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The checked body of a request. Raises DRF's ``ValidationError``."""
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _caller(request: Request) -> User:
    """The person who calls; the permission classes let nobody else through."""
    user = request.user
    if not isinstance(user, User):
        raise TypeError(f"{user!r} came past the permission check")
    return user


routes: list[tuple[str, type[GenericViewSet[Any]], str]] = [
    ("users", UserViewSet, "user"),
    ("alarms", AlarmViewSet, "alarm"),
]
urlpatterns = [
    path("auth/register/", RegisterView.as_view(), name="auth-register"),
    path("auth/token/", TokenView.as_view(), name="auth-token"),
    path("auth/token/refresh/", RefreshView.as_view(), name="auth-token-refresh"),
    path("auth/logout/", LogoutView.as_view(), name="auth-logout"),
]
