"""What a subscription asks for: channels by name, and where to go on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from quantsite.common.errors import RuleError
from trading.hub.messages import ACCOUNT, ACCOUNTS, RISK

MAX_CHANNELS = 200
LONGEST = 80
"""Letters of a name that is none, as it is answered."""
_CODE = re.compile(r"[-a-zA-Z0-9_]{1,32}", re.ASCII)


@dataclass(slots=True)
class Wish:
    """The channels of a message: ``codes`` of accounts, all of them (``every``), ``risk``, and names that lead nowhere.

    ``from_seq`` is the last event that the other end has, by code.
    """

    codes: list[str] = field(default_factory=list)
    every: bool = False
    risk: bool = False
    unknown: list[str] = field(default_factory=list)
    from_seq: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The channels that can be."""
        return [
            *([ACCOUNTS] if self.every else []),
            *([RISK] if self.risk else []),
            *(ACCOUNT + code for code in self.codes),
        ]


def parse_wish(message: Mapping[str, Any]) -> Wish:
    """The channels of a message, and its ``from_seq``. Raises ``RuleError``."""
    given = message.get("channels")
    if not isinstance(given, list) or not given or not all(isinstance(name, str) for name in given):
        raise RuleError("invalid_channels", _('Give "channels", a list such as ["account:demo"] or ["accounts"].'))
    if len(given) > MAX_CHANNELS:
        text = _("Give at most %(limit)s channels at a time.") % {"limit": MAX_CHANNELS}
        raise RuleError("too_many_channels", text)
    wish = Wish()
    for name in dict.fromkeys(given):
        if name == ACCOUNTS:
            wish.every = True
        elif name == RISK:
            wish.risk = True
        elif name.startswith(ACCOUNT) and _CODE.fullmatch(name.removeprefix(ACCOUNT)):
            wish.codes.append(name.removeprefix(ACCOUNT))
        else:
            wish.unknown.append(name[:LONGEST])
    wish.from_seq = _from_seq(message.get("from_seq"), wish)
    return wish


def _from_seq(given: Any, wish: Wish) -> dict[str, int]:
    if given is None:
        return {}
    if _is_seq(given) and len(wish.codes) == 1 and not wish.every:
        return {wish.codes[0]: given}
    if isinstance(given, dict) and all(_is_seq(seq) for seq in given.values()):
        known = given.keys() if wish.every else given.keys() & set(wish.codes)
        if known == given.keys() and len(given) <= MAX_CHANNELS and all(map(_CODE.fullmatch, given)):
            return dict(given)
    text = _('"from_seq" is the number of the last event that you have: {"demo": 41}, or 41 with one account.')
    raise RuleError("invalid_from_seq", text, fields={"from_seq": text})


def _is_seq(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**63
