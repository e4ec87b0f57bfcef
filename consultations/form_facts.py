"""What the form and its intake need to know of the practice, kept in this process.

Names to choose from, opening hours and the like change a few times a week, and each is a
query or two; making the page of the form of them takes longer still. They are fetched and
made anew as soon as another edition of the content is in force, which one short query tells.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import connection
from django.http import HttpRequest

from practice import context_processors
from practice.caching import edition
from practice.caching.blanks import Blanks
from practice.caching.edition import Edition
from practice.hours import Calendar
from practice.models import Location, Practice, Surgeon
from procedures.models import Procedure

# Of what is made of them, mostly pages: one for each procedure or surgeon that leads here.
MOST_MADE = 128


@dataclass(frozen=True)
class Facts:
    """Read by many threads: nothing in it is changed, but for what is made of it and added."""

    edition: Edition
    practice: Practice
    main_location: Location | None
    calendar: Calendar
    procedures: tuple[Procedure, ...]
    surgeons: tuple[Surgeon, ...]
    made: dict[Hashable, Any] = field(default_factory=dict)
    adding: Lock = field(default_factory=Lock, compare=False)

    def once(self, key: Hashable, make: Callable):
        """What `make()` gives, made once for as long as these facts hold and it has room."""
        if settings.DEBUG:  # There a changed template shows at once.
            return make()
        found = self.made.get(key)
        if found is None:
            found = make()
            with self.adding:
                while len(self.made) >= MOST_MADE:
                    del self.made[next(iter(self.made))]
                self.made[key] = found
        return found

    def filled(self, template, values, context, request=None):
        """The template with `values`, none of which stays behind for the next one.

        A value that is empty is as empty in the template, so that it can ask for it.
        """
        names = frozenset(name for name, value in values.items() if value)
        empty = dict.fromkeys(values.keys() - names, "")
        blanks = self.once(
            (template, names), lambda: Blanks(template, names, context | empty, request)
        )
        return blanks.filled(values)


_kept: Facts | None = None


def current() -> Facts:
    global _kept
    present = _present()  # Read before the rest: what changes meanwhile is fetched anew.
    facts = _kept
    if facts is None or facts.edition != present:
        facts = _kept = _fetched(present)
    return facts


def forget():
    """For tests, whose databases are rolled back to editions that were there before."""
    global _kept
    _kept = None


def _present():
    """The edition in force. It is what asks the database first, so a connection that broke
    since the last request is noticed and replaced here; nobody need ask again whether it works.
    """
    try:
        present = edition.current()
    except AnyDatabaseError:
        if connection.in_atomic_block:
            raise
        connection.close()
        present = edition.current()
    connection.health_check_done = True
    return present


def _fetched(present):
    # What this process has shown last is on the page that says that the database is gone.
    frame = context_processors.practice(HttpRequest())
    for name in ("practice", "main_location"):
        bool(frame[name])
    practice = Practice.current()
    procedures = Procedure.objects.published().only("name", "slug", "content_version")
    surgeons = Surgeon.objects.published().only("name", "post_nominals", "slug")
    return Facts(
        present,
        practice,
        Location.objects.published().filter(is_main=True).first(),
        practice.calendar(),
        tuple(procedures),
        tuple(surgeons),
    )
