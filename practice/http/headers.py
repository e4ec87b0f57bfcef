"""What every answer tells browsers besides its content, whoever made it.

Django's and django-csp's middleware write the rules for pages. What is answered before
they are reached (static files, redirects to HTTPS, refusals) gets the strictest ones here.
"""

from dataclasses import asdict
from pathlib import Path

from csp.constants import HEADER as CSP
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage
from django.utils.cache import add_never_cache_headers

from ..media import drawings

STAFF_PATHS = ("/admin/", "/staff/")
CORP = "Cross-Origin-Resource-Policy"
ALWAYS = {
    CSP: drawings.policy(),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    CORP: "same-origin",
}
# Pictures that other sites and search engines may show: logos, portraits, drawings, cards
# for links. Patients' pictures and everything else stay on our own pages.
SHOWN_ELSEWHERE = ("/social/", "/media/", "/static/img/")
NOT_SHOWN_ELSEWHERE = ("/media/cases/",)
# Every feature that browsers ask this header about. Staff sign in with passkeys; all else
# is off, for our own pages too.
PERMISSIONS = {
    "publickey-credentials-create": "self",
    "publickey-credentials-get": "self",
} | {
    feature: []
    for feature in (
        *("accelerometer", "ambient-light-sensor", "autoplay", "bluetooth", "browsing-topics"),
        *("camera", "clipboard-read", "clipboard-write", "compute-pressure", "display-capture"),
        *("encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid"),
        *("identity-credentials-get", "idle-detection", "keyboard-map", "local-fonts"),
        *("magnetometer", "microphone", "midi", "otp-credentials", "payment"),
        *("picture-in-picture", "screen-wake-lock", "serial", "storage-access", "sync-xhr"),
        *("usb", "web-share", "window-management", "xr-spatial-tracking"),
    )
}


class HeadersMiddleware:
    """Comes first, so that nothing leaves without these."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if _may_be_shown_elsewhere(request.path):
            response.headers.setdefault(CORP, "cross-origin")
        for name, value in ALWAYS.items():
            response.headers.setdefault(name, value)
        if request.path.startswith(STAFF_PATHS) and not _is_script(response):
            add_never_cache_headers(response)
        if getattr(request, "has_signed_out", False) and request.is_secure():
            # Not “cookies”: the page that follows has something to say in one.
            response["Clear-Site-Data"] = '"cache", "storage"'
        return response


class PagePolicyMiddleware(CSPMiddleware):
    """Writes no policy for a page that brings its own: a prepared one was given it when made."""

    def process_response(self, request, response):
        if CSP in response:
            return response
        response = super().process_response(request, response)
        if CSP not in response:  # With DEBUG it leaves pages for 404 and 500 out, ours among them.
            parts = self.get_policy_parts(request=request, response=response)
            response[CSP] = build_policy(**asdict(parts))
        return response


def _may_be_shown_elsewhere(path):
    return path.startswith(SHOWN_ELSEWHERE) and not path.startswith(NOT_SHOWN_ELSEWHERE)


def _is_script(response):
    """The admin's words for its scripts: the same for everybody, and on every page."""
    return "javascript" in response.get("Content-Type", "")


def of_static_file(headers, path, url):
    """Whitenoise asks once for each file. A drawing may style itself, as written."""
    if url.endswith(".svg"):
        headers[CSP] = drawings.policy(Path(path).read_bytes())
    if url.endswith(".woff2") and settings.DEBUG:
        # Asked for anew on every page it comes too late, and headings change from page to page.
        headers["Cache-Control"] = "max-age=3600"


class _Cookie(CookieStorage):
    @property
    def cookie_name(self):
        return f"{settings.COOKIE_PREFIX}messages"


class MessageStorage(FallbackStorage):
    storage_classes = (_Cookie, SessionStorage)
