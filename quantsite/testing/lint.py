"""``make lint``: every check that needs no running platform. All are run; the failed ones are printed whole.

Arguments choose checks by a part of their names: ``make lint ARGS="ruff types"``.
"""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

BIN = Path(sys.executable).parent
PYTHON = sys.executable
DEPLOY = Path("deploy")


@dataclass(frozen=True)
class Check:
    """One command that must exit with 0, with what it adds to the environment."""

    name: str
    command: tuple[str | Path, ...]
    environment: dict[str, str] = field(default_factory=dict)


def checks(var: str) -> list[Check]:
    """All checks, the longest first; ``var`` is a folder for what the project writes."""
    embedded = {"QUANTSITE_VAR_DIR": var, "DATABASE_URL": "", "REDIS_URL": "", "CELERY_BROKER_URL": ""}
    manage = (PYTHON, "manage.py")
    schema = (BIN / "check-jsonschema", "--builtin-schema")
    return [
        Check("types", (BIN / "mypy", "."), embedded),
        Check("ruff check", (BIN / "ruff", "check", "--quiet", ".")),
        Check("ruff format", (BIN / "ruff", "format", "--check", "--quiet", ".")),
        Check("layers", (BIN / "lint-imports",), embedded),
        Check("migrations", (*manage, "makemigrations", "--check", "--dry-run"), embedded),
        Check("production settings", (*manage, "check", "--deploy", "--fail-level", "WARNING"), _production()),
        Check("translations", (PYTHON, "-m", "quantsite.testing.messages")),
        Check("compose schema", (*schema, "vendor.compose-spec", DEPLOY / "docker-compose.yml")),
        Check("workflow schema", (*schema, "vendor.github-workflows", ".github/workflows/ci.yml")),
        Check("deployment", (PYTHON, "-m", "quantsite.testing.deployment")),
    ]


def main(words: list[str]) -> int:
    """Run the checks, two at a time; 0 if all passed."""
    with tempfile.TemporaryDirectory(prefix="quantsite-lint-") as var:
        chosen = [check for check in checks(var) if not words or any(word in check.name for word in words)]
        with ThreadPoolExecutor(max_workers=2) as pool:
            failed = sum(not passed for passed in pool.map(_run, chosen))
    sys.stdout.write(f"{len(chosen)} checks, {failed} failed\n")
    return 1 if failed else 0


def _run(check: Check) -> bool:
    began = time.monotonic()
    environment = {**os.environ, **check.environment}
    done = subprocess.run(check.command, capture_output=True, text=True, check=False, env=environment)
    passed = done.returncode == 0
    line = f"{'ok    ' if passed else 'FAILED'} {check.name} ({time.monotonic() - began:.1f} s)\n"
    sys.stdout.write(line if passed else f"{line}{done.stdout}{done.stderr}\n")
    sys.stdout.flush()
    return passed


def _production() -> dict[str, str]:
    """An environment as ``deploy/env.example`` describes it; nothing in it is contacted."""
    return {
        "DATABASE_URL": "postgres://quantsite:secret@database:5432/quantsite",
        "REDIS_URL": "redis://redis:6379/0",
        "CELERY_BROKER_URL": "redis://redis:6379/1",
        "QUANTSITE_SECRET_KEY": secrets.token_urlsafe(48),
        "QUANTSITE_AUDIT_KEY": secrets.token_urlsafe(48),
        "QUANTSITE_CREDENTIAL_KEY": secrets.token_urlsafe(48),
        "QUANTSITE_METRICS_TOKEN": secrets.token_urlsafe(32),
        "QUANTSITE_ALLOWED_HOSTS": "desk.example.com",
        "QUANTSITE_TRUSTED_ORIGINS": "https://desk.example.com",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
