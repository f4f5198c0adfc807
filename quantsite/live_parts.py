"""Which parts of live market data ``run_platform`` runs beside its pages: loaded only where it runs one."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from quantsite.background import Part, Work
from quantsite.common.errors import RuleError

GENERATOR, REPLAY, NONE = "generator", "replay", "none"
FEEDS = (GENERATOR, REPLAY, NONE)


def parts(options: Mapping[str, Any]) -> list[Part]:
    """The recorder, the gateways, the strategies and the feed that the options ask for; nothing with ``--feed none``.

    The recorder is started first and stopped last, and nobody trades before somebody records. Raises ``CommandError``
    for options that do not fit.
    """
    kind = options["feed"]
    if kind == NONE:
        return []
    _make_feed(kind, options)  # a wrong option stops the start-up, not a thread
    return [
        Part("recorder", _make_recorder),
        Part("gateways", _make_house),
        Part("strategies", _make_strategies),
        Part("feed", lambda: _make_feed(kind, options)),
    ]


def _make_recorder() -> Work:
    work: Work = import_module("marketdata.recording.recorder").Recorder().run
    return work


def _make_house() -> Work:
    work: Work = import_module("trading.house").GatewayHouse().run
    return work


def _make_strategies() -> Work:
    work: Work = import_module("strategies.runner").StrategyRunner().run
    return work


def _make_feed(kind: str, options: Mapping[str, Any]) -> Work:
    given: dict[str, Any] = {}
    if kind == REPLAY:
        files = tuple(Path(name) for name in options["replay"])
        given = {"files": files, "speed": options["speed"], "loop": options["loop"]}
    try:
        feed = import_module("marketdata.publishing.runner").FeedRunner(
            kind, kind, import_module("marketdata.publishing.kinds").FeedOptions(**given)
        )
    except RuleError as error:
        raise CommandError(error.text) from error
    work: Work = feed.run
    return work
