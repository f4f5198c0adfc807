"""The peers' own environments: made on demand from ``benchmarks/peers.txt``, each under ``var/peers``."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PINS = ROOT / "benchmarks" / "peers.txt"
FOLDER = ROOT / "var" / "peers"


def sections(text: str) -> dict[str, list[str]]:
    """The pinned requirements of each environment by its name; ``[name]`` begins one."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("["):
            name = line.strip("[]")
            found[name] = []
        elif line and not line.startswith("#"):
            found[name].append(line)
    return found


def python_of(name: str) -> Path:
    """The interpreter of a peer's environment, which is made anew where it is not what the pins ask for.

    Raises ``CalledProcessError`` where pip fails; what it says goes to standard error.
    """
    pins = sections(PINS.read_text())[name]
    home, stamp = FOLDER / name, FOLDER / name / "pins"
    python = home / "bin" / "python"
    wanted = hashlib.sha256("\n".join([sys.version, *pins]).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making {home.relative_to(ROOT)}", file=sys.stderr, flush=True)
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        install = ("-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input", "--no-deps")
        subprocess.run([python, *install, *pins], check=True, stdout=sys.stderr)
        stamp.write_text(wanted)
    return python


def environment(name: str) -> tuple[Path, dict[str, str]]:
    """The folder that a peer runs in and its variables: what it writes about itself stays there."""
    work = FOLDER / name / "work"
    (work / ".vntrader").mkdir(parents=True, exist_ok=True)  # vn.py would else take the one in the home folder
    return work, {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(work)}
