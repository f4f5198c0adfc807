"""Serves ``fanout_app`` on a free port as ``run_platform`` would; prints the port, ends with its standard input."""

import os
import signal
import socket
import sys
import threading

import uvicorn

from quantsite.management.commands.run_platform import configuration, load


def end_with_input() -> None:
    """The owner is gone, or wants us to be."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(2_048)
    config = configuration()
    config.app = "benchmarks.fanout_app:application"
    config.timeout_graceful_shutdown = 1
    load(config)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=end_with_input, daemon=True).start()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
