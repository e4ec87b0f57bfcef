"""Which encrypted values the keys here open: asked when a backup is made, and when one is read.

A value that was altered, or whose key is lost, keeps no backup from being made or restored. It
is named by its table, column and row.
"""

import json
import re
from collections import Counter

from django.apps import apps

from practice import encryption
from practice.operations.key_rotation import TOKEN

from . import tables

LISTED = 20


class Sealed:
    """What was looked at: `by_key` counts what opens, `unread` what does not, by column."""

    def __init__(self):
        self.by_key, self.unread = Counter(), Counter()
        self.listed = []  # (column, primary key) of the first that do not open.
        self._files = {}  # {(storage, file name): (column, primary key)} of photographs.
        self._plans = {}

    @property
    def number(self):
        return self.by_key.total() + self.number_unread

    @property
    def number_unread(self):
        return self.unread.total()

    def holds(self, table):
        """Whether rows of this table hold anything encrypted, or name a file that is."""
        return bool(self._plan(table))

    def look_at_rows(self, table, rows):
        for where, place, read in self._plan(table):
            for row in rows:
                if row[place]:
                    read(self, (where, row[0]), row[place])

    def is_named(self, alias, name):
        """Whether a row names this file as encrypted; others in its folder are anybody's."""
        return (alias, name) in self._files

    def look_at_file(self, alias, name, content):
        self._look(self._files[alias, name], content)

    def in_words(self, whose=lambda column, key: ""):
        """Lines that name what cannot be read, and how many more there are.

        `whose` is asked where the rows are in the database here: key_rotation.whose.
        """
        lines = [
            f"Cannot be read: {where}, row {key}{whose(where, key)}" for where, key in self.listed
        ]
        if more := self.number_unread - len(self.listed):
            columns = ", ".join(f"{where} {number:,}" for where, number in self.unread.items())
            lines.append(f"… and {more:,} more. In all: {columns}.")
        return lines

    def _plan(self, table):
        """[(column in words, its position, what to do with a value)] for a table."""
        if table.name not in self._plans:
            self._plans[table.name] = [
                (f"{table.name}.{column}", place, read)
                for place, (column, kind) in enumerate(table.columns)
                if (read := _reading(table, column, kind))
            ]
        return self._plans[table.name]

    def _look(self, where, token):
        if key := encryption.sealed_by(token):
            self.by_key[key] += 1
            return
        column, _ = where
        self.unread[column] += 1
        if len(self.listed) < LISTED:
            self.listed.append(where)

    def _name_file(self, where, name):
        self._files["private", name] = where


def _reading(table, column, kind):
    """What to do with the values of a column; None when nothing in it is encrypted."""
    if kind == tables.SEALED:
        return Sealed._look
    if table.files.get(column) == "private":
        return Sealed._name_file
    prefix = _prefixes().get((table.name, column))
    if prefix is None:
        return None
    return _within(re.compile(re.escape(prefix) + TOKEN)) if prefix else Sealed._look


def _within(pattern):
    def read(sealed, where, value):
        text = value if isinstance(value, str) else json.dumps(value)
        for token in pattern.findall(text):
            sealed._look(where, token)

    return read


def _prefixes():
    """{(table, column): what ciphertext stands behind} of the text that each app names."""
    found = {}
    for config in apps.get_app_configs():
        for label, name, prefix in getattr(config, "sealed_text", ()):
            model = apps.get_model(label)
            found[model._meta.db_table, model._meta.get_field(name).column] = prefix
    return found
