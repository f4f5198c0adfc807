"""Empties what tests share outside the database: cache, channel groups, queued tasks."""

import functools

import redis
from django.conf import settings
from django.core.cache import cache

PREFIXES = (b"qs", b"celery", b"_kombu", b"unacked")
"""Ours (cache and channel layer), and Celery's queue. Nothing else in that Redis is touched."""


def clear() -> None:
    """Remove what an earlier test left."""
    if settings.EMBEDDED:
        cache.clear()
        return
    client = _client(settings.REDIS_URL)
    names = [name for name in client.scan_iter(count=1000) if name.startswith(PREFIXES)]
    if names:
        client.delete(*names)


@functools.cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)
