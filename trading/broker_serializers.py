"""The body of the API about an account at its broker."""

from typing import Any

from rest_framework import serializers


class BrokerLineSerializer(serializers.Serializer[Any]):
    """One field of both books. ``subject`` is empty for the funds; ``judged`` false: shown, not compared."""

    subject = serializers.CharField()
    field = serializers.CharField()
    own = serializers.FloatField(allow_null=True)
    broker = serializers.FloatField(allow_null=True)
    judged = serializers.BooleanField()
    agrees = serializers.BooleanField()


class BrokerComparisonSerializer(serializers.Serializer[Any]):
    """One comparison; ``in_a_row`` counts those without a break that found differences."""

    id = serializers.IntegerField()
    trading_day = serializers.DateField()
    compared_at = serializers.DateTimeField()
    asked_at = serializers.DateTimeField()
    told_at = serializers.DateTimeField()
    differences = serializers.IntegerField()
    in_a_row = serializers.IntegerField()
    lines = BrokerLineSerializer(many=True, allow_null=True)
    seq = serializers.IntegerField()


class BrokerSessionSerializer(serializers.Serializer[Any]):
    """Where the session stands, as the gateway told it at ``updated_at``; ``code`` and ``text`` are the broker's."""

    state = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    front = serializers.CharField()
    trading_day = serializers.DateField(allow_null=True)
    login_at = serializers.DateTimeField(allow_null=True)
    code = serializers.IntegerField()
    text = serializers.CharField()
    updated_at = serializers.DateTimeField()


class BrokerStatementSerializer(serializers.Serializer[Any]):
    """The newest settlement statement, as the broker wrote it."""

    id = serializers.IntegerField()
    trading_day = serializers.DateField()
    text = serializers.CharField()
    received_at = serializers.DateTimeField()
    confirmed_at = serializers.DateTimeField(allow_null=True)


class BrokerAdoptionSerializer(serializers.Serializer[Any]):
    """The last time that the broker's figures became ours; ``changes``: what, before, after."""

    trading_day = serializers.DateField()
    adopted_at = serializers.DateTimeField()
    adopted_by = serializers.CharField(allow_null=True)
    changes = serializers.JSONField()
    seq = serializers.IntegerField()


class BrokerSerializer(serializers.Serializer[Any]):
    """What the broker of an account says; null is what it has not said yet."""

    account = serializers.CharField()
    session = BrokerSessionSerializer(allow_null=True)
    comparison = BrokerComparisonSerializer(allow_null=True)
    statement = BrokerStatementSerializer(allow_null=True)
    adoption = BrokerAdoptionSerializer(allow_null=True)
