"""How the admin says in which state a request is, and in which tone."""

from django import template
from django.utils.html import format_html

from practice.encryption import readable

from ..choices import Status

register = template.Library()
# {% readable row "message" as words %}: None where no key opens it.
register.simple_tag(readable)

TONES = {
    Status.NEW: "accent",
    Status.ATTEMPTING: "warn",
    Status.IN_CONTACT: "good",
    Status.BOOKED: "good",
    Status.QUARANTINED: "bad",
}


@register.filter
def badge(row):
    """The state as a word in a colour; the word alone says it all."""
    tone = TONES.get(row.status, "quiet")
    return format_html('<span class="badge is-{}">{}</span>', tone, row.get_status_display())
