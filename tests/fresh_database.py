"""Databases of tests that cost little to make fresh (used by tests/environment.py).

A test that commits leaves a database to be emptied and filled again with what the migrations
put there: permissions, roles. Django saves those rows one by one, each with an UPDATE and an
INSERT of its own, which took more time than most of these tests.
"""

from functools import cache

from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.transaction import atomic


def put_back_quickly():
    """From now on what migrations put there comes back with a few queries for all rows."""
    BaseDatabaseCreation.deserialize_db_from_string = put_back


def put_back(creation, contents):
    with atomic(using=creation.connection.alias):
        for model, rows in tables(contents):
            manager = model._base_manager.using(creation.connection.alias)
            # Before the first test that commits they are still there.
            manager.bulk_create((model(**row) for row in rows), ignore_conflicts=True)


@cache
def tables(contents):
    """(model, the values of its rows) of all tables in what Django has written down as JSON."""
    from django.core import serializers

    found = {}
    for each in serializers.deserialize("json", contents):
        row, model = each.object, type(each.object)
        values = {field.attname: getattr(row, field.attname) for field in model._meta.fields}
        found.setdefault(model, []).append(values)
        for name, keys in each.m2m_data.items():
            relation = model._meta.get_field(name)
            here = relation.remote_field.through._meta.get_field(relation.m2m_field_name())
            there = here.model._meta.get_field(relation.m2m_reverse_field_name())
            links = found.setdefault(here.model, [])
            links += ({here.attname: row.pk, there.attname: key} for key in keys)
    return list(found.items())
