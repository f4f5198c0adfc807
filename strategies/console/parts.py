"""What upper apps hang into the page of an instance: blocks and charts of their own, registered when they are loaded.

The apps above import this one, never the other way round; so the page knows of their parts by name only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from quantsite.common.errors import MissingError
from strategies.instance_models import StrategyInstance

Draw = Callable[[HttpRequest, StrategyInstance], SafeString | str]
"""The block as HTML, made of a template; empty where there is nothing to show to this person."""
Chart = Callable[[HttpRequest, StrategyInstance], dict[str, Any] | None]
"""What ``quantsite/charts.js`` draws; None where there is nothing to draw."""


There = Callable[[StrategyInstance], bool]
"""Whether a chart would have something to draw."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block. Blocks stand in ascending ``order`` below what the page itself shows."""

    name: str
    order: int
    draw: Draw


Act = Callable[[HttpRequest, StrategyInstance], str]
"""What a button of a block does with what its form sent; the sentence that is shown when it is done."""

_blocks: dict[str, Block] = {}
_acts: dict[str, Act] = {}
_charts: dict[str, tuple[Chart, There]] = {}


def block(name: str, order: int, draw: Draw) -> None:
    """Have a block drawn on every instance's page. The same name again replaces it."""
    _blocks[name] = Block(name, order, draw)


def act(name: str, work: Act) -> None:
    """Have a button's form answered under ``parts/<name>/`` of every instance."""
    _acts[name] = work


def done(request: HttpRequest, instance: StrategyInstance, name: str) -> str:
    """Do it, and tell. Raises ``MissingError`` where no app has an act of this name, else what its verb raises."""
    if name not in _acts:
        raise MissingError("unknown_part", _("There is no such thing to do."))
    return _acts[name](request, instance)


def chart(name: str, make: Chart, there: There) -> None:
    """Serve a chart under ``charts/<name>/`` of every instance."""
    _charts[name] = (make, there)


def leg_asked(request: HttpRequest) -> int:
    """The leg that the address asks for; the first one where it says none."""
    text = request.GET.get("leg", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0


def drawn(request: HttpRequest, instance: StrategyInstance) -> list[SafeString | str]:
    """The blocks that have something to show."""
    made = [each.draw(request, instance) for each in sorted(_blocks.values(), key=lambda one: one.order)]
    return [text for text in made if text]


def has_chart(name: str, instance: StrategyInstance) -> bool:
    """Whether an app has a chart of this name, and something to draw on it."""
    return name in _charts and _charts[name][1](instance)


def chart_of(request: HttpRequest, instance: StrategyInstance, name: str) -> dict[str, Any] | None:
    """The chart; None where no app has one, or nothing to draw."""
    return _charts[name][0](request, instance) if name in _charts else None
