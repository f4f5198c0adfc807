"""Static files that come in wheels, and how names are hashed."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

BOKEH_FILES = ("bokeh.min.js",)


def bokeh_folder() -> Path:
    """Where the bokeh wheel keeps its scripts; found without importing bokeh, which takes its time.

    Raises ``ModuleNotFoundError`` where the wheel is not installed.
    """
    spec = find_spec("bokeh")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("bokeh is not installed: run make setup")
    return Path(spec.submodule_search_locations[0]) / "server" / "static" / "js"


class BokehFinder(BaseFinder):
    """Offers the chart library under ``bokeh/``: the files of ``BOKEH_FILES`` and no other of the wheel's."""

    prefix = "bokeh"

    def __init__(self) -> None:
        self.storage = FileSystemStorage(location=bokeh_folder())
        self.storage.prefix = self.prefix  # type: ignore[attr-defined]

    def check(self, **_options: Any) -> list[Any]:
        """Nothing to configure, so nothing to check."""
        return []

    def find(self, path: str, find_all: bool = False, **_options: Any) -> Any:
        """The file's full path, or an empty list where it is not ours."""
        folder, _, name = path.replace("\\", "/").rpartition("/")
        if folder != self.prefix or name not in BOKEH_FILES:
            return []
        found = self.storage.path(name)
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:  # noqa: ARG002
        """Each file with the storage that reads it."""
        for name in BOKEH_FILES:
            yield name, self.storage


class HashedStorage(CompressedManifestStaticFilesStorage):
    """Hashed and compressed names once ``collectstatic`` has run; plain names before (tests, first start)."""

    def stored_name(self, name: str) -> str:
        """The name that pages refer to. Raises ``ValueError`` for a file that the manifest does not know."""
        return super().stored_name(name) if self.hashed_files else name
