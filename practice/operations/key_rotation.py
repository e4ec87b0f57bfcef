"""Puts everything that is encrypted under the newest key, so that an older one can go.

A *place* is one kind of thing that depends on the keys. Encrypted columns are found by
themselves; text that holds ciphertext among other things is named by each app's
`sealed_text`, and what is not in a column at all (files, derived links) by its `places`.

Nothing is ever overwritten that has changed since it was read: such a value is looked at
again in the next pass. So requests may arrive, and staff may edit, all the while.
"""

import re
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from importlib import import_module

from django.apps import apps
from django.db import connection, transaction

from ..encryption import EncryptedTextField, cipher, fingerprints, sealed_by

TOKEN = r"(gAAAAA[\w=-]{94,})"  # noqa: S105 (the look of a Fernet token)
AT_ONCE = 200


class Place(ABC):
    """Where secrets are; `name` is table and column, for the operator."""

    name = ""

    @abstractmethod
    def count(self):
        """How many values there are to look at."""

    @abstractmethod
    def batches(self):
        """Yields lists of (primary key, value as it is stored)."""

    @abstractmethod
    def keys(self, pk, value):
        """Fingerprints of the keys that a value depends on; None for each unknown one."""

    @abstractmethod
    def renew(self, batch):
        """Puts these values under the newest key where they are still as they were read."""


class Column(Place):
    """Ciphertext in a column: its whole text, or every token that follows `prefix` in it."""

    def __init__(self, model, name, prefix=""):
        column = model._meta.get_field(name)
        quote = connection.ops.quote_name
        self.name = f"{model._meta.db_table}.{column.column}"
        self.table, self.key = quote(model._meta.db_table), quote(model._meta.pk.column)
        self.column = quote(column.column)
        self.pattern = re.compile(re.escape(prefix) + TOKEN) if prefix else None
        is_jsonb = column.get_internal_type() == "JSONField" and connection.vendor == "postgresql"
        self.text = f"{self.column}::text" if is_jsonb else self.column
        self.stored = "%s::jsonb" if is_jsonb else "%s"
        self.holds = f"{self.text} LIKE '%%gAAAAA%%'" if prefix else f"{self.column} <> ''"

    def count(self):
        return self._ask(f"SELECT COUNT(*) FROM {self.table} WHERE {self.holds}", [])[0][0]  # noqa: S608

    def batches(self):
        rest, after = "", []
        while batch := self._ask(
            f"SELECT {self.key}, {self.text} FROM {self.table} WHERE {self.holds}{rest} "  # noqa: S608
            f"ORDER BY {self.key} LIMIT {AT_ONCE}",
            after,
        ):
            yield batch
            rest, after = f" AND {self.key} > %s", [batch[-1][0]]

    def keys(self, pk, value):
        return [sealed_by(token) for token in self._tokens(value)]

    def renew(self, batch):
        with transaction.atomic(), connection.cursor() as cursor:
            free = self._lock(cursor, [pk for pk, _ in batch])
            for pk, value in batch:
                if pk in free:
                    cursor.execute(
                        f"UPDATE {self.table} SET {self.column} = {self.stored} "  # noqa: S608
                        f"WHERE {self.key} = %s AND {self.text} = %s",
                        [self._renewed(value), pk, value],
                    )

    def _lock(self, cursor, pks):
        """Those rows that nobody else holds: who never waits is in nobody's way for long."""
        if connection.vendor != "postgresql":
            return set(pks)
        marks = ", ".join(["%s"] * len(pks))
        cursor.execute(
            f"SELECT {self.key} FROM {self.table} WHERE {self.key} IN ({marks}) "  # noqa: S608
            "FOR NO KEY UPDATE SKIP LOCKED",
            pks,
        )
        return {pk for (pk,) in cursor.fetchall()}

    def _tokens(self, text):
        return self.pattern.findall(text) if self.pattern else [text]

    def _renewed(self, text):
        for token in self._tokens(text):
            if sealed_by(token):  # One that no key opens keeps no other from being renewed.
                text = text.replace(token, cipher().rotate(token).decode())
        return text

    def _ask(self, sql, values):
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall()


def places():
    """Every place of every installed app."""
    for model in apps.get_models():
        for each in model._meta.local_fields:
            if isinstance(each, EncryptedTextField):
                yield Column(model, each.name)
    for config in apps.get_app_configs():
        for label, name, prefix in getattr(config, "sealed_text", ()):
            yield Column(apps.get_model(label), name, prefix)
        for path in getattr(config, "places", ()):
            module, _, kind = path.rpartition(".")
            yield getattr(import_module(module), kind)()


def whose(column, pk):
    """“ (7QK2M-XH4TB)” for a value that hangs on something people know by a name; else empty."""
    for config in apps.get_app_configs():
        for label, name in getattr(config, "known_as", ()):
            model = apps.get_model(label)
            if column.startswith(f"{model._meta.db_table}."):
                found = model.objects.filter(pk=pk).values_list(name, flat=True).first()
                return f" ({found})" if found else ""
    return ""


@dataclass
class Seen:
    """What one pass over one place has found."""

    name: str
    by_key: Counter = field(default_factory=Counter)  # {fingerprint: how many values}
    unknown: list = field(default_factory=list)  # Primary keys of what no key opens.

    @property
    def older(self):
        newest = fingerprints()[0]
        return sum(number for key, number in self.by_key.items() if key != newest)


def look(place, progress, go_on, *, renew=False):
    """Looks at everything in a place; with `renew` what is under an older key gets the newest."""
    seen, newest = Seen(place.name), fingerprints()[0]
    for batch in place.batches():
        go_on()
        older = []
        for pk, value in batch:
            keys = place.keys(pk, value)
            seen.by_key.update(key for key in keys if key)
            if None in keys:
                seen.unknown.append(pk)
            if any(key not in (None, newest) for key in keys):
                older.append((pk, value))
        if renew and older:
            place.renew(older)
        progress.add(len(batch))
    return seen
