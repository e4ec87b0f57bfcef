"""What every page's header and footer needs."""

from django.utils.functional import SimpleLazyObject

from .models import Location, Practice


def practice(request):
    """`practice` and `main_location`, each fetched only when a template uses it."""
    return {
        "practice": SimpleLazyObject(Practice.current),
        "main_location": SimpleLazyObject(
            lambda: Location.objects.published().filter(is_main=True).first()
        ),
    }
