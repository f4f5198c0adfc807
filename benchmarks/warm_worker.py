"""How long a backtest takes from queued to stored: PostgreSQL, Redis and one warm worker process, all private.

The bars are the recorded rb 5m of 2014 to 2019 where ``../shared/data`` has them, else as many made-up ones.
``--json`` prints one object a line.
"""

import os
import secrets
import subprocess
import sys
import tempfile

from quantsite.testing.servers import start


def main() -> int:
    """Both servers, the worker and the measurement; all are gone afterwards."""
    servers = start(("DATABASE_URL", "REDIS_URL"))
    try:
        with tempfile.TemporaryDirectory(prefix="quantsite-bench-") as folder:
            settings = {
                **servers.urls,
                "QUANTSITE_VAR_DIR": folder,
                "QUANTSITE_LOG_LEVEL": "ERROR",
                "QUANTSITE_SECRET_KEY": secrets.token_urlsafe(48),
                "QUANTSITE_AUDIT_KEY": secrets.token_urlsafe(48),
                "DJANGO_SETTINGS_MODULE": "quantsite.settings",
            }
            command = [sys.executable, "-m", "benchmarks.warm_worker_inside", *sys.argv[1:]]
            return subprocess.run(command, env={**os.environ, **settings}, check=False).returncode
    finally:
        servers.stop()


if __name__ == "__main__":
    sys.exit(main())
