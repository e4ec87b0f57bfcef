"""A number that grows whenever something that a public page may show has changed.

It lives in the database, so that every process on every server sees the same one, and it
is raised in the transaction of the change itself. Whoever has read the number before the
rows can keep what was made of them for as long as the number stays the same.
"""

import re
import time

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.backends.signals import connection_created

# Apps whose every model may appear on a page, less those that never do.
CONTENT_APPS = ("practice", "procedures")
NEVER_SHOWN = frozenset({"user", "lease", "jobrun", "revision", "contentversion", "staffsession"})
WRITE = re.compile(
    r'\s*(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM)\s+["`]?(\w+)', re.IGNORECASE
)

RAISE = """
INSERT INTO practice_contentversion (id, number) VALUES (1, %s)
ON CONFLICT (id) DO UPDATE SET number = CASE
    WHEN practice_contentversion.number < excluded.number THEN excluded.number
    ELSE practice_contentversion.number + 1 END
"""


class ContentVersion(models.Model):
    """One row, number 1."""

    number = models.PositiveBigIntegerField(default=1)

    def __str__(self):
        return str(self.number)


def content_version() -> int:
    return ContentVersion.objects.filter(pk=1).values_list("number", flat=True).first() or 0


def raise_version(using=DEFAULT_DB_ALIAS):
    """Gives the content a number that no other state of it ever had.

    Counting alone would use numbers again after a backup was restored, so it is the time in
    microseconds, or one more than the last number where clocks differ.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(RAISE, [time.time_ns() // 1000])


def content_models():
    """Every model that may appear on a public page."""
    for label in CONTENT_APPS:
        for model in apps.get_app_config(label).get_models():
            if model._meta.model_name not in NEVER_SHOWN:
                yield model


def watch():
    """Called once when the apps are ready: from now on every change raises the version.

    It is the SQL that is looked at, because signals are not sent for `update()`, bulk
    writes and hand-written statements.
    """
    tables = {model._meta.db_table for model in content_models()}
    for model in content_models():
        tables |= {field.m2m_db_table() for field in model._meta.local_many_to_many}

    def raise_with_write(execute, sql, params, many, context):
        written = WRITE.match(str(sql))
        if written is None or written[1] not in tables:
            return execute(sql, params, many, context)
        connection = context["connection"]
        if not connection.in_atomic_block:
            with transaction.atomic(connection.alias):
                result = raise_with_write(execute, sql, params, many, context)
                if connection.vendor == "sqlite":
                    context["cursor"].cursor = _Fetched(context["cursor"].cursor)
                return result
        # First of all locks, so that two editors wait for each other in one order only.
        raise_version(connection.alias)
        return execute(sql, params, many, context)

    def look_at_writes(connection, **kwargs):
        if raise_with_write not in connection.execute_wrappers:
            # In front: `execute_wrapper()` blocks that are open now take off the last one.
            connection.execute_wrappers.insert(0, raise_with_write)

    connection_created.connect(look_at_writes, weak=False, dispatch_uid="content version")


class _Fetched:
    """A cursor whose rows are fetched already.

    An INSERT that returns its key ends, and commits, only when its rows were fetched; until
    then SQLite refuses to commit anything else.
    """

    def __init__(self, cursor):
        self.cursor = cursor
        self.rows = iter(cursor.fetchall() if cursor.description else ())

    def __getattr__(self, name):
        return getattr(self.cursor, name)

    def __iter__(self):
        return self.rows

    def fetchone(self):
        return next(self.rows, None)

    def fetchall(self):
        return list(self.rows)
