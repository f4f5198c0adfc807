"""The list of indicators in the documentation is the one that the command writes."""

import io

from django.conf import settings
from django.core.management import call_command

from marketdata.domain.talib_catalogue import catalogue


def test_the_documentation_lists_what_the_command_writes() -> None:
    written = io.StringIO()
    call_command("list_indicators", stdout=written)
    text = (settings.BASE_DIR / "docs" / "live" / "indicators.md").read_text(encoding="utf-8")
    assert text.endswith(written.getvalue().rstrip() + "\n"), "write it anew: manage.py list_indicators"
    assert written.getvalue().count("\n| ") == len(catalogue()) + 10
