"""The admin shows and reads times as the practice's clocks show them."""

from functools import wraps

from django.utils import timezone

from .models import Practice


class PracticeTimeMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        with timezone.override(Practice.current().zone):
            return self.get_response(request)


def in_practice_time(generator):
    """For what is made while it leaves, when the middleware is long done with the answer.

    Between two pieces the thread has its own time zone again: it may do other work there.
    """

    @wraps(generator)
    def pieces(*args, **details):
        zone, made = Practice.current().zone, generator(*args, **details)
        while True:
            with timezone.override(zone):
                try:
                    piece = next(made)
                except StopIteration:
                    return
            yield piece

    return pieces
