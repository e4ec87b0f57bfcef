"""The admin shows and reads times as the practice's clocks show them."""

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
