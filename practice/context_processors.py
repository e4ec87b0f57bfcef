"""What every page's header and footer need."""

from contextlib import contextmanager, suppress
from contextvars import ContextVar

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.utils.functional import SimpleLazyObject

from .models import Location, Practice
from .sql import one_query
from .sql.one_query import NOW, OneQuery

# What this process saw last. Only the page that says that the database cannot be reached
# is shown without one, and it needs the phone number most.
_last_known = {}
_is_preview = ContextVar("nothing seen now is to be remembered", default=False)


def practice(request):
    """`practice` and `main_location` are fetched only when a template uses them."""
    return {
        "site_url": settings.SITE_URL,
        "canonical": f"{settings.SITE_URL}{request.path}",
        "practice": SimpleLazyObject(current_practice),
        "main_location": SimpleLazyObject(lambda: _remembered("main_location", _main().first)),
    }


def current_practice():
    """The practice, or without a database the last one this process has seen."""
    return _remembered("practice", Practice.current) or Practice.placeholder()


class WithFrame(OneQuery):
    """The rows of a page as lists, and the `practice` and `main_location` of its frame.

    As the context of a page they spare the frame its own queries.
    """

    def __init__(self, querysets):
        super().__init__(querysets)
        self.querysets = lambda: (
            querysets()
            | {
                "practice": Practice.objects.filter(pk=1),
                "main_location": _main(NOW),
            }
        )

    def fetch(self, *args, **given):
        found = super().fetch(*args, **given)
        own = found["practice"]
        found["practice"] = own[0] if own else Practice.current()
        found["main_location"] = next(iter(found["main_location"]), None)
        _remember(practice=found["practice"], main_location=found["main_location"])
        return found


@WithFrame
def frame():
    """For a page that shows nothing else."""
    return {}


def know_the_practice(edition):
    """Sees to it that this process can name the practice of this edition without a database."""
    if _last_known.get("edition") != edition:
        with suppress(AnyDatabaseError):
            frame.fetch()
            _remember(edition=edition)


@contextmanager
def nothing_remembered():
    """For a preview, which sees what may never be published."""
    token = _is_preview.set(True)
    try:
        yield
    finally:
        _is_preview.reset(token)


def _main(now=None):
    return Location.objects.published(now).filter(is_main=True)


def _remembered(name, fetch):
    try:
        found = fetch()
    except AnyDatabaseError:
        one_query.note_failure()
        return _last_known.get(name)
    _remember(**{name: found})
    return found


def _remember(**found):
    if not _is_preview.get():
        _last_known.update(found)
