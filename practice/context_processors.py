"""What every page's header and footer needs."""

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.utils.functional import SimpleLazyObject

from .models import Location, Practice

# What this process saw last. Only the page that says that the database cannot be reached
# is shown without one, and it needs the phone number most.
_last_known = {}


def practice(request):
    """`practice` and `main_location` are fetched only when a template uses them."""
    return {
        "site_url": settings.SITE_URL,
        "canonical": f"{settings.SITE_URL}{request.path}",
        "practice": SimpleLazyObject(current_practice),
        "main_location": SimpleLazyObject(
            lambda: _remembered(
                "main_location", Location.objects.published().filter(is_main=True).first
            )
        ),
    }


def current_practice():
    """The practice, or without a database the last one this process has seen."""
    return _remembered("practice", Practice.current) or Practice.placeholder()


def _remembered(name, fetch):
    try:
        _last_known[name] = fetch()
    except AnyDatabaseError:
        pass
    return _last_known.get(name)
