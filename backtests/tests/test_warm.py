"""A worker is warm before its first message: what the first run would wait for is loaded and compiled."""

import json
from pathlib import Path

from backtests.warm import warm_up
from quantsite.tests.settings_runs import run_python
from strategies import registry

STARTED = """
import json, sys
import quantsite.celery
import django; django.setup()
from celery.signals import worker_init
quantsite.celery.app.loader.import_default_modules()
before = "talib" in sys.modules
worker_init.send(sender="worker")
from backtests.domain.kernel import advance
print(json.dumps({"before": before, "indicators": "talib" in sys.modules, "compiled": len(advance.signatures)}))
"""


def test_a_worker_compiles_the_kernel_once_before_its_first_message(tmp_path: Path) -> None:
    done = run_python(STARTED, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"before": False, "indicators": True, "compiled": 1}


def test_it_runs_every_strategy_that_is_registered() -> None:
    assert registry.names()
    assert warm_up() > 0
