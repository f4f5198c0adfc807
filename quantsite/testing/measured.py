"""Which tests count for the coverage of rules and verbs.

A traced test takes about twice its time. Pages, sockets, charts, processes and recorded data reach the same lines
once more, and a rule that only they reach is not tested: they run untraced, and the floor asks for more, not for less.
The engine's drawn examples run traced without numba (``quantsite.testing.run``), for no compiled line is seen.
"""

import os
import re
from pathlib import PurePath

import pytest

DOORS = "admin|api|browser|chart|command|consumer|doors|export|killed|metric|page|real|report|socket"
UNTRACED = re.compile(rf"^quantsite/|/test_\w*({DOORS})\w*\.py$")
ENGINE = re.compile(r"/test_engine\w*\.py$")


def is_traced(path: PurePath, *, interpreted: bool) -> bool:
    """Whether the tests of that file, named from the project's root, count; ``interpreted``: numba is off."""
    name = path.as_posix()
    return interpreted if ENGINE.search(name) else not UNTRACED.search(name)


def switch(item: pytest.Item) -> None:
    """Turn tracing on or off for what comes next; nothing happens in a run without coverage."""
    plugin = item.config.pluginmanager.getplugin("_cov")
    controller = plugin.cov_controller if plugin else None
    if controller is None:
        return
    interpreted = os.environ.get("NUMBA_DISABLE_JIT") == "1"
    wanted = is_traced(item.path.relative_to(item.config.rootpath), interpreted=interpreted)
    if controller.started != wanted:
        (controller.resume if wanted else controller.pause)()
