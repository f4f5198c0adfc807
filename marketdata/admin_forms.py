"""Forms of the console's pages about market data."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget


class DatesField(forms.CharField):
    """Dates, one a line; gives a list."""

    def to_python(self, value: Any) -> Any:
        """The dates. Raises ``ValidationError`` that names the line which is none."""
        found = []
        for text in (super().to_python(value) or "").split():
            try:
                found.append(date.fromisoformat(text))
            except ValueError:
                told = _t("%(text)s is no date: write YYYY-MM-DD, one a line.") % {"text": text}
                raise forms.ValidationError(told) from None
        return found


class HolidaysForm(BaseDialogForm):  # type: ignore[misc]
    """The weekdays of the coming year on which all exchanges are closed."""

    holidays = DatesField(
        label=_("Closed weekdays"),
        help_text=_("YYYY-MM-DD, one a line."),
        widget=UnfoldAdminTextareaWidget({"rows": 12, "autofocus": ""}),
    )
