"""Private PostgreSQL, Redis and a folder for tests, held by a guardian that outlives any way its owner may end.

The owner keeps one end of a pipe. When that end closes, by ``stop()`` or because the owner was
interrupted or killed, the guardian stops the servers and removes all that they and the owner wrote.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from quantsite.testing.binaries import ROADS, Road
from quantsite.testing.private_postgres import private_postgres
from quantsite.testing.private_redis import private_redis

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_FOLDER = 60  # a socket's path has at most 107 bytes


@dataclass(frozen=True)
class Servers:
    """What was started; ``urls`` maps DATABASE_URL and REDIS_URL to their addresses, ``folder`` is the owner's."""

    urls: dict[str, str]
    folder: Path
    guardian: "subprocess.Popen[str]"

    def stop(self) -> None:
        """Stop the servers and wait until they and their folder are gone; a second call does nothing."""
        if self.guardian.stdin and not self.guardian.stdin.closed:
            self.guardian.stdin.close()
        self.guardian.wait()


def start(names: tuple[str, ...] = ("DATABASE_URL", "REDIS_URL"), road: Road = "any") -> Servers:
    """Start the servers that ``names`` ask for; the folder comes always.

    Raises ``RuntimeError`` where a server does not start.
    """
    guardian = subprocess.Popen(
        [sys.executable, "-m", "quantsite.testing.servers", "--road", road, *names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,  # Ctrl-C in the terminal is for the owner
    )
    line = guardian.stdout.readline() if guardian.stdout else ""
    if not line:
        guardian.wait()
        raise RuntimeError("the private servers did not start; the reason stands above")
    told = json.loads(line)
    return Servers(told["urls"], Path(told["folder"]), guardian)


def guard(names: list[str], road: Road) -> None:
    """Run the servers, print what was made as one JSON line, and hold it until standard input ends."""
    makers = {"DATABASE_URL": private_postgres, "REDIS_URL": private_redis}
    with tempfile.TemporaryDirectory(prefix="quantsite-", dir=_parent(), ignore_cleanup_errors=True) as folder:
        base = Path(folder)
        base.chmod(0o711)  # PostgreSQL's own user must be able to pass
        (base / "var").mkdir(mode=0o700)
        with ExitStack() as stack:
            urls = {name: stack.enter_context(makers[name](base / name.lower(), road)) for name in names}
            sys.stdout.write(json.dumps({"urls": urls, "folder": str(base / "var")}) + "\n")
            sys.stdout.flush()
            sys.stdin.read()


def _parent() -> str | None:
    """None for the usual temporary folder, /tmp where that one's name is too long for a socket."""
    return None if len(tempfile.gettempdir()) <= LONGEST_FOLDER else "/tmp"  # noqa: S108


def main() -> None:
    """The guardian process."""
    parser = argparse.ArgumentParser(description="Hold private servers until standard input ends.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="DATABASE_URL, REDIS_URL")
    parser.add_argument("--road", choices=ROADS, default="any")
    arguments = parser.parse_args()
    for word in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(word, lambda *_: sys.exit(1))
    guard(arguments.names, arguments.road)


if __name__ == "__main__":
    main()
