"""What the API answers about the strategies that there are: those of the library, users' own, and broken files."""

from typing import Any

from rest_framework import serializers

from strategies import registry


class ParameterSerializer(serializers.Serializer[Any]):
    """One parameter of a strategy with its limits."""

    name = serializers.CharField()
    kind = serializers.ChoiceField(["int", "float", "bool", "str"])
    default = serializers.JSONField()
    minimum = serializers.FloatField(source="limits.minimum", allow_null=True)
    maximum = serializers.FloatField(source="limits.maximum", allow_null=True)
    step = serializers.FloatField(source="limits.step", allow_null=True)
    choices = serializers.ListField(source="limits.choices", child=serializers.CharField())
    description = serializers.CharField(source="limits.description")


class StrategySerializer(serializers.Serializer[Any]):
    """A strategy that can be run; ``origin`` is ``library`` or ``user``."""

    name = serializers.CharField()
    description = serializers.CharField()
    origin = serializers.CharField()
    trusted = serializers.BooleanField()
    forms = serializers.ListField(child=serializers.CharField())
    ticks = serializers.BooleanField()
    legs = serializers.IntegerField()
    parameters = ParameterSerializer(many=True)
    source_hash = serializers.CharField()


def strategy_document(name: str) -> dict[str, Any]:
    """What :class:`StrategySerializer` shows of one strategy."""
    facts = registry.facts(name)
    return {
        "name": name,
        "description": facts.text,
        "origin": "library" if name in registry.library_names() else "user",
        "trusted": registry.is_trusted(name),
        "forms": facts.forms,
        "ticks": facts.ticks,
        "legs": facts.legs,
        "parameters": facts.parameters,
        "source_hash": registry.source_hash(name),
    }


class BrokenStrategySerializer(serializers.Serializer[Any]):
    """A file or folder of users that gives no strategy: what is wrong, in the reader's language, and where."""

    name = serializers.CharField()
    path = serializers.CharField()
    line = serializers.IntegerField(help_text="0: no line is to blame.")
    error = serializers.CharField(source="error_text")
    traceback = serializers.CharField()


class LibrarySerializer(serializers.Serializer[Any]):
    """All strategies."""

    results = StrategySerializer(many=True)
    next = serializers.CharField(allow_null=True)
    broken = BrokenStrategySerializer(many=True)
