"""What the tick stream costs its publisher, and how long a tick takes until the stream has confirmed it."""

import os
import subprocess
import sys
import tempfile

from quantsite.testing.servers import start


def main() -> int:
    """Measure with a private Redis; the figures are printed by the child."""
    servers = start(("REDIS_URL",))
    try:
        with tempfile.TemporaryDirectory(prefix="quantsite-bench-") as folder:
            settings = {"QUANTSITE_VAR_DIR": folder, "QUANTSITE_LOG_LEVEL": "ERROR", "DATABASE_URL": "", **servers.urls}
            settings["DJANGO_SETTINGS_MODULE"] = "quantsite.settings"
            command = [sys.executable, "-m", "benchmarks.stream_inside", *sys.argv[1:]]
            return subprocess.run(command, env={**os.environ, **settings}, check=False).returncode
    finally:
        servers.stop()


if __name__ == "__main__":
    sys.exit(main())
