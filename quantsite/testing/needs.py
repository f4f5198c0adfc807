"""What a test needs from the machine: where it lacks, the test says so and skips, or fails where it is required."""

import os
from typing import NoReturn

import pytest

REQUIRED = "QUANTSITE_REQUIRE"  # words with commas: browser, ctp, data


def lacking(need: str, reason: str) -> NoReturn:
    """Skip with ``reason``; fail instead where ``QUANTSITE_REQUIRE`` names ``need``."""
    if need in os.environ.get(REQUIRED, "").split(","):
        pytest.fail(f"{need} is required here: {reason}")
    pytest.skip(reason)
