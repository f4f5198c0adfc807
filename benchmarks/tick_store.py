"""How fast the recorder's batches go into the database, on PostgreSQL and on SQLite, each private and temporary.

The test server of PostgreSQL does not wait for the disk (``fsync`` off): a real one adds one wait a batch.
"""

import os
import secrets
import subprocess
import sys
import tempfile

from quantsite.testing.servers import start

INSIDE = "benchmarks.tick_store_inside"


def on(environment: dict[str, str], inside: str) -> int:
    """Measure on one database; the figures are printed by the child."""
    with tempfile.TemporaryDirectory(prefix="quantsite-bench-") as folder:
        settings = {"QUANTSITE_VAR_DIR": folder, "QUANTSITE_LOG_LEVEL": "ERROR", "REDIS_URL": "", **environment}
        settings["DJANGO_SETTINGS_MODULE"] = "quantsite.settings"
        command = [sys.executable, "-m", inside, *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, **settings}, check=False).returncode


def on_postgres(inside: str) -> int:
    """Measure on a PostgreSQL server of its own."""
    servers = start(("DATABASE_URL",))
    try:
        keys = {name: secrets.token_urlsafe(48) for name in ("QUANTSITE_SECRET_KEY", "QUANTSITE_AUDIT_KEY")}
        return on({**servers.urls, **keys}, inside)
    finally:
        servers.stop()


def main() -> int:
    """Both databases, one after the other."""
    return on_postgres(INSIDE) or on({"DATABASE_URL": ""}, INSIDE)


if __name__ == "__main__":
    sys.exit(main())
