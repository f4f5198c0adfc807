"""Runs Python with an environment of its own: settings are read once a process, so each case needs a new one."""

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

KEYS = {
    "QUANTSITE_SECRET_KEY": "s" * 50,
    "QUANTSITE_AUDIT_KEY": "a" * 50,
}
DEAD_DATABASE = "postgres://nobody:none@127.0.0.1:1/none"


def run_python(code: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``code`` with the project on the path, data under ``folder`` and no variable of ours but these."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    environment = {
        **kept,
        "HOME": str(folder),
        "DJANGO_SETTINGS_MODULE": "quantsite.settings",
        "QUANTSITE_VAR_DIR": str(folder / "var"),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env={name: value for name, value in environment.items() if value != ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
