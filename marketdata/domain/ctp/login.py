"""Who logs in where: what a CTP front is told, and the addresses of the fronts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from quantsite.common.errors import RuleError
from quantsite.common.texts import say

SCHEMES = ("tcp", "ssl", "socks4", "socks4a", "socks5")
"""What the vendor's library connects by."""
MOST_FRONTS = 8
LAST_PORT = 65_535
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")


class Confirm(StrEnum):
    """Who confirms the settlement statement, which the first order of a trading day needs."""

    AUTO = "auto"
    PERSON = "person"


@dataclass(frozen=True)
class LoginTerms:
    """What the session needs to log in. The secrets are in no ``repr``."""

    broker: str
    user: str
    fronts: tuple[str, ...]
    password: str = field(default="", repr=False)
    app_id: str = ""
    auth_code: str = field(default="", repr=False)
    product_info: str = ""
    confirm: Confirm = Confirm.AUTO


def front_addresses(given: Iterable[str]) -> tuple[str, ...]:
    """Addresses of fronts as the library takes them; a bare ``host:port`` gets ``tcp://``.

    Raises ``RuleError`` ``invalid_front`` for one that is none, for none at all and for too many.
    """
    found = tuple(dict.fromkeys(_address(text.strip()) for text in given if text.strip()))
    if not found:
        raise RuleError("invalid_front", say("No front is named: give one, such as tcp://180.168.146.187:10201."))
    if len(found) > MOST_FRONTS:
        told = say("%(count)d fronts are too many: name at most %(most)d.", count=len(found), most=MOST_FRONTS)
        raise RuleError("invalid_front", told)
    return found


def _address(text: str) -> str:
    address = text if "://" in text else f"tcp://{text}"
    parts = urlsplit(address)
    host, _colon, port = parts.netloc.rpartition(":")
    sound = parts.scheme in SCHEMES and _HOST.fullmatch(host) and not (parts.path or parts.query)
    if sound and port.isascii() and port.isdigit() and 0 < int(port) <= LAST_PORT:
        return address
    told = say("%(text)r is no address of a front: write one as tcp://180.168.146.187:10201.", text=text)
    raise RuleError("invalid_front", told, fields={"fronts": told})
