"""Refuses the HTTP methods that no page here has a use for. Django answers TRACE by itself."""

from django.http import HttpResponseNotAllowed

ALLOWED = ("GET", "HEAD", "POST", "OPTIONS")


class AllowedMethodsMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.method not in ALLOWED:
            return HttpResponseNotAllowed(ALLOWED)
        response = self.get_response(request)
        if request.method == "HEAD":
            _leave_out_the_body(response)
        return response


def _leave_out_the_body(response):
    """Headers as for GET. The server would leave the body out as well, but complains of it."""
    if response.streaming:
        response.streaming_content = ()
    else:
        response.headers.setdefault("Content-Length", str(len(response.content)))
        response.content = b""
