"""What the API of people and alarms takes and gives."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer

from accounts import tokens
from accounts.models import Alarm, User
from quantsite.common.errors import RuleError
from quantsite.web.bodies import StrictSerializer


class LockedOut(APIException):
    """Too many wrong passwords: the answer says nothing about whether the name exists."""

    status_code = 429
    default_detail = _("Too many failed logins: wait a while, then try again.")
    default_code = "locked_out"

    def __init__(self) -> None:
        super().__init__()
        self.wait = settings.AXES_COOLOFF_TIME.total_seconds()


class TokenSerializer(TokenObtainPairSerializer):
    """Name and password in, access and refresh token out."""

    @classmethod
    def get_token(cls, user: Any) -> Any:
        """A refresh token that knows its login."""
        token = super().get_token(user)
        tokens.mark(token, user)
        return token

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        """The tokens. Raises ``LockedOut`` or ``AuthenticationFailed``; the login is signalled as a page's would be."""
        request = self.context["request"]
        try:
            pair = super().validate(attrs)
        except AuthenticationFailed as error:
            if getattr(request, "axes_locked_out", False):
                raise LockedOut from error
            raise
        user_logged_in.send(sender=User, request=request._request, user=self.user)
        return pair


class RefreshSerializer(TokenRefreshSerializer):
    """A refresh token in, a new pair out, once."""

    token_class = tokens.OnceRefreshToken

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        """The tokens. Raises ``InvalidToken`` for one whose login has ended, ``TokenError`` for one used up."""
        token = self.token_class(attrs["refresh"])
        user = User.objects.filter(pk=token.get("user_id")).first()
        if user is None or tokens.is_over(token, user):
            raise InvalidToken(gettext("This login has ended: log in again."))
        return super().validate(attrs)


class RegisterSerializer(serializers.Serializer[User]):
    """A request to be let in."""

    username = serializers.CharField(max_length=150)
    email = serializers.EmailField(required=False, allow_blank=True, default="")
    password = serializers.CharField(write_only=True, trim_whitespace=False, max_length=256)


class LogoutSerializer(serializers.Serializer[Any]):
    """Which token ends; without one all of them, and every session."""

    refresh = serializers.CharField(required=False, allow_blank=True, default="")


class PasswordSerializer(serializers.Serializer[Any]):
    """A person's own change of password."""

    old_password = serializers.CharField(trim_whitespace=False, max_length=256)
    new_password = serializers.CharField(trim_whitespace=False, max_length=256)


class ReasonSerializer(serializers.Serializer[Any]):
    """Why; it lands in the audit trail."""

    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)


class RolesSerializer(ReasonSerializer):
    """The roles that a person is to have, no more and no fewer."""

    roles = serializers.ListField(child=serializers.CharField(max_length=150), allow_empty=True, max_length=50)


class UserSerializer(serializers.ModelSerializer[User]):
    """A person as an administrator sees them."""

    roles = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=["active", "waiting", "inactive"], read_only=True)

    class Meta:
        model = User
        fields = ["id", "username", "email", "state", "roles", "language", "last_login", "date_joined", "approved_at"]
        read_only_fields = fields

    def get_roles(self, user: User) -> list[str]:
        """Names of the person's groups, in order."""
        return sorted(group.name for group in user.groups.all())


class MeSerializer(UserSerializer):
    """The caller, with everything they may do."""

    permissions = serializers.SerializerMethodField()

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "permissions"]
        read_only_fields = fields

    def get_permissions(self, user: User) -> list[str]:
        """Full names of the caller's permissions, in order."""
        return sorted(user.get_all_permissions())


class ProfileSerializer(serializers.Serializer[Any]):
    """What a person changes about themselves."""

    email = serializers.EmailField(required=False, allow_blank=True)
    language = serializers.ChoiceField(required=False, allow_blank=True, choices=settings.LANGUAGES)


class NoteSerializer(serializers.Serializer[Any]):
    """What the one who takes an alarm says about it."""

    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)


class AlarmSerializer(serializers.ModelSerializer[Alarm]):
    """An alarm; ``cleared_at`` is null while its cause lasts."""

    text = serializers.CharField(source="shown_text", read_only=True)
    acknowledged_by = serializers.SerializerMethodField()

    class Meta:
        model = Alarm
        fields = [
            "id",
            "code",
            "subject",
            "text",
            "severity",
            "count",
            "first_at",
            "last_at",
            "acknowledged_by",
            "acknowledged_at",
            "cleared_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_acknowledged_by(self, alarm: Alarm) -> str | None:
        """The name of who took it, None where nobody has."""
        return alarm.acknowledged_by.username if alarm.acknowledged_by else None


class ReceiverSerializer(StrictSerializer):
    """A person or a group that something is granted to."""

    user = serializers.CharField(required=False, max_length=150)
    group = serializers.CharField(required=False, max_length=150)

    def receiver(self) -> User | Group:
        """The person or group. Raises ``RuleError`` unless exactly one is named and exists."""
        named = {kind: self.validated_data[kind] for kind in ("user", "group") if kind in self.validated_data}
        if len(named) != 1:
            raise RuleError("invalid_receiver", gettext("Name either a user or a group."))
        [(kind, name)] = named.items()
        found = (
            User.objects.filter(username=name, is_active=True).first()
            if kind == "user"
            else Group.objects.filter(name=name).first()
        )
        if found is None:
            text = gettext("There is no %(kind)s %(name)s.") % {"kind": kind, "name": repr(name)}
            raise RuleError("unknown_receiver", text, fields={kind: text})
        return found
