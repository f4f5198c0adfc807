"""``make bench``: every benchmark of this folder, each in a process of its own. Words choose by name."""

import subprocess
import sys
from pathlib import Path

NOT_BENCHMARKS = {
    "__init__",
    "__main__",
    "fanout_app",
    "fanout_clients",
    "fanout_server",
    "figures",
    "main_contracts",
    "orders_clients",
    "orders_desk",
    "private",
    "reads_clients",
    "ready",
    "recorded_ticks",
    "walk",
    "presets",
}


def main(arguments: list[str]) -> int:
    """Run the chosen benchmarks; the exit code of the last one that failed, else 0."""
    flags = [word for word in arguments if word.startswith("-")]
    words = [word for word in arguments if not word.startswith("-")]
    code = 0
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem in NOT_BENCHMARKS or path.stem.endswith("_inside") or (words and path.stem not in words):
            continue
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{path.stem}", *flags], check=False).returncode or code
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
