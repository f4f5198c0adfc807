"""Readers of the environment for ``settings.py``: a wrong value stops the start-up with a sentence that names it."""

import os
import re
import secrets
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from quantsite.web.patient import PatientConnection

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    """The variable's text, without white space at its ends; ``default`` where it is unset or empty."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, *, default: bool) -> bool:
    """A yes or no. Raises ``ImproperlyConfigured`` for anything else."""
    value = text(name).lower()
    if not value:
        return default
    if value in TRUE | FALSE:
        return value in TRUE
    raise ImproperlyConfigured(f"{name}={value!r} is neither yes nor no: write 1 or 0")


def number(name: str, default: int, *, low: int, high: int) -> int:
    """A whole number within ``low..high``. Raises ``ImproperlyConfigured`` otherwise."""
    value = text(name)
    if not value:
        return default
    try:
        result = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number") from None
    if not low <= result <= high:
        raise ImproperlyConfigured(f"{name}={result} is outside {low}..{high}")
    return result


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """One of ``allowed``. Raises ``ImproperlyConfigured`` otherwise."""
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name}={value!r} is not one of {', '.join(allowed)}")
    return value


def rate(name: str, default: str) -> str:
    """A rate such as ``20/min`` (sec, min, hour, day). Raises ``ImproperlyConfigured`` for anything else."""
    value = text(name, default)
    if not re.fullmatch(r"[1-9]\d{0,5}/(s|sec|second|m|min|minute|h|hour|d|day)", value):
        raise ImproperlyConfigured(f"{name}={value!r} is no rate: write a number and a period, such as {default}")
    return value


def words(name: str, default: str = "") -> list[str]:
    """A list written with commas; empty items are dropped."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def url(name: str, schemes: tuple[str, ...]) -> str:
    """An address with one of ``schemes``, or '' where the variable is unset."""
    value = text(name)
    if value and urlsplit(value).scheme not in schemes:
        scheme = urlsplit(value).scheme or "none"
        raise ImproperlyConfigured(f"{name} has the scheme {scheme!r}: use one of {', '.join(schemes)}")
    return value


def make_private_folder(path: Path, name: str) -> Path:
    """``path`` as a folder that only its owner reads. Raises ``ImproperlyConfigured`` where it cannot be made."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: the folder {path} cannot be made: {error.strerror}") from error
    return path


def secret(name: str, folder: Path | None) -> str:
    """A key from the environment, at least 50 characters long (what Django asks for).

    With a ``folder`` (the embedded default) a missing key is made once and kept there, mode 0600;
    without one its absence raises ``ImproperlyConfigured``.
    """
    value = text(name)
    if value and len(value) < 50:
        raise ImproperlyConfigured(f"{name} has {len(value)} characters: 50 or more are needed")
    if value:
        return value
    if folder is None:
        hint = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        raise ImproperlyConfigured(f"{name} is not set: DATABASE_URL asks for it; make one with {hint}")
    return _kept_secret(folder / name.lower())


def key_ring(name: str, folder: Path | None) -> list[str]:
    """Keys by commas, the newest first, each as :func:`secret` wants it; none where it is unset and nothing is kept.

    With a ``folder`` a missing one is made as :func:`secret` makes it. Raises ``ImproperlyConfigured``.
    """
    given = words(name)
    if short := [len(key) for key in given if len(key) < 50]:
        raise ImproperlyConfigured(f"{name} has a key of {short[0]} characters: 50 or more are needed")
    if given or folder is None:
        return given
    return [_kept_secret(folder / name.lower())]


def _kept_secret(path: Path) -> str:
    make_private_folder(path.parent, "QUANTSITE_VAR_DIR")
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48), encoding="ascii")
        try:
            os.link(draft, path)  # the first of several processes wins, whole or not at all
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii").strip()


OF_CONNECTIONS = {
    # Compiling a query costs a read of bars a fifth of its time, and pays for none of ours. Whoever falls silent in
    # the middle of a transaction holds its locks no longer than half a minute.
    "options": "-c jit=off -c idle_in_transaction_session_timeout=30s",
    # A host that is gone says nothing: it is noticed when connecting, by what it does not confirm, and while idle.
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}
OF_POOL = {"min_size": 1, "timeout": 5, "connection_class": PatientConnection}


def postgres(name: str, *, pool_size: int) -> dict[str, object] | None:
    """Django's database entry for ``postgres://user:password@host:port/name?option=value``, None where unset.

    A path such as ``?host=/run/postgresql`` names a socket folder; :data:`OF_CONNECTIONS` holds unless the query says
    otherwise. Raises ``ImproperlyConfigured`` for a scheme that is not PostgreSQL's or an address without a database
    name.
    """
    address = url(name, ("postgres", "postgresql"))
    if not address:
        return None
    parts = urlsplit(address)
    options = dict(parse_qsl(parts.query))
    try:
        port = str(parts.port or options.pop("port", ""))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error
    database = unquote(parts.path.lstrip("/")) or options.pop("dbname", "")
    if not database:
        raise ImproperlyConfigured(f"{name} names no database: write postgres://user:password@host:5432/quantsite")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database,
        "USER": unquote(parts.username or "") or options.pop("user", ""),
        "PASSWORD": unquote(parts.password or "") or options.pop("password", ""),
        "HOST": unquote(parts.hostname or "") or options.pop("host", ""),
        "PORT": port,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**OF_CONNECTIONS, **options, "pool": {**OF_POOL, "max_size": pool_size}},
    }
