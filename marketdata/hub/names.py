"""Names of channels: ``tick:<code>``, ``bar.<interval>:<code>``, ``indicator.<name>.<interval>:<code>``, ``status``."""

import re
from dataclasses import dataclass
from difflib import get_close_matches

from marketdata.domain.intervals import interval_name, parse_interval
from quantsite.common.errors import MissingError, RuleError
from quantsite.common.texts import did_you_mean, say, sentences

STATUS = "status"
KINDS = ("tick", "bar", "indicator")
LONGEST = 200
"""Characters of a name: they are kept for each channel, and repeated in each message."""

_CODE = re.compile(r"[A-Za-z0-9_.&-]{1,40}")
_WORD = re.compile(r"[A-Za-z0-9_]{1,40}")
_PARAMETER = re.compile(r"([a-z0-9_]{1,32})=([A-Za-z0-9_.+-]{1,32})")


@dataclass(frozen=True, slots=True)
class ChannelName:
    """What a channel is about. ``interval`` is '' for ticks, ``indicator`` for all that is no indicator."""

    kind: str
    code: str = ""
    interval: str = ""
    indicator: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """The one form of the name: what is written in several ways is one channel."""
        head = ".".join(word for word in (self.kind, self.indicator, self.interval) if word)
        query = "&".join(f"{name}={value}" for name, value in self.parameters)
        return head + (f":{self.code}" if self.code else "") + (f"?{query}" if query else "")


def parse_channel(text: str) -> ChannelName:
    """The parts of a channel's name, the interval in its one form.

    Raises :class:`MissingError` ``unknown_channel``, :class:`RuleError` ``invalid_interval``, ``invalid_parameter``.
    """
    if text == STATUS:
        return ChannelName(STATUS)
    head, colon, rest = text.partition(":")
    code, _mark, query = rest.partition("?")
    kind, *words = head.split(".")
    fits = {"tick": 0, "bar": 1, "indicator": 2}.get(kind) == len(words) and all(map(_WORD.fullmatch, words))
    if not (colon and fits and _CODE.fullmatch(code)) or len(text) > LONGEST or (query and kind != "indicator"):
        raise MissingError("unknown_channel", _unknown(text[:LONGEST], kind))
    interval = interval_name(parse_interval(words[-1])) if words else ""
    indicator = words[0].lower() if kind == "indicator" else ""
    return ChannelName(kind, code, interval, indicator, _parameters(query))


def _parameters(query: str) -> tuple[tuple[str, str], ...]:
    found = []
    for part in query.split("&") if query else ():
        match = _PARAMETER.fullmatch(part)
        if match is None:
            told = say("%(part)r is no parameter: write them as ?timeperiod=14&matype=ema.", part=part)
            raise RuleError("invalid_parameter", told)
        found.append((match[1], match[2]))
    return tuple(sorted(found))


def _unknown(text: str, kind: str) -> str:
    close = get_close_matches(kind, [*KINDS, STATUS], n=1)
    told = say(
        "There is no channel %(text)r: use tick:rb2501.SHFE, bar.1m:rb2501.SHFE, indicator.macd.5m:rb2501.SHFE "
        "or status.",
        text=text,
    )
    return sentences(told, did_you_mean(close[0] if close and close[0] != kind else None))
