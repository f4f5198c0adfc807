"""The engine, the ledger and the strategies start in a bare interpreter: no framework, no pandas, no numba."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
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


def modules_of(*packages: str) -> list[str]:
    return [
        f"{package}.{file.stem}"
        for package in packages
        for file in sorted((ROOT / package.replace(".", "/")).glob("*.py"))
        if file.stem != "__init__"
    ]


# numba is allowed to the domain (a compiled kernel), but not on the way of a plain run.
@pytest.mark.parametrize("package", ["trading.domain", "strategies.domain", "strategies.library", "backtests.domain"])
def test_a_domain_stands_alone(package: str) -> None:
    modules = modules_of(package)
    assert modules
    script = f"import sys, {', '.join(modules)}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert package.partition(".")[0] in loaded
    assert not loaded & HEAVY
