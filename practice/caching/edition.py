"""Which edition of the content patients read now.

Pages change when somebody changes the content, and by time alone: a scheduled page goes
live, a consent runs out. So an edition is the version of the content in the database and
the next moment at which time changes something. What was made for an edition may be shown
for as long as `current()` names that edition.
"""

import time as clock
from datetime import datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone

from ..sql.one_query import NOW, OneQuery
from .content_version import ContentVersion, content_models, raise_version

VERSION = f"SELECT number FROM {ContentVersion._meta.db_table} WHERE id = 1"  # noqa: S608


class Edition(NamedTuple):
    version: int
    until: float  # Seconds since 1970, UTC. From this moment on it is another edition.
    zone: str = "UTC"  # The practice's, whose days are counted.

    @property
    def today(self):
        return timezone.localdate(timezone=ZoneInfo(self.zone))


_known = None  # What this process read last.


def current():
    """The edition of this moment.

    The version is read from the database each time, in one short round trip. Raises
    django.db.Error while the database cannot be reached.
    """
    global _known
    known = _known
    if known is None or clock.time() >= known.until or _version() != known.version:
        known = _known = _read()
    return known


def _version():
    """Past the ORM and Django's cursor, which take four and sixty times as long."""
    database = connections[DEFAULT_DB_ALIAS]
    if not database.in_atomic_block:
        database.close_if_unusable_or_obsolete()
    database.ensure_connection()
    with database.wrap_database_errors:
        cursor = database.connection.cursor()
        try:
            cursor.execute(VERSION)
            rows = cursor.fetchall()
        finally:
            cursor.close()
    return rows[0][0] if rows else None


@OneQuery
def everything():
    """The number and what time will change, in one statement, so that they belong together."""
    return {
        "version": ContentVersion.objects.filter(pk=1),
        "practice": apps.get_model("practice", "Practice").objects.only("time_zone").filter(pk=1),
    } | {
        f"{model._meta.model_name} {name}": model._base_manager.filter(**{f"{name}__gt": NOW})
        .only(name)
        .order_by(name)[:1]
        for model, name in moments()
    }


@cache
def moments():
    """(model, field) of every moment that changes pages when it comes."""
    return [
        (model, name) for model in content_models() for name in getattr(model, "CHANGES_AT", ())
    ]


def _read():
    read = everything.fetch()
    if not read["version"]:  # A site that is new, or restored: backups leave the number out.
        raise_version()
        read = everything.fetch()
    zone = next((practice.time_zone for practice in read["practice"]), "UTC")
    upcoming = [
        getattr(row, name)
        for model, name in moments()
        for row in read[f"{model._meta.model_name} {name}"]
    ]
    first = min([_next_midnight(ZoneInfo(zone)), *upcoming])
    return Edition(read["version"][0].number, first.timestamp(), zone)


def _next_midnight(zone):
    """When the date changes, as pages count days. Whatever has a last day may change then."""
    tomorrow = timezone.localdate(timezone=zone) + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone)
