"""How long a tick takes from its publisher to many browsers: the market hub beside Channels' own groups.

One tick a message, to every client, over PostgreSQL, Redis and one server process, all private; publisher and
clients are a second process on the same machine. Words: ``--hub`` leaves the groups out, ``--msgpack`` measures that
encoding too, ``--json`` prints one object a line.
"""

import os
import secrets
import subprocess
import sys
import tempfile

from quantsite.testing.servers import start

INSIDE = "benchmarks.fanout_inside"


def main(inside: str = INSIDE) -> int:
    """The servers, and the measurement in a process of its own; all are gone afterwards."""
    servers = start(("DATABASE_URL", "REDIS_URL"))
    try:
        with tempfile.TemporaryDirectory(prefix="quantsite-bench-") as folder:
            settings = {
                **servers.urls,
                "QUANTSITE_VAR_DIR": folder,
                "QUANTSITE_LOG_LEVEL": "ERROR",
                "QUANTSITE_SECRET_KEY": secrets.token_urlsafe(48),
                "QUANTSITE_AUDIT_KEY": secrets.token_urlsafe(48),
                "QUANTSITE_MARKET_CHANNELS": "100000",
                "DJANGO_SETTINGS_MODULE": "quantsite.settings",
            }
            command = [sys.executable, "-m", inside, *sys.argv[1:]]
            return subprocess.run(command, env={**os.environ, **settings}, check=False).returncode
    finally:
        servers.stop()


if __name__ == "__main__":
    sys.exit(main())
