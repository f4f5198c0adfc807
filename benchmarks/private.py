"""Runs the inner half of a benchmark: in a process of its own, with private servers and a folder that goes with it."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from quantsite.testing.servers import start

SQLITE = {"DATABASE_URL": "", "REDIS_URL": ""}
"""The environment of the embedded default, whose keys come out of its folder."""


def on_servers(inside: str, *names: str, **more: str) -> int:
    """Run the module ``inside`` with private servers for ``names`` (DATABASE_URL, REDIS_URL), without those not named.

    ``more`` are further settings for its environment. Gives its exit code; the figures are printed by it.
    """
    servers = start(names)
    try:
        keys = {name: secrets.token_urlsafe(48) for name in ("QUANTSITE_SECRET_KEY", "QUANTSITE_AUDIT_KEY")}
        return run(inside, {**SQLITE, **servers.urls, **(keys if "DATABASE_URL" in names else {}), **more})
    finally:
        servers.stop()


def on_both_databases(inside: str) -> int:
    """Run the module ``inside`` on PostgreSQL, then on SQLite; the exit code of the one that failed, else 0."""
    return on_servers(inside, "DATABASE_URL") or run(inside, SQLITE)


def run(inside: str, environment: Mapping[str, str]) -> int:
    """Run the module ``inside`` in a folder of its own, with the words of the command line; gives its exit code."""
    with tempfile.TemporaryDirectory(prefix="quantsite-bench-") as folder:
        settings = {"QUANTSITE_VAR_DIR": folder, "QUANTSITE_LOG_LEVEL": "ERROR", **environment}
        settings["DJANGO_SETTINGS_MODULE"] = "quantsite.settings"
        command = [sys.executable, "-m", inside, *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, **settings}, check=False).returncode
