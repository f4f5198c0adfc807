"""What the OpenAPI schema says about the platform's own way to prove who calls."""

from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme, TokenRefreshSerializerExtension


class DeskScheme(SimpleJWTScheme):  # type: ignore[no-untyped-call]
    """The same bearer token as the library's; registered by being defined."""

    target_class = "accounts.tokens.DeskAuthentication"


class RefreshScheme(TokenRefreshSerializerExtension):  # type: ignore[no-untyped-call]
    """Takes and gives what the library's does."""

    target_class = "accounts.serializers.RefreshSerializer"
