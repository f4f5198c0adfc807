"""Empties what tests share outside the database: cache, channel groups, queued tasks."""

import functools

import redis
from django.conf import settings
from django.core.cache import cache

# Ours by prefix (cache and channel layer), and Celery's queue. Nothing else in that Redis is touched.
PATTERNS = ("qs*", "celery*", "_kombu*", "unacked*")


def clear() -> None:
    """Remove what an earlier test left."""
    if settings.EMBEDDED:
        cache.clear()
        return
    client = _client(settings.REDIS_URL)
    for pattern in PATTERNS:
        names = list(client.scan_iter(pattern, count=1000))
        if names:
            client.delete(*names)


@functools.cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)
