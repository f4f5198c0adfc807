"""Which tests count for the coverage of rules and verbs.

A traced test takes about twice its time. Pages, sockets, charts, processes, whole loops and recorded data reach the
same lines once more, and a rule that only they reach is not tested: they run untraced, and the floor asks for more, not
for less. What is left are the tests of the domain, and those of verbs, one at a time.
So does the runner of strategies: whole days.
The engine's drawn examples run traced without numba (``quantsite.testing.run``), for no compiled line is seen.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

import pytest

DOORS = "admin|api|browser|chart|command|consumer|doors|export|killed|metric|page|real|report|socket"
WHOLE = (
    "archive|away|benchmark|console|end_to_end|feed|gateway|gate_|_gate|hub|klines|live|loop|monitor|optimise|proof|race|"
    "recorder|self_trade|silent|simulated|stream|tick|wire|worker|year"
)
"""Many parts at once: an account's loop, a feed, an optimisation, a day of ticks."""
UNTRACED = re.compile(
    rf"^quantsite/|^strategies/tests/running/|/test_\w*({DOORS})\w*\.py$|^(?!.*/domain/).*(/tests/ctp/(?!test_\w*pure)|/test_\w*({WHOLE})\w*\.py$)"
)
ENGINE = re.compile(r"/test_engine\w*\.py$")


def is_traced(path: PurePath, *, interpreted: bool) -> bool:
    """Whether the tests of that file, named from the project's root, count; ``interpreted``: numba is off."""
    name = path.as_posix()
    return interpreted if ENGINE.search(name) else not UNTRACED.search(name)


def switch(item: pytest.Item) -> None:
    """Turn tracing on or off for what comes next; nothing happens in a run without coverage.

    A test of drawn examples goes the same ways a hundred times: it is traced only where no other test sees the lines.
    """
    interpreted = os.environ.get("NUMBA_DISABLE_JIT") == "1"
    drawn = item.get_closest_marker("hypothesis") is not None
    traced = is_traced(item.path.relative_to(item.config.rootpath), interpreted=interpreted)
    _turn(item.config, on=traced and (interpreted or not drawn))


@contextmanager
def untraced(config: pytest.Config) -> Iterator[None]:
    """Trace nothing for a while, be it traced at the moment: migrations take twice their time too."""
    before = _turn(config, on=False)
    try:
        yield
    finally:
        _turn(config, on=before)


def _turn(config: pytest.Config, *, on: bool) -> bool:
    """Turn tracing on or off; gives whether it was on."""
    plugin = config.pluginmanager.getplugin("_cov")
    controller = plugin.cov_controller if plugin else None
    if controller is None:
        return False
    before = bool(controller.started)
    if before != on:
        (controller.resume if on else controller.pause)()
    return before
