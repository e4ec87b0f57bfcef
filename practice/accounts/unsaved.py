"""What staff typed while their session ran out is given back, ready to be saved again.

A save that comes too late is answered with a page that holds what was posted, in hidden
fields and nowhere else: not in the session, the address, a cache or a log. Passwords and
files are left out. After signing in again the person presses “Save again”.

Why this does not open the door that CSRF protection closes: the page hands out a valid token
together with fields that the request named, so a form on another site must never bring it
up. It is shown only when the browser itself says that one of our own pages navigated here:
`Origin` equals our scheme and host, and `Sec-Fetch-Site`, where sent, is `same-origin`. No
script or form of another site, and nobody on a plain HTTP connection, can set these. Where
either is missing or differs the answer is what it always was. Nothing is done by showing
the page; the second send passes every check like any other: token, sign-in, second factor,
permission, and what colleagues changed meanwhile (the fields that say what the page showed
are kept too). It goes to the address that was asked for, never to one from a field.

The status is 403, not 401: HTTP asks every 401 to name an authentication scheme of HTTP
itself, which a sign-in page is none of; 403 means that the request may be repeated with
other credentials (RFC 9110, 15.5.4).
"""

import re

from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

NOT_KEPT = re.compile(r"password|^confirm-|^csrfmiddlewaretoken$", re.IGNORECASE)
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
# Signing out is done when one is signed out.
NOTHING_TO_SAVE = ("/admin/login/", "/admin/logout/")


class UnsavedTextMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        """Comes after Django's CSRF protection: only what that let pass arrives here."""
        if is_save_by_our_own_page(request) and not request.user.is_authenticated:
            return given_back(request)
        return None


def is_save_by_our_own_page(request) -> bool:
    return (
        request.method == "POST"
        and request.path.startswith("/admin/")
        and not request.path.startswith(NOTHING_TO_SAVE)
        and request.content_type in FORMS
        and _comes_from_our_own_page(request)
    )


def _comes_from_our_own_page(request):
    """Whether the browser says that one of our pages navigated here; fetches do not count."""
    return (
        request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"
        and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
        and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    )


def given_back(request):
    context = {
        "address": request.get_full_path(),
        "kept": [
            (name, value)
            for name, values in request.POST.lists()
            if not NOT_KEPT.search(name)
            for value in values
        ],
        "had_files": bool(request.FILES),
        "had_password": any(
            "password" in name.lower() and request.POST[name] for name in request.POST
        ),
    }
    response = render(request, "staff/unsaved.html", context, status=403)
    add_never_cache_headers(response)
    return response
