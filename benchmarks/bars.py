"""How fast bars go into the database and come back as columns, on PostgreSQL and on SQLite.

Started without an argument it makes both databases, private and temporary, and starts itself on each.
"""

import os
import secrets
import subprocess
import sys
import tempfile

from quantsite.testing.servers import start


def on(environment: dict[str, str]) -> int:
    """Measure on one database; the figures are printed by the child."""
    with tempfile.TemporaryDirectory(prefix="quantsite-bench-") as folder:
        settings = {"QUANTSITE_VAR_DIR": folder, "QUANTSITE_LOG_LEVEL": "ERROR", "REDIS_URL": "", **environment}
        settings["DJANGO_SETTINGS_MODULE"] = "quantsite.settings"
        command = [sys.executable, "-m", "benchmarks.bars_inside", *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, **settings}, check=False).returncode


def main() -> int:
    """Both databases, one after the other."""
    servers = start(("DATABASE_URL",))
    try:
        keys = {name: secrets.token_urlsafe(48) for name in ("QUANTSITE_SECRET_KEY", "QUANTSITE_AUDIT_KEY")}
        postgresql = on({**servers.urls, **keys})
    finally:
        servers.stop()
    return postgresql or on({"DATABASE_URL": ""})


if __name__ == "__main__":
    sys.exit(main())
