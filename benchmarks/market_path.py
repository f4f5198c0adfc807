"""From the callback of a tick to the tick in the stream: normalise, bars of eight intervals, encode, publish.

One process does all of it, as a feed does, on a private Redis; a second one reads the stream as a hub does and takes
the time. 700 contracts, at twice and ten times the peak of a whole market, evenly and in bursts of half a second.
"""

import os
import secrets
import subprocess
import sys
import tempfile

from quantsite.testing.servers import start


def main() -> int:
    """Make the server, then measure in a process that has settings for it."""
    servers = start(("DATABASE_URL", "REDIS_URL"))
    try:
        keys = {name: secrets.token_urlsafe(48) for name in ("QUANTSITE_SECRET_KEY", "QUANTSITE_AUDIT_KEY")}
        with tempfile.TemporaryDirectory(prefix="quantsite-bench-") as folder:
            settings = {"QUANTSITE_VAR_DIR": folder, "QUANTSITE_LOG_LEVEL": "ERROR", **servers.urls, **keys}
            settings["DJANGO_SETTINGS_MODULE"] = "quantsite.settings"
            command = [sys.executable, "-m", "benchmarks.market_path_inside", *sys.argv[1:]]
            return subprocess.run(command, env={**os.environ, **settings}, check=False).returncode
    finally:
        servers.stop()


if __name__ == "__main__":
    sys.exit(main())
