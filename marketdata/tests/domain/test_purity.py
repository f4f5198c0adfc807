"""The domain starts without a framework, a database driver or pandas: it is imported in a bare interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest

import marketdata.domain

ROOT = Path(__file__).parents[3]
MODULES = sorted(path.stem for path in Path(*marketdata.domain.__path__).glob("*.py") if path.stem != "__init__")
HEAVY = {
    "django",
    "rest_framework",
    "celery",
    "channels",
    "redis",
    "psycopg",
    "openctp_ctp",
    "pandas",
    "pyarrow",
    "numba",
}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_stands_alone(module: str) -> None:
    script = f"import sys, marketdata.domain.{module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    loaded = set(done.stdout.split())
    assert "marketdata" in loaded
    assert not loaded & HEAVY
