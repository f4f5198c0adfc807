"""The base of what the API takes as a body."""

from difflib import get_close_matches
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses names it does not know: a mistyped option must not quietly mean that it was left out."""

    also_known: tuple[str, ...] = ()

    def to_internal_value(self, data: Any) -> Any:
        """The typed values. Raises ``ValidationError`` keyed by each unknown name too."""
        unknown = set(data) - set(self.fields) if isinstance(data, dict) else set()
        if unknown:
            raise serializers.ValidationError({name: [self._about(name)] for name in sorted(unknown)})
        return super().to_internal_value(data)

    def _about(self, name: str) -> str:
        text = _("There is no field %(name)s.") % {"name": repr(name)}
        near = get_close_matches(name, [*self.fields, *self.also_known], n=1, cutoff=0.6)
        return text + " " + _("Did you mean %(near)s?") % {"near": repr(near[0])} if near else text
