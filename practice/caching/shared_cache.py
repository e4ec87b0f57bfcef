"""The cache that every server shares: Redis, and a table of the database while Redis is away.

The sign-in throttle counts in the cache. Without this, a lost Redis would either lock the
staff out or let anybody try passwords without end.
"""

import logging
import time

from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from ..environment import CACHE_TABLE

logger = logging.getLogger(__name__)

AWAY = 5  # Seconds for which a Redis that failed is not asked again.
TIMEOUT = 1  # Seconds to wait for Redis: it answers within milliseconds, or not at all.


class RedisOrDatabase(RedisCache):
    away_until = 0.0  # Of this process, on the monotonic clock.

    def __init__(self, server, params):
        options = {
            "socket_connect_timeout": TIMEOUT,
            "socket_timeout": TIMEOUT,
            # Once more, because a connection that lay idle may have ended meanwhile.
            "retry": Retry(NoBackoff(), 1),
            **params.get("OPTIONS", {}),
        }
        super().__init__(server, {**params, "OPTIONS": options})
        self.reserve = DatabaseCache(CACHE_TABLE, {"OPTIONS": {"MAX_ENTRIES": 10_000}})

    def trouble(self):
        """What is the matter with Redis, or nothing."""
        try:
            self._cache.get_client(write=True).ping()
        except RedisError:
            return "Redis cannot be reached; the database counts in its place"
        return ""


def _or_in_the_database(name):
    of_redis = getattr(RedisCache, name)

    def method(self, *arguments, **named):
        if time.monotonic() >= RedisOrDatabase.away_until:
            try:
                return of_redis(self, *arguments, **named)
            except RedisError as error:
                RedisOrDatabase.away_until = time.monotonic() + AWAY
                logger.warning("Redis cannot be reached: %s", type(error).__name__)
        return getattr(self.reserve, name)(*arguments, **named)

    method.__name__ = name
    return method


for each in ("add", "get", "set", "touch", "delete", "has_key", "incr", "clear"):
    setattr(RedisOrDatabase, each, _or_in_the_database(each))
for each in ("get_many", "set_many", "delete_many"):
    setattr(RedisOrDatabase, each, _or_in_the_database(each))
