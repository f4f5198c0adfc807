"""The arithmetic of the audit chain: canonical text, hashes, and values made safe to store.

A link's hash is HMAC-SHA256 with ``settings.AUDIT_KEY`` over canonical JSON of everything the row says,
its number and the hash before it included. The head carries a MAC of its own over count and last hash,
so that cutting off the last rows and moving the head back shows too.
"""

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from quantsite.common.times import iso_utc

GENESIS = "0" * 64
SECRET_WORDS = frozenset({"password", "passwords", "token", "tokens", "secret", "secrets", "key", "keys", "cookie"})
NOT_SECRET = frozenset({"strategy_key", "trade_key"})  # names of things, not credentials
REDACTED = "[redacted]"

# What a link says about itself, in the order of its hash.
FIELDS = (
    "seq",
    "actor_id",
    "actor_name",
    "verb",
    "object_type",
    "object_id",
    "object_text",
    "before",
    "after",
    "request_id",
    "created_at",
    "prev_hash",
)


def canonical(value: Any) -> bytes:
    """Compact JSON with sorted keys, UTF-8: the same bytes for the same value, before and after storage."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def link_hash(key: str, link: Mapping[str, Any]) -> str:
    """Hex HMAC of a link; ``link`` has all of ``FIELDS``, ``created_at`` an aware datetime."""
    said = {name: link[name] for name in FIELDS}
    said["created_at"] = iso_utc(link["created_at"])
    return _mac(key, b"entry", canonical(said))


def head_mac(key: str, count: int, last_hash: str) -> str:
    """Hex HMAC of the head row."""
    return _mac(key, b"head", canonical([count, last_hash]))


def same(left: str, right: str) -> bool:
    """Whether two hex digests are equal, in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def safe(value: Any) -> Any:
    """``value`` as JSON that reads back exactly as written from either database; secrets redacted.

    Whole floats become integers (jsonb forgets the difference), other types their text.
    """
    if isinstance(value, Mapping):
        return {clean(str(name)): REDACTED if is_secret(str(name)) else safe(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        return [safe(item) for item in items]
    return _scalar(value)


def clean(text: str) -> str:
    """``text`` without what PostgreSQL cannot hold: NUL and lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def is_secret(name: str) -> bool:
    """Whether a field of this name may hold a credential."""
    lowered = name.lower()
    return lowered not in NOT_SECRET and not SECRET_WORDS.isdisjoint(lowered.replace("-", "_").split("_"))


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        return iso_utc(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return clean(str(value))


def _number(value: float) -> float | int | str:
    if not math.isfinite(value):
        return str(value)
    return int(value) if value.is_integer() else value


def _mac(key: str, purpose: bytes, message: bytes) -> str:
    return hmac.new(key.encode(), purpose + b"\0" + message, hashlib.sha256).hexdigest()
