"""System checks of what says where users' strategies lie.

quantsite.E004: a part of QUANTSITE_STRATEGIES that is neither a folder nor a package; quantsite.W003: a trusted name
that no file there has.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

from strategies import registry
from strategies.loading_places import Places, place_of


@register("quantsite")
def strategy_places(app_configs: Sequence[Any] | None, **_options: Any) -> list[CheckMessage]:  # noqa: ARG001 - Django's hook
    """Every part leads somewhere, and every trusted name belongs to a file. No file is run."""
    places = Places(settings.STRATEGIES)
    found: list[CheckMessage] = [
        Error(
            f"QUANTSITE_STRATEGIES: {part} is neither a folder nor a package that can be found.",
            hint="Write paths of folders or dotted names of packages, several with the path separator between.",
            id="quantsite.E004",
        )
        for part in places.parts
        if place_of(part) is None
    ]
    files, _faulty = places.files(registry.library_names())
    strange = set(settings.TRUSTED_STRATEGIES) - {file.name for file in files}
    found += [
        checks.Warning(
            f"QUANTSITE_TRUSTED_STRATEGIES names {name}, of which QUANTSITE_STRATEGIES has no file.",
            id="quantsite.W003",
        )
        for name in sorted(strange)
    ]
    return found
