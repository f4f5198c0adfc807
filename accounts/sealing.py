"""Stored credentials, sealed by a key that is not in the database (AES-GCM of 256 bits).

``QUANTSITE_CREDENTIAL_KEY`` holds the keys, the newest first: what is sealed is sealed by the first, what was sealed by
another one of them is still read. A sealed text is bound to its place (``about``): put into another row or column it is
not read. ``manage.py rotate_credentials`` seals everything by the first key again.
"""

import base64
import binascii
import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.utils.translation import gettext as _

from quantsite.common.errors import RuleError

FORM = "v1"
NONCE = 12
NAMED = 8
"""Letters of a key's name: they tell which key is needed, and nothing about it."""


def seal(plain: str, about: str) -> str:
    """``plain`` sealed for the place ``about``; '' stays ''. Raises ``RuleError`` ``no_credential_key``."""
    if not plain:
        return ""
    key = _keys()[0]
    nonce = secrets.token_bytes(NONCE)
    sealed = AESGCM(_cipher_key(key)).encrypt(nonce, plain.encode(), about.encode())
    return f"{FORM}:{_name(key)}:{base64.b64encode(nonce + sealed).decode()}"


def unseal(sealed: str, about: str) -> str:
    """What was sealed for this place. Raises ``RuleError``: ``no_credential_key``, ``credential_unreadable``."""
    if not sealed:
        return ""
    form, named, body = [*sealed.split(":", 2), "", ""][:3]
    key = next((key for key in _keys() if form == FORM and _name(key) == named), None)
    if key is None:
        text = _("Credentials of %(about)s were sealed by a key that is not in QUANTSITE_CREDENTIAL_KEY: add it.")
        raise RuleError("credential_unreadable", text % {"about": about})
    try:
        raw = base64.b64decode(body, validate=True)
        return AESGCM(_cipher_key(key)).decrypt(raw[:NONCE], raw[NONCE:], about.encode()).decode()
    except (binascii.Error, InvalidTag, ValueError) as error:
        text = _("Credentials of %(about)s cannot be read: enter them again.") % {"about": about}
        raise RuleError("credential_unreadable", text) from error


def sealed_by_newest(sealed: str) -> bool:
    """Whether the first key sealed it; also of ''. Raises ``RuleError`` ``no_credential_key``."""
    return not sealed or sealed.startswith(f"{FORM}:{_name(_keys()[0])}:")


def _keys() -> list[str]:
    if not settings.CREDENTIAL_KEYS:
        text = _("QUANTSITE_CREDENTIAL_KEY is not set: credentials are sealed by it. Set 50 random characters or more.")
        raise RuleError("no_credential_key", text)
    return list(settings.CREDENTIAL_KEYS)


def _cipher_key(key: str) -> bytes:
    """256 bits; the key itself has 50 random characters or more, so that one hash is enough."""
    return hashlib.sha256(b"quantsite credentials" + key.encode()).digest()


def _name(key: str) -> str:
    return hashlib.sha256(b"quantsite credential key name" + key.encode()).hexdigest()[:NAMED]
