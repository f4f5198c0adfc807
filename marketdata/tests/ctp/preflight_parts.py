"""What tests of the preflight run in a process of its own, without Django; each prints one JSON object."""

import json
import sys
from pathlib import Path
from typing import Any

from marketdata.ctp.flow import FlowFolder
from marketdata.ctp.preflight import preflight
from marketdata.domain.ctp.exits import StartError


def tell(**told: Any) -> None:
    """Print what was found, on a line of its own: the library writes to the same stream."""
    sys.stdout.write("\n" + json.dumps(told, default=str) + "\n")
    sys.stdout.flush()


def refused(folder: str = "") -> None:
    """What keeps a process from starting; of a folder, whether it can be claimed."""
    try:
        preflight()
        if folder:
            FlowFolder(Path(folder), "account test")
    except StartError as error:
        tell(code=error.exit_code, text=error.text)
        return
    tell(code=0, text="")
