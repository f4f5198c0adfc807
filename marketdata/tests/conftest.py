"""What tests of market data share."""

from pathlib import Path
from typing import Any

import pytest

from marketdata import series_cache


@pytest.fixture
def own_bar_cache(tmp_path: Path, settings: Any) -> None:
    """A folder for the files of bar series that no other test has used, and nothing of them in memory."""
    settings.BAR_CACHE_DIR = tmp_path / "cache"
    series_cache.forget()
