"""List every indicator that can be asked for: name, other names, parameters with defaults and bounds, outputs."""

from typing import Any

from django.core.management.base import BaseCommand

from marketdata.domain.talib_catalogue import GROUPS, Indicator, IndicatorParameter, catalogue
from marketdata.domain.talib_titles import spoken_title
from quantsite.common.texts import say


class Command(BaseCommand):
    """Writes Markdown, so that documentation can hold it as it is."""

    help = "List every indicator with its parameters, as a table in Markdown."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Write one table a group."""
        for group, title in GROUPS.items():
            entries = [entry for entry in catalogue().values() if entry.group == group]
            self.stdout.write(f"### {say(title)}\n\n")
            self.stdout.write("| name | what | parameters | of | gives | reaches back |\n|---|---|---|---|---|---|\n")
            for entry in entries:
                self.stdout.write(_row(entry))
            self.stdout.write("\n")


def _row(entry: Indicator) -> str:
    parameters = [parameter for parameter in entry.parameters if not parameter.name.startswith("price")]
    defaults = {parameter.name: parameter.default for parameter in entry.parameters}
    cells = (
        ", ".join((entry.name, *entry.aliases)),
        spoken_title(entry.title),
        "; ".join(map(_parameter, parameters)),
        ", ".join(entry.columns(defaults)),
        ", ".join(entry.outputs),
        entry.memory(defaults).value,
    )
    return f"| {' | '.join(cells)} |\n"


def _parameter(parameter: IndicatorParameter) -> str:
    low, high = ("" if bound is None else f"{bound:g}" for bound in (parameter.low, parameter.high))
    return f"{parameter.name}={parameter.default}" + (f" ({low}..{high})" if low or high else "")
